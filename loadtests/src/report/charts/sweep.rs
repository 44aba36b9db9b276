//! What a swept key does to goodput and latency, with the knee and, where the points allow, the
//! curve of the Universal Scalability Law.

use crate::record::show::number;
use crate::record::{ArmDocument, PhaseRecord, RecordDocument, SweepFacts};
use crate::stats::{self, Usl};

use super::super::svg::{Axis, Chart, LabelAt, Mark, Scale, Series, Style};
use super::millis;

/// A swept range at least this wide is drawn on a logarithmic axis.
const WIDE: f64 = 8.0;
const CURVE_POINTS: u32 = 60;

/// A figure over the swept values: one point per round, and their medians.
struct Curve {
    rounds: Vec<(f64, Option<f64>)>,
    medians: Vec<(f64, Option<f64>)>,
}

/// Goodput and p99 in the busiest judged phase; nothing without a sweep.
pub fn charts(document: &RecordDocument) -> Vec<Chart> {
    let Some((sweep, phase)) = document.sweep.as_ref().zip(busiest_phase(document)) else {
        return Vec::new();
    };
    vec![
        goodput(document, sweep, &phase),
        p99(document, sweep, &phase),
    ]
}

fn goodput(document: &RecordDocument, sweep: &SweepFacts, phase: &str) -> Chart {
    let curve = curve(document, sweep, phase, |phase| Some(phase.goodput));
    let measured: Vec<(f64, f64)> = curve
        .medians
        .iter()
        .filter_map(|(x, y)| Some((*x, (*y)?)))
        .collect();
    let knee = stats::knee(&measured);
    let usl = stats::fit_usl(&measured);
    let mut notes = vec![match knee {
        Some(knee) => format!("The knee is at {} = {}.", sweep.key, number(knee.x)),
        None => "The curve shows no knee.".to_owned(),
    }];
    notes.push(match &usl {
        Ok(usl) => format!(
            "USL fit: {} at size 1, contention {:.4}, coherency {:.6}, peak at {}.",
            number(usl.x1),
            usl.contention,
            usl.coherency,
            number(usl.peak())
        ),
        Err(refusal) => format!("No USL curve is drawn: {refusal}."),
    });
    let mut chart = chart(
        document,
        sweep,
        "sweep-goodput",
        &format!("Goodput in {phase} by {}", sweep.key),
        Axis::from_zero("per second", values(&curve), number),
        curve,
    );
    if let Ok(usl) = usl {
        chart.series.push(fitted(&usl, sweep));
    }
    chart.marks.extend(knee.map(|knee| Mark {
        x: knee.x,
        y: knee.y,
        label: format!("knee: {}", number(knee.x)),
        at: LabelAt::Foot,
    }));
    chart.note = notes.join(" ");
    chart
}

fn p99(document: &RecordDocument, sweep: &SweepFacts, phase: &str) -> Chart {
    let curve = curve(document, sweep, phase, |phase| phase.response_ms.p99);
    let title = format!("Response time p99 in {phase} by {}", sweep.key);
    let y = Axis::log("response time", values(&curve), millis);
    chart(document, sweep, "sweep-p99", &title, y, curve)
}

fn chart(
    document: &RecordDocument,
    sweep: &SweepFacts,
    slug: &str,
    title: &str,
    y: Axis,
    curve: Curve,
) -> Chart {
    let rounds = document.rounds();
    let name = if rounds > 1 {
        format!("median of {rounds} rounds")
    } else {
        "measured".to_owned()
    };
    let mut series = vec![Series {
        name,
        style: Style::DottedLine(0),
        points: curve.medians,
    }];
    if rounds > 1 {
        series.push(Series {
            name: String::new(),
            style: Style::Dots(0),
            points: curve.rounds,
        });
    }
    Chart {
        slug: slug.to_owned(),
        title: title.to_owned(),
        description: format!("One point per value of {}.", sweep.key),
        x: swept_axis(sweep),
        y,
        bands: Vec::new(),
        series,
        marks: Vec::new(),
        stacks: Vec::new(),
        note: String::new(),
    }
}

fn swept_axis(sweep: &SweepFacts) -> Axis {
    let (min, max) = sweep
        .values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    let scale = if min > 0.0 && max / min >= WIDE {
        Scale::Log
    } else {
        Scale::Linear
    };
    Axis {
        label: sweep.key.clone(),
        scale,
        min,
        max,
        ticks: sweep.values.clone(),
        format: number,
    }
}

fn fitted(usl: &Usl, sweep: &SweepFacts) -> Series {
    let axis = swept_axis(sweep);
    let at = |i: u32| {
        let share = f64::from(i) / f64::from(CURVE_POINTS);
        match axis.scale {
            Scale::Log => axis.min * (axis.max / axis.min).powf(share),
            _ => axis.min + (axis.max - axis.min) * share,
        }
    };
    let points = (0..=CURVE_POINTS)
        .map(at)
        .map(|n| (n, Some(usl.throughput(n))))
        .collect();
    Series {
        name: "Universal Scalability Law".to_owned(),
        style: Style::Reference,
        points,
    }
}

fn curve(
    document: &RecordDocument,
    sweep: &SweepFacts,
    phase: &str,
    reading: fn(&PhaseRecord) -> Option<f64>,
) -> Curve {
    let mut curve = Curve {
        rounds: Vec::new(),
        medians: Vec::new(),
    };
    for (arm, value) in document.arms.iter().zip(&sweep.values) {
        let readings: Vec<f64> = phases(arm, phase).filter_map(reading).collect();
        curve
            .rounds
            .extend(readings.iter().map(|reading| (*value, Some(*reading))));
        curve.medians.push((*value, stats::median(readings)));
    }
    curve.medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    curve
}

fn phases<'a>(arm: &'a ArmDocument, name: &'a str) -> impl Iterator<Item = &'a PhaseRecord> {
    arm.rounds
        .iter()
        .flat_map(|round| &round.phases)
        .filter(move |phase| phase.name == name)
}

fn values(curve: &Curve) -> impl Iterator<Item = f64> {
    curve
        .rounds
        .iter()
        .chain(&curve.medians)
        .filter_map(|point| point.1)
}

/// The judged phase with the highest offered rate: what a sweep is about.
fn busiest_phase(document: &RecordDocument) -> Option<String> {
    let phases = document
        .arms
        .iter()
        .find_map(|arm| arm.rounds.first())?
        .phases
        .iter();
    let rate =
        |phase: &PhaseRecord| phase.counts.offered as f64 / phase.duration_s.max(f64::MIN_POSITIVE);
    let judged = phases.filter(|phase| !phase.warmup);
    judged
        .max_by(|a, b| rate(a).total_cmp(&rate(b)))
        .map(|phase| phase.name.clone())
}
