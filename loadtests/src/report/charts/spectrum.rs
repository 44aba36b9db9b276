//! The whole distribution of response times: how slow the slowest share of arrivals is.

use hdrhistogram::Histogram;

use crate::record::new_histogram;
use crate::record::store::StoredRecord;

use super::super::svg::{Axis, Chart, Scale, Series, Style};
use super::millis;

/// Points per further nine.
const POINTS: i32 = 12;

/// `None` where no distributions lie beside the record.
pub fn chart(record: &StoredRecord) -> Option<Chart> {
    let measured = record
        .document
        .arms
        .iter()
        .filter(|arm| !arm.rounds.is_empty())
        .enumerate();
    let merged: Vec<(usize, &str, Histogram<u64>)> = measured
        .filter_map(|(number, arm)| Some((number, arm.name.as_str(), merged(record, &arm.name)?)))
        .collect();
    let most = merged
        .iter()
        .map(|(_, _, latencies)| latencies.len())
        .max()
        .filter(|most| *most > 0)?;
    let deepest = 1.0 - 1.0 / most.max(10) as f64;
    let line = |(number, name, latencies): &(usize, &str, Histogram<u64>)| Series {
        name: (*name).to_owned(),
        style: Style::Line(*number),
        points: points(latencies),
    };
    let series: Vec<Series> = merged.iter().map(line).collect();
    let values = series
        .iter()
        .flat_map(|series| series.points.iter().filter_map(|point| point.1));
    Some(Chart {
        slug: "spectrum".to_owned(),
        title: "Response times by percentile".to_owned(),
        description: "How slow the given share of arrivals is at most; each further nine takes as much room as the last."
            .to_owned(),
        x: Axis {
            label: "share of arrivals answered at least this fast".to_owned(),
            scale: Scale::Tail,
            min: 0.0,
            max: deepest,
            ticks: Vec::new(),
            format: percent,
        },
        y: Axis::log("response time", values, millis),
        bands: Vec::new(),
        series,
        marks: Vec::new(),
        stacks: Vec::new(),
        note: "All judged phases of all rounds together; failed arrivals count as at least their deadline.".to_owned(),
    })
}

fn merged(record: &StoredRecord, arm: &str) -> Option<Histogram<u64>> {
    let rounds = record
        .document
        .arms
        .iter()
        .find(|found| found.name == arm)?
        .rounds
        .iter();
    let mut all = new_histogram();
    for round in rounds {
        let logs = record.histograms.get(&(arm.to_owned(), round.round))?;
        for (name, histograms) in logs {
            let judged = round
                .phases
                .iter()
                .any(|phase| phase.name == *name && !phase.warmup);
            if judged {
                all.add(&histograms.response).ok()?;
            }
        }
    }
    Some(all)
}

/// Down to the quantile that one sample decides.
fn points(latencies: &Histogram<u64>) -> Vec<(f64, Option<f64>)> {
    if latencies.is_empty() {
        return Vec::new();
    }
    let nines = (latencies.len() as f64).log10();
    let last = (nines * f64::from(POINTS)) as i32;
    let quantile = |i: i32| 1.0 - 10f64.powf(-f64::from(i) / f64::from(POINTS));
    let value = |q: f64| Some(latencies.value_at_quantile(q) as f64 / 1e3);
    (0..=last).map(quantile).map(|q| (q, value(q))).collect()
}

fn percent(quantile: f64) -> String {
    // Rounded first: 0.999 * 100 is not quite 99.9.
    let text = format!("{:.4}", quantile * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn percentages_keep_their_nines_and_zero_stays_zero() {
        let shown = [0.0, 0.5, 0.9, 0.999, 0.9999].map(percent);
        assert_eq!(
            shown,
            ["0 %", "50 %", "90 %", "99.9 %", "99.99 %"].map(str::to_owned)
        );
    }

    #[test]
    fn the_line_goes_as_deep_as_the_samples() {
        let mut latencies = new_histogram();
        (1..=1000).for_each(|i| latencies.record(i * 1000).unwrap());
        let line = points(&latencies);
        assert!((line.last().unwrap().0 - 0.999).abs() < 1e-9);
        assert!(line.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }
}
