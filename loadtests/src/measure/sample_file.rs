//! One line per arrival, as CSV or JSON lines, for whoever wants more than histograms.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use thiserror::Error;

use super::clock::{Nanos, offset_millis};
use super::sample::ArrivalSample;

#[derive(Debug, Error)]
pub enum SampleFileError {
    #[error(
        "--samples {0}: the name must end in .csv, .jsonl, .ndjson or .json, which says what to write"
    )]
    UnknownFormat(String),
    #[error(
        "--samples {path}: {source}; name a file in a folder that exists and may be written, such as --samples samples.csv"
    )]
    Open { path: String, source: io::Error },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// What a line says about the trial that its arrival belongs to.
#[derive(Debug, Clone)]
pub struct SampleLabels {
    pub arm: String,
    pub round: u32,
    pub phases: Vec<String>,
    pub journeys: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    arm: &'a str,
    round: u32,
    phase: &'a str,
    journey: &'a str,
    seq: u64,
    intended_s: f64,
    release_lag_ms: Option<f64>,
    start_lag_ms: Option<f64>,
    send_lag_ms: Option<f64>,
    ttfb_ms: Option<f64>,
    service_ms: Option<f64>,
    response_ms: f64,
    attempts: u32,
    outcome: &'a str,
}

const CSV_HEADER: &str = "arm,round,phase,journey,seq,intended_s,release_lag_ms,start_lag_ms,send_lag_ms,\
                          ttfb_ms,service_ms,response_ms,attempts,outcome";

/// An open file; lines of several trials follow each other.
#[derive(Debug)]
pub struct SampleFile {
    out: BufWriter<File>,
    format: Format,
    /// The first error; nothing is written after it.
    failed: Option<io::Error>,
}

impl SampleFile {
    /// Fails when the file could not be made. What is there stays as it is.
    pub fn check(path: &Path) -> Result<(), SampleFileError> {
        format_of(path)?;
        let is_new = !path.exists();
        let opened = OpenOptions::new().append(true).create(true).open(path);
        let tried = opened.and_then(|_| {
            if is_new {
                fs::remove_file(path)
            } else {
                Ok(())
            }
        });
        tried.map_err(|source| SampleFileError::Open {
            path: path.display().to_string(),
            source,
        })
    }

    /// Makes the file, over one that is there; its extension says in which format.
    pub fn create(path: &Path) -> Result<Self, SampleFileError> {
        let shown = path.display().to_string();
        let format = format_of(path)?;
        let opened = File::create(path).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 16, file);
            if format == Format::Csv {
                writeln!(out, "{CSV_HEADER}")?;
            }
            Ok(out)
        });
        let out = opened.map_err(|source| SampleFileError::Open {
            path: shown,
            source,
        })?;
        Ok(Self {
            out,
            format,
            failed: None,
        })
    }

    /// Writes one line. After an error it does nothing; [`flush`](Self::flush) tells of it.
    pub fn write(&mut self, labels: &SampleLabels, sample: &ArrivalSample) {
        if self.failed.is_some() {
            return;
        }
        let outcome = sample.outcome.label();
        let line = line(labels, sample, &outcome);
        let written = match self.format {
            Format::Csv => write_csv(&mut self.out, &line),
            Format::JsonLines => serde_json::to_writer(&mut self.out, &line)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n")),
        };
        self.failed = written.err();
    }

    /// Hands everything to the system; the first error of this file, if there was one.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

fn format_of(path: &Path) -> Result<Format, SampleFileError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(Format::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(Format::JsonLines),
        _ => Err(SampleFileError::UnknownFormat(path.display().to_string())),
    }
}

fn line<'a>(labels: &'a SampleLabels, sample: &ArrivalSample, outcome: &'a str) -> Line<'a> {
    let lag = |moment: Option<Nanos>| moment.map(|moment| offset_millis(sample.intended, moment));
    let since_sent = |moment: Option<Nanos>| Some(offset_millis(sample.sent?, moment?));
    let name = |names: &'a [String], at: u16| names.get(usize::from(at)).map_or("", String::as_str);
    Line {
        arm: &labels.arm,
        round: labels.round,
        phase: name(&labels.phases, sample.phase),
        journey: name(&labels.journeys, sample.journey),
        seq: sample.seq,
        intended_s: sample.intended as f64 / 1e9,
        release_lag_ms: lag(sample.released),
        start_lag_ms: lag(sample.started),
        send_lag_ms: lag(sample.sent),
        ttfb_ms: since_sent(sample.first_byte),
        service_ms: since_sent(sample.last_byte),
        response_ms: offset_millis(sample.intended, sample.ended),
        attempts: sample.attempts,
        outcome,
    }
}

fn write_csv(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    let quoted = |text: &str| {
        let plain = !text.contains(['"', ',', '\n', '\r']);
        if plain {
            text.to_owned()
        } else {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
    };
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    writeln!(
        out,
        "{},{},{},{},{},{:.6},{},{},{},{},{},{:.3},{},{}",
        quoted(line.arm),
        line.round,
        quoted(line.phase),
        quoted(line.journey),
        line.seq,
        line.intended_s,
        number(line.release_lag_ms),
        number(line.start_lag_ms),
        number(line.send_lag_ms),
        number(line.ttfb_ms),
        number(line.service_ms),
        line.response_ms,
        line.attempts,
        line.outcome,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::measure::{Outcome, Reads};

    fn labels() -> SampleLabels {
        SampleLabels {
            arm: "a, b".into(),
            round: 2,
            phases: vec!["calm".into()],
            journeys: vec!["browse".into()],
        }
    }

    fn unsent() -> ArrivalSample {
        ArrivalSample {
            seq: 7,
            phase: 0,
            journey: 0,
            attempts: 0,
            outcome: Outcome::Unsent,
            reads: Reads::default(),
            waited: true,
            intended: 1_500_000_000,
            released: Some(1_500_250_000),
            started: None,
            sent: None,
            first_byte: None,
            last_byte: None,
            ended: 2_500_000_000,
        }
    }

    #[test]
    fn both_formats_hold_the_same_columns() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["s.csv", "s.jsonl"] {
            let mut file = SampleFile::create(&folder.path().join(name)).unwrap();
            file.write(&labels(), &unsent());
            file.flush().unwrap();
        }
        let csv = fs::read_to_string(folder.path().join("s.csv")).unwrap();
        assert_eq!(
            csv.lines().nth(1).unwrap(),
            "\"a, b\",2,calm,browse,7,1.500000,0.250,,,,,1000.000,0,unsent"
        );
        let json = fs::read_to_string(folder.path().join("s.jsonl")).unwrap();
        let row: serde_json::Value = serde_json::from_str(&json).unwrap();
        let keys: Vec<&str> = row
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys.join(","), csv.lines().next().unwrap());
        assert_eq!(row["outcome"], "unsent");
        assert_eq!(row["send_lag_ms"], serde_json::Value::Null);
    }

    #[test]
    fn an_unknown_extension_is_refused_with_the_known_ones() {
        let error = SampleFile::create(Path::new("samples.xlsx")).unwrap_err();
        assert!(error.to_string().contains(".csv"), "{error}");
    }
}
