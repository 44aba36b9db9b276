//! Distributions as `HdrHistogram` V2 interval logs, so that records can be merged without loss and
//! read by every tool of that family.
//!
//! One log per trial. Each histogram is an interval tagged `PHASE;KIND` or `PHASE;step;NAME`, in
//! microseconds, the names percent-encoded; the intervals are the phases.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriter, IntervalLogWriterBuilder,
    LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use super::{PhaseHistograms, TrialRecord};

/// What a tag must not hold, and what separates its parts.
const NOT_IN_TAGS: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b';').add(b'%');
/// Significant digits of every histogram in a record.
const DIGITS: u8 = 3;

#[derive(Debug, Error)]
pub enum HistogramError {
    #[error("a histogram could not be written: {0}")]
    Write(String),
    #[error("the interval log is damaged at byte {0}")]
    Log(usize),
    #[error("the histogram tagged `{tag}` cannot be read: {problem}")]
    Entry { tag: String, problem: String },
    #[error("histograms cannot be added: {0}")]
    Add(String),
}

impl PhaseHistograms {
    pub fn empty() -> Self {
        Self {
            response: new_histogram(),
            ok: new_histogram(),
            service: new_histogram(),
            ttfb: new_histogram(),
            release_lag: new_histogram(),
            send_lag: new_histogram(),
            steps: BTreeMap::new(),
        }
    }

    /// Adds another's counts, bucket by bucket.
    pub fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        let failed = |error: hdrhistogram::AdditionError| HistogramError::Add(format!("{error:?}"));
        for ((_, own), (_, more)) in self.kinds_mut().into_iter().zip(other.kinds()) {
            own.add(more).map_err(failed)?;
        }
        for (step, more) in &other.steps {
            self.steps
                .entry(step.clone())
                .or_insert_with(new_histogram)
                .add(more)
                .map_err(failed)?;
        }
        Ok(())
    }

    fn kinds(&self) -> [(&'static str, &Histogram<u64>); 6] {
        [
            ("response", &self.response),
            ("ok", &self.ok),
            ("service", &self.service),
            ("ttfb", &self.ttfb),
            ("release_lag", &self.release_lag),
            ("send_lag", &self.send_lag),
        ]
    }

    fn kinds_mut(&mut self) -> [(&'static str, &mut Histogram<u64>); 6] {
        [
            ("response", &mut self.response),
            ("ok", &mut self.ok),
            ("service", &mut self.service),
            ("ttfb", &mut self.ttfb),
            ("release_lag", &mut self.release_lag),
            ("send_lag", &mut self.send_lag),
        ]
    }
}

/// A histogram that grows with its values, at the precision of records.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("3 significant digits are within the library's 0 to 5")
}

/// The interval log of one trial.
pub fn write_log(record: &TrialRecord) -> Result<Vec<u8>, HistogramError> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("Squall: distributions in microseconds, tagged PHASE;KIND or PHASE;step;NAME")
        .with_base_time(record.started_at.into())
        .begin_log_with(&mut log, &mut serializer)
        .map_err(|error| HistogramError::Write(error.to_string()))?;
    let mut start = Duration::ZERO;
    for (phase, histograms) in record.trial.phases.iter().zip(&record.histograms) {
        let name = encoded(&phase.name);
        let kinds = histograms
            .kinds()
            .map(|(kind, histogram)| (format!("{name};{kind}"), histogram));
        let steps = histograms.steps.iter();
        let steps =
            steps.map(|(step, histogram)| (format!("{name};step;{}", encoded(step)), histogram));
        for (tag, histogram) in kinds.into_iter().chain(steps) {
            write_histogram(&mut writer, &tag, histogram, start, phase.duration)?;
        }
        start += phase.duration;
    }
    Ok(log)
}

/// Reads a trial's log again: by phase, in the log's order.
pub fn read_log(log: &[u8]) -> Result<Vec<(String, PhaseHistograms)>, HistogramError> {
    let mut phases: Vec<(String, PhaseHistograms)> = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let entry = entry.map_err(|error| match error {
            hdrhistogram::serialization::interval_log::LogIteratorError::ParseError { offset } => {
                HistogramError::Log(offset)
            }
        })?;
        if let LogEntry::Interval(interval) = entry {
            read_interval(&interval, &mut deserializer, &mut phases)?;
        }
    }
    Ok(phases)
}

fn write_histogram(
    writer: &mut IntervalLogWriter<'_, '_, Vec<u8>, V2DeflateSerializer>,
    tag: &str,
    histogram: &Histogram<u64>,
    start: Duration,
    duration: Duration,
) -> Result<(), HistogramError> {
    writer
        .write_histogram(histogram, start, duration, Tag::new(tag))
        .map_err(|error| HistogramError::Write(error.to_string()))
}

fn read_interval(
    interval: &IntervalLogHistogram<'_>,
    deserializer: &mut Deserializer,
    phases: &mut Vec<(String, PhaseHistograms)>,
) -> Result<(), HistogramError> {
    let tag = interval.tag().map(|tag| tag.as_str()).unwrap_or_default();
    let damaged = |problem: &str| HistogramError::Entry {
        tag: tag.to_owned(),
        problem: problem.to_owned(),
    };
    let bytes = STANDARD
        .decode(interval.encoded_histogram())
        .map_err(|error| damaged(&error.to_string()))?;
    let read: Histogram<u64> = deserializer
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| damaged(&error.to_string()))?;
    let parts: Vec<&str> = tag.split(';').collect();
    let [phase, rest @ ..] = parts.as_slice() else {
        return Err(damaged("the tag is empty"));
    };
    let phase = decoded(phase).ok_or_else(|| damaged("its phase is not UTF-8"))?;
    if phases.last().is_none_or(|(last, _)| *last != phase) {
        phases.push((phase, PhaseHistograms::empty()));
    }
    let Some((_, histograms)) = phases.last_mut() else {
        return Ok(());
    };
    let target = match rest {
        ["step", name] => {
            let name = decoded(name).ok_or_else(|| damaged("its step is not UTF-8"))?;
            histograms.steps.entry(name).or_insert_with(new_histogram)
        }
        [kind] => histograms
            .kinds_mut()
            .into_iter()
            .find_map(|(known, histogram)| (known == *kind).then_some(histogram))
            .ok_or_else(|| damaged("there is no such kind"))?,
        _ => return Err(damaged("the tag is neither PHASE;KIND nor PHASE;step;NAME")),
    };
    target
        .add(read)
        .map_err(|error| HistogramError::Add(format!("{error:?}")))
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_TAGS).to_string()
}

fn decoded(name: &str) -> Option<String> {
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::fixture;

    fn counts(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
        histogram
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect()
    }

    #[test]
    fn a_log_gives_back_every_count() {
        let mut record = fixture::record("naive", 1, 3);
        let odd = record.histograms[1].response.clone();
        record.histograms[1]
            .steps
            .insert("POST /a b,c;d%/{é}".to_owned(), odd);
        record.histograms[2].ok = new_histogram();
        let read = read_log(&write_log(&record).unwrap()).unwrap();
        assert_eq!(read.len(), record.phases.len());
        for ((name, read), (phase, written)) in read
            .iter()
            .zip(record.phases.iter().zip(&record.histograms))
        {
            assert_eq!(*name, phase.name);
            for ((kind, read), (_, written)) in read.kinds().iter().zip(written.kinds()) {
                assert_eq!(counts(read), counts(written), "{kind} of {name}");
            }
            assert!(
                read.steps.keys().eq(written.steps.keys()),
                "steps of {name}"
            );
            for (step, read) in &read.steps {
                assert_eq!(
                    counts(read),
                    counts(&written.steps[step]),
                    "{step} of {name}"
                );
            }
        }
    }

    #[test]
    fn merged_logs_hold_the_counts_of_both() {
        let log = |hurt| read_log(&write_log(&fixture::record("naive", 1, hurt)).unwrap()).unwrap();
        let (mut one, two) = (log(0), log(9));
        let total = one[3].1.response.len() + two[3].1.response.len();
        one[3].1.add(&two[3].1).unwrap();
        assert_eq!(one[3].1.response.len(), total);
        assert_eq!(one[3].1.steps[fixture::STEP].len(), total);
        assert!(
            one[3].1.response.max() >= 2_000_000,
            "the slower one's maximum is kept"
        );
    }

    #[test]
    fn damaged_logs_are_refused_with_the_place() {
        let good = String::from_utf8(write_log(&fixture::record("naive", 1, 0)).unwrap()).unwrap();
        let cut = good.replace("Tag=warm;ok,", "Tag=warm;okay,");
        assert!(
            matches!(read_log(cut.as_bytes()), Err(HistogramError::Entry { tag, .. }) if tag == "warm;okay")
        );
        let first = good.find("HISTFAAA").unwrap();
        let scrambled = format!("{}!!!!{}", &good[..first], &good[first + 4..]);
        assert!(matches!(
            read_log(scrambled.as_bytes()),
            Err(HistogramError::Entry { .. })
        ));
        assert!(read_log(b"Tag=a;ok,1,2").is_err());
    }
}
