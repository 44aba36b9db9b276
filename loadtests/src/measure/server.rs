//! From readings of the servers to the figures of a stretch of the timeline, by the figure table.
//!
//! Invariant: a figure whose readings are missing is `None`; it is never made up from what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::record::figures::{
    self, DatabaseReading, Figure, Fold, Part, RedisReading, Selector, Source, Unit,
};

use super::exposition::Sample;
use super::postgres::DatabaseCounters;
use super::redis::RedisCounters;
use super::scrape::{Reading, Readings};

/// A reading this far from an edge still stands for it.
const TOLERANCE: Duration = Duration::from_millis(1_100);

/// All server figures of one phase, by its index.
pub fn of_phase(readings: &Readings, phase: usize) -> BTreeMap<String, Option<f64>> {
    let edge = |index: usize| {
        readings
            .edges
            .get(index)
            .and_then(|&at| readings.all.get(at))
    };
    let (Some(from), Some(to)) = (edge(phase), edge(phase + 1)) else {
        return figures::SERVER
            .iter()
            .map(|figure| (figure.name.to_owned(), None))
            .collect();
    };
    let figure = |figure: &Figure| (figure.name.to_owned(), over(readings, from, to, figure));
    figures::SERVER.iter().map(figure).collect()
}

/// The figures of one second that are read at every scrape; those read at phase edges are left out.
pub fn of_second(readings: &Readings, second: u32) -> BTreeMap<String, Option<f64>> {
    let start = Duration::from_secs(u64::from(second));
    let end = start + Duration::from_secs(1);
    let of = |figure: &Figure| {
        let part = figure.scraped_from()?;
        let from = complete_near(readings, start, part)?;
        let to = complete_near(readings, end, part)?;
        Some((figure.name.to_owned(), over(readings, from, to, figure)))
    };
    figures::SERVER.iter().filter_map(of).collect()
}

/// The figures of a phase that are not whole because a server did not answer a scrape.
pub fn incomplete(readings: &Readings, phase: usize) -> BTreeSet<&'static str> {
    let edge = |index: usize| {
        readings
            .edges
            .get(index)
            .and_then(|&at| readings.all.get(at))
    };
    let edges = edge(phase).zip(edge(phase + 1));
    let is_lost = |figure: &&Figure| {
        let Some(part) = figure
            .scraped_from()
            .filter(|part| is_read(readings, *part))
        else {
            return false;
        };
        let Some((from, to)) = edges else {
            return true;
        };
        if figure.needs_every_scrape() {
            let mut within = readings
                .all
                .iter()
                .filter(|reading| (from.at..=to.at).contains(&reading.at));
            !within.all(|reading| is_complete(reading, part))
        } else {
            complete_pair(readings, from, to, part).is_none()
        }
    };
    let lost = figures::SERVER.iter().filter(is_lost);
    lost.map(|figure| figure.name).collect()
}

/// Whether the trial has such a part. The service it always has, also when it never answered.
fn is_read(readings: &Readings, part: Part) -> bool {
    let known = |reading: &Reading| {
        [&reading.answered, &reading.missed]
            .iter()
            .any(|parts| parts.contains(&part))
    };
    part == Part::Service || readings.all.iter().any(known)
}

fn over(readings: &Readings, from: &Reading, to: &Reading, figure: &Figure) -> Option<f64> {
    match figure.source {
        Source::Counter(selector) => {
            let (from, to) = complete_pair(readings, from, to, selector.part())?;
            Some(sum(to, selector)? - sum(from, selector)?)
        }
        Source::Share { part, whole } => {
            let (from, to) = complete_pair(readings, from, to, whole.part())?;
            let whole = sum(to, whole)? - sum(from, whole)?;
            let share = (sum(to, part)? - sum(from, part)?) / whole;
            // Seconds for each of a number of things are shown in milliseconds, as all such times.
            let unit = if figure.unit == Unit::Milliseconds {
                1e3
            } else {
                1.0
            };
            (whole > 0.0).then_some(share * unit)
        }
        Source::Gauge(selector) => highest(readings, from.at, to.at, selector),
        Source::Histogram(selector) => {
            let (from, to) = complete_pair(readings, from, to, selector.part())?;
            histogram(from, to, selector, figure.fold).map(|seconds| seconds * 1e3)
        }
        Source::Database(reading) => {
            let (from, to) = (
                database(from.database.as_ref()?, reading)?,
                database(to.database.as_ref()?, reading)?,
            );
            if figure.fold == Fold::Max {
                Some(from.max(to))
            } else {
                gained(from, to)
            }
        }
        Source::Redis(reading) => {
            let (from, to) = (from.redis.as_ref()?, to.redis.as_ref()?);
            gained(redis(from, reading), redis(to, reading))
        }
        Source::Cpu(part) => Some(to.cpu_seconds.get(&part)? - from.cpu_seconds.get(&part)?),
        Source::Arrivals(_)
        | Source::Latencies(_)
        | Source::Failures
        | Source::Steps
        | Source::Series
        | Source::Events
        | Source::Payments
        | Source::Books
        | Source::Deliveries => None,
    }
}

/// Readings near both edges in which every process of the part answered.
fn complete_pair<'a>(
    readings: &'a Readings,
    from: &Reading,
    to: &Reading,
    part: Part,
) -> Option<(&'a Reading, &'a Reading)> {
    Some((
        complete_near(readings, from.at, part)?,
        complete_near(readings, to.at, part)?,
    ))
}

fn complete_near(readings: &Readings, at: Duration, part: Part) -> Option<&Reading> {
    readings
        .all
        .iter()
        .filter(|reading| is_complete(reading, part) && reading.at.abs_diff(at) <= TOLERANCE)
        .min_by_key(|reading| reading.at.abs_diff(at))
}

fn is_complete(reading: &Reading, part: Part) -> bool {
    reading.answered.contains(&part) && !reading.missed.contains(&part)
}

fn matching(reading: &Reading, name: String, selector: Selector) -> impl Iterator<Item = &Sample> {
    reading.samples.iter().filter(move |sample| {
        sample.name == name
            && selector
                .labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|held| held == value))
    })
}

/// 0 for a series that does not exist yet: a counter appears when it first counts.
fn sum(reading: &Reading, selector: Selector) -> Option<f64> {
    is_complete(reading, selector.part()).then(|| {
        matching(reading, selector.metric.to_owned(), selector)
            .map(|sample| sample.value)
            .sum()
    })
}

/// The highest value at any scrape of the stretch; a missed scrape could have been the highest.
fn highest(readings: &Readings, from: Duration, to: Duration, selector: Selector) -> Option<f64> {
    let within = readings
        .all
        .iter()
        .filter(|reading| (from..=to).contains(&reading.at));
    let values: Option<Vec<f64>> = within.map(|reading| sum(reading, selector)).collect();
    values?.into_iter().reduce(f64::max)
}

/// The mean or a quantile of what a histogram gained, in its own unit.
fn histogram(from: &Reading, to: &Reading, selector: Selector, fold: Fold) -> Option<f64> {
    let gained = |suffix: &str| -> f64 {
        let total = |reading| -> f64 {
            matching(reading, format!("{}{suffix}", selector.metric), selector)
                .map(|s| s.value)
                .sum()
        };
        total(to) - total(from)
    };
    let count = gained("_count");
    if count <= 0.0 {
        return None;
    }
    match fold {
        Fold::Quantile(quantile) => quantile_of(&gained_buckets(from, to, selector), quantile),
        _ => Some(gained("_sum") / count),
    }
}

/// Upper bound and cumulated growth of each bucket, in order of bounds.
fn gained_buckets(from: &Reading, to: &Reading, selector: Selector) -> Vec<(f64, f64)> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for (reading, sign) in [(to, 1.0), (from, -1.0)] {
        for sample in matching(reading, format!("{}_bucket", selector.metric), selector) {
            let Some(bound) = sample
                .labels
                .get("le")
                .and_then(|le| le.parse::<f64>().ok())
            else {
                continue;
            };
            match buckets
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
            {
                Some((_, growth)) => *growth += sign * sample.value,
                None => buckets.push((bound, sign * sample.value)),
            }
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets
}

/// Linear within a bucket, as Prometheus' `histogram_quantile`; beyond the last bound, that bound.
fn quantile_of(buckets: &[(f64, f64)], quantile: f64) -> Option<f64> {
    let rank = quantile * buckets.last()?.1;
    let mut below = (0.0, 0.0);
    for &(bound, cumulated) in buckets {
        if cumulated >= rank {
            if bound.is_infinite() {
                return Some(below.0);
            }
            let share = (rank - below.1) / (cumulated - below.1).max(f64::MIN_POSITIVE);
            return Some(below.0 + (bound - below.0) * share.clamp(0.0, 1.0));
        }
        below = (bound, cumulated);
    }
    None
}

/// Nothing is known of a counter that fell: the server was restarted, and what it had counted is lost.
fn gained(from: f64, to: f64) -> Option<f64> {
    (to >= from).then_some(to - from)
}

fn redis(counters: &RedisCounters, reading: RedisReading) -> f64 {
    match reading {
        RedisReading::Commands => counters.commands,
        RedisReading::Hits => counters.hits,
        RedisReading::Misses => counters.misses,
    }
}

fn database(counters: &DatabaseCounters, reading: DatabaseReading) -> Option<f64> {
    Some(match reading {
        DatabaseReading::Commits => counters.commits,
        DatabaseReading::Rollbacks => counters.rollbacks,
        DatabaseReading::BlocksRead => counters.blocks_read,
        DatabaseReading::BlocksHit => counters.blocks_hit,
        DatabaseReading::Deadlocks => counters.deadlocks,
        DatabaseReading::Connections => counters.connections,
        DatabaseReading::SessionsOpened => counters.sessions,
        DatabaseReading::Statements => counters.statements?.all,
        DatabaseReading::PostSelects => counters.statements?.post_selects,
    })
}

#[cfg(test)]
mod tests;
