//! Charts over the timeline of the run. Several rounds are drawn as their median, second by second.

use std::collections::BTreeMap;

use crate::record::show::number;
use crate::record::{ArmDocument, Event, RecordDocument, SecondRecord};
use crate::stats;

use super::super::svg::{Axis, Band, BandKind, Chart, Scale, Series, Style};
use super::{breaker, millis, slug};

pub(super) type Reading = fn(&SecondRecord) -> Option<f64>;

pub(super) const OFFERED: Reading = |second| Some(second.offered as f64);
pub(super) const GOODPUT: Reading = |second| Some(second.ok as f64);
const FAILED: Reading = |second| Some((second.failed + second.unsent) as f64);
pub(super) const ATTEMPTS: Reading = |second| Some(second.attempts as f64);
/// Gauges of the service's connection pool, and how the legend calls them.
const POOL: [(&str, &str); 3] = [
    ("pool_size_max", "open"),
    ("pool_in_use_max", "in use"),
    ("pool_pending_max", "requests waiting"),
];

/// Throughput, latency and, where the service told, its connection pool.
pub fn of_arm(document: &RecordDocument, arm: &ArmDocument) -> Vec<Chart> {
    let line = |name: &str, style, reading| Series {
        name: name.to_owned(),
        style,
        points: over_rounds(document, &arm.name, reading),
    };
    let (name, file) = (&arm.name, slug(&arm.name));
    let mut rates = vec![
        line("offered", Style::Reference, OFFERED),
        line("answered in time", Style::Line(0), GOODPUT),
    ];
    rates.push(line("failed", Style::Line(1), FAILED));
    if arm.load.as_ref().is_some_and(|load| load.retries > 0) {
        rates.push(line("attempts", Style::Line(3), ATTEMPTS));
    }
    let mut latencies = vec![
        line("p50", Style::Line(0), |s| s.p50_ms),
        line("p99", Style::Line(1), |s| s.p99_ms),
    ];
    let timeline = Timeline::of(document, Some(arm));
    latencies.extend(deadline(&timeline, arm));
    latencies.extend(breaker::states(arm, timeline.end));
    let mut charts = vec![
        rate_chart(
            &timeline,
            &format!("arm-{file}-throughput"),
            &format!("{name}: offered and answered"),
            "Arrivals per second: offered, answered in time, and failed.",
            rates,
        ),
        latency_chart(
            &timeline,
            &format!("arm-{file}-latency"),
            &format!("{name}: response time"),
            "Median and 99th percentile of response times in each second, on a logarithmic scale.",
            latencies,
        ),
    ];
    charts.extend(pool_chart(document, &timeline, arm));
    charts
}

fn pool_chart(document: &RecordDocument, timeline: &Timeline, arm: &ArmDocument) -> Option<Chart> {
    let lines = readings(document, arm, &POOL);
    if lines.is_empty() {
        return None;
    }
    let mut chart = rate_chart(
        timeline,
        &format!("arm-{}-pool", slug(&arm.name)),
        &format!("{}: database connections", arm.name),
        "Connections of the service's pool and requests that wait for one.",
        lines,
    );
    "connections, requests".clone_into(&mut chart.y.label);
    Some(chart)
}

/// One line for each of these figures that was measured.
fn readings(document: &RecordDocument, arm: &ArmDocument, figures: &[(&str, &str)]) -> Vec<Series> {
    let lines = figures
        .iter()
        .enumerate()
        .filter_map(|(number, (figure, label))| {
            let points = over_rounds(document, &arm.name, |second| {
                second.server.get(*figure).copied().flatten()
            });
            let seen = points.iter().any(|(_, y)| y.is_some());
            seen.then(|| Series {
                name: (*label).to_owned(),
                style: Style::Line(number),
                points,
            })
        });
    lines.collect()
}

/// What failed arrivals are counted as, at least.
fn deadline(timeline: &Timeline, arm: &ArmDocument) -> Option<Series> {
    let millis = arm.load.as_ref()?.deadline_s * 1e3;
    let end = timeline.end;
    Some(Series {
        name: "deadline".to_owned(),
        style: Style::Reference,
        points: vec![(0.0, Some(millis)), (end, Some(millis))],
    })
}

/// Second to the median over rounds, at the middle of each second.
pub(super) fn over_rounds(
    document: &RecordDocument,
    arm: &str,
    reading: impl Fn(&SecondRecord) -> Option<f64>,
) -> Vec<(f64, Option<f64>)> {
    let mut seconds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for row in document.series.iter().filter(|row| row.arm == arm) {
        seconds
            .entry(row.second.second)
            .or_default()
            .extend(reading(&row.second));
    }
    seconds
        .into_iter()
        .map(|(second, values)| (f64::from(second) + 0.5, stats::median(values)))
        .collect()
}

/// The axis of time that a chart stands on.
pub(super) struct Timeline {
    end: f64,
    bands: Vec<Band>,
    rounds: usize,
}

impl Timeline {
    /// That of the first arm that was run; the same in every arm.
    pub(super) fn of_all(document: &RecordDocument) -> Self {
        Self::of(
            document,
            document.arms.iter().find(|arm| arm.load.is_some()),
        )
    }

    fn of(document: &RecordDocument, arm: Option<&ArmDocument>) -> Self {
        Self {
            end: timeline_end(document, arm),
            bands: arm.map(bands).unwrap_or_default(),
            rounds: document.rounds(),
        }
    }
}

pub(super) fn rate_chart(
    timeline: &Timeline,
    slug: &str,
    title: &str,
    description: &str,
    series: Vec<Series>,
) -> Chart {
    let y = Axis::from_zero("per second", values(&series), number);
    time_chart(timeline, slug, title, description, y, series)
}

pub(super) fn latency_chart(
    timeline: &Timeline,
    slug: &str,
    title: &str,
    description: &str,
    series: Vec<Series>,
) -> Chart {
    let y = Axis::log("response time", values(&series), millis);
    time_chart(timeline, slug, title, description, y, series)
}

fn time_chart(
    timeline: &Timeline,
    slug: &str,
    title: &str,
    description: &str,
    y: Axis,
    series: Vec<Series>,
) -> Chart {
    let x = Axis {
        label: "seconds from the start".to_owned(),
        scale: Scale::Linear,
        min: 0.0,
        max: timeline.end,
        ticks: Vec::new(),
        format: number,
    };
    let note = match timeline.rounds {
        0 | 1 => String::new(),
        rounds => format!("The median of {rounds} rounds, second by second."),
    };
    Chart {
        slug: slug.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        x,
        y,
        bands: timeline.bands.clone(),
        series,
        marks: Vec::new(),
        stacks: Vec::new(),
        note,
    }
}

fn values(series: &[Series]) -> impl Iterator<Item = f64> {
    series
        .iter()
        .flat_map(|series| series.points.iter().filter_map(|point| point.1))
}

fn timeline_end(document: &RecordDocument, arm: Option<&ArmDocument>) -> f64 {
    let planned = arm.and_then(|arm| arm.load.as_ref()).map_or(0.0, |load| {
        load.phases.iter().map(|phase| phase.duration_s).sum()
    });
    let measured = document
        .series
        .iter()
        .map(|row| f64::from(row.second.second) + 1.0)
        .fold(0.0, f64::max);
    // A timeline in fractions of a second ends within its last row.
    if planned > 0.0 {
        planned
    } else {
        measured.max(1.0)
    }
}

/// Phases and faults.
fn bands(arm: &ArmDocument) -> Vec<Band> {
    let mut from = 0.0;
    let mut bands = Vec::new();
    for phase in arm.load.iter().flat_map(|load| &load.phases) {
        let to = from + phase.duration_s;
        let kind = if phase.warmup {
            BandKind::Warmup
        } else {
            BandKind::Phase
        };
        bands.push(Band {
            from,
            to,
            label: phase.name.clone(),
            kind,
        });
        from = to;
    }
    bands.extend(
        arm.rounds
            .first()
            .map(|round| faults(&round.events, from))
            .unwrap_or_default(),
    );
    bands
}

/// Pairs each start with the next end of the same fault; faults of the same stretch share a band.
fn faults(events: &[Event], end_of_timeline: f64) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for (index, start) in events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.kind == "fault_start")
    {
        let end = events[index..]
            .iter()
            .find(|event| event.kind == "fault_end" && event.detail == start.detail);
        let to = end.map_or(end_of_timeline, |event| event.at_s);
        let same =
            |band: &&mut Band| (band.from - start.at_s).abs() < 0.5 && (band.to - to).abs() < 0.5;
        match bands.iter_mut().find(same) {
            Some(band) => band.label = format!("{} + {}", band.label, without_phase(start)),
            None => bands.push(Band {
                from: start.at_s,
                to,
                label: without_phase(start).to_owned(),
                kind: BandKind::Fault,
            }),
        }
    }
    bands
}

/// What the fault is; in which phase it holds is to be seen.
fn without_phase(start: &Event) -> &str {
    let (fault, _) = start
        .detail
        .split_once(" (phase ")
        .unwrap_or((&start.detail, ""));
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_s: f64, kind: &str, detail: &str) -> Event {
        Event {
            at_s,
            kind: kind.to_owned(),
            detail: detail.to_owned(),
            in_flight: None,
        }
    }

    #[test]
    fn faults_are_paired_by_what_they_are_and_share_a_band_in_the_same_stretch() {
        let events = [
            event(5.0, "fault_start", "a (phase x)"),
            event(5.01, "fault_start", "b (phase x)"),
            event(8.0, "fault_end", "a (phase x)"),
            event(8.0, "fault_end", "b (phase x)"),
            event(12.0, "fault_start", "a (phase y)"),
        ];
        let found: Vec<(f64, f64, String)> = faults(&events, 20.0)
            .into_iter()
            .map(|band| (band.from, band.to, band.label))
            .collect();
        assert_eq!(
            found,
            [(5.0, 8.0, "a + b".to_owned()), (12.0, 20.0, "a".to_owned())]
        );
    }
}
