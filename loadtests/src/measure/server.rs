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
mod tests {
    #![allow(clippy::float_cmp)]

    use super::super::exposition;
    use super::super::postgres::StatementCounters;
    use super::*;

    fn reading(at_ms: u64, page: &str) -> Reading {
        Reading {
            at: Duration::from_millis(at_ms),
            samples: exposition::parse(page),
            answered: [Part::Service].into(),
            ..Reading::default()
        }
    }

    fn missed(at_ms: u64) -> Reading {
        Reading {
            at: Duration::from_millis(at_ms),
            missed: [Part::Service].into(),
            ..Reading::default()
        }
    }

    fn one_phase(all: Vec<Reading>) -> BTreeMap<String, Option<f64>> {
        of_phase(&readings(all), 0)
    }

    fn readings(all: Vec<Reading>) -> Readings {
        Readings {
            edges: vec![0, all.len() - 1],
            all,
            ..Readings::default()
        }
    }

    #[test]
    fn a_counter_that_did_not_exist_at_the_first_edge_counts_from_zero() {
        let figures = one_phase(vec![
            reading(0, "up 1"),
            reading(10_000, "up 1\ndb_client_connection_timeouts_total 4"),
        ]);
        assert_eq!(figures["pool_timeouts"], Some(4.0));
    }

    #[test]
    fn what_a_restarted_server_counted_is_unknown_and_not_negative() {
        let redis = |commands| RedisCounters {
            commands,
            hits: 0.0,
            misses: 3.0,
        };
        let mut all = vec![reading(0, "up 1"), reading(10_000, "up 1")];
        all[0].redis = Some(redis(100.0));
        all[1].redis = Some(redis(150.0));
        let figures = one_phase(all.clone());
        assert_eq!(figures["redis_server_commands"], Some(50.0));
        assert_eq!(figures["redis_server_misses"], Some(0.0));
        all[1].redis = Some(redis(20.0));
        assert_eq!(one_phase(all.clone())["redis_server_commands"], None);
        all[1].redis = None;
        assert_eq!(one_phase(all)["redis_server_commands"], None);
    }

    #[test]
    fn where_statements_are_not_counted_the_other_counters_of_the_database_are() {
        let counters = |commits, statements| DatabaseCounters {
            commits,
            rollbacks: 0.0,
            blocks_read: 0.0,
            blocks_hit: 0.0,
            deadlocks: 0.0,
            sessions: 0.0,
            connections: 0.0,
            statements,
        };
        let statements = |all, post_selects| Some(StatementCounters { all, post_selects });
        let mut all = vec![reading(0, "up 1"), reading(10_000, "up 1")];
        all[0].database = Some(counters(5.0, statements(10.0, 2.0)));
        all[1].database = Some(counters(9.0, statements(40.0, 9.0)));
        let figures = one_phase(all.clone());
        assert_eq!(figures["pg_statements"], Some(30.0));
        assert_eq!(figures["pg_post_selects"], Some(7.0));
        all[1].database = Some(counters(9.0, None));
        let figures = one_phase(all);
        assert_eq!(
            (figures["pg_statements"], figures["pg_commits"]),
            (None, Some(4.0))
        );
    }

    #[test]
    fn a_gauge_is_its_highest_reading_and_unknown_when_one_was_missed() {
        let gauge = |value: u32| format!("db_client_connection_pending_requests {value}");
        let all = vec![
            reading(0, &gauge(1)),
            reading(500, &gauge(9)),
            reading(1_000, &gauge(2)),
        ];
        assert_eq!(one_phase(all.clone())["pool_pending_max"], Some(9.0));
        let gap = vec![all[0].clone(), missed(500), all[2].clone()];
        assert_eq!(one_phase(gap)["pool_pending_max"], None);
    }

    #[test]
    fn a_quantile_is_of_what_the_phase_added_and_not_of_what_was_there_before() {
        let page = |low: u32, high: u32| {
            format!(
                "db_client_connection_wait_time_seconds_bucket{{le=\"0.001\"}} {low}
                 db_client_connection_wait_time_seconds_bucket{{le=\"0.002\"}} {}
                 db_client_connection_wait_time_seconds_bucket{{le=\"+Inf\"}} {}
                 db_client_connection_wait_time_seconds_sum {}
                 db_client_connection_wait_time_seconds_count {}",
                low + high,
                low + high,
                f64::from(high) * 0.0015,
                low + high
            )
        };
        let figures = one_phase(vec![
            reading(0, &page(1_000, 0)),
            reading(5_000, &page(1_000, 100)),
        ]);
        let p99 = figures["pool_wait_p99_ms"].unwrap();
        assert!((p99 - 1.99).abs() < 1e-6, "{p99}");
        assert!((figures["pool_wait_mean_ms"].unwrap() - 1.5).abs() < 1e-6);
    }

    #[test]
    fn the_parts_of_a_requests_time_add_up_to_its_mean_over_all_routes() {
        // A second route calls the gateway and waits for nothing; it has no such parts.
        let page = |requests: f64| {
            let sample = |route: &str, part: &str, seconds: f64| {
                let labels = format!("{{http_route=\"{route}\",part=\"{part}\"}}");
                let name = "target_request_time_seconds";
                format!(
                    "{name}_sum{labels} {}\n{name}_count{labels} {requests}\n",
                    seconds * requests
                )
            };
            [
                sample("/posts/{id}", "pool_wait", 0.004),
                sample("/posts/{id}", "sql", 0.002),
                sample("/posts/{id}", "own", 0.001),
                sample("/payments", "gateway", 0.060),
                sample("/payments", "own", 0.003),
            ]
            .concat()
        };
        let figures = one_phase(vec![reading(0, &page(7.0)), reading(5_000, &page(107.0))]);
        for (figure, wanted) in [
            ("split_pool_wait_ms", 2.0),
            ("split_sql_ms", 1.0),
            ("split_gateway_ms", 30.0),
            ("split_own_ms", 2.0),
        ] {
            let found = figures[figure].unwrap();
            assert!((found - wanted).abs() < 1e-9, "{figure}: {found}");
        }
        let silent = one_phase(vec![reading(0, "up 1"), reading(5_000, "up 1")]);
        assert_eq!(silent["split_own_ms"], None);
    }

    #[test]
    fn an_edge_that_was_missed_is_read_from_its_neighbour_or_not_at_all() {
        let counter = |value: u32| format!("db_client_connection_timeouts_total {value}");
        let near = vec![
            reading(0, &counter(0)),
            reading(9_500, &counter(5)),
            missed(10_000),
        ];
        assert_eq!(one_phase(near)["pool_timeouts"], Some(5.0));
        let far = vec![
            reading(0, &counter(0)),
            reading(5_000, &counter(5)),
            missed(10_000),
        ];
        assert_eq!(one_phase(far.clone())["pool_timeouts"], None);
        let lost = incomplete(&readings(far), 0);
        assert!(lost.contains("pool_timeouts") && lost.contains("pool_pending_max"));
    }

    #[test]
    fn of_the_calls_through_a_breaker_only_the_rejected_ones_count() {
        let calls = |outcome, n| {
            format!("target_circuit_breaker_calls_total{{outcome=\"{outcome}\"}} {n}\n")
        };
        let page = |rejected, failed| calls("rejected", rejected) + &calls("failure", failed);
        let figures = one_phase(vec![reading(0, &page(2, 3)), reading(1_000, &page(9, 40))]);
        assert_eq!(figures["breaker_rejections"], Some(7.0));
    }

    #[test]
    fn a_silent_gateway_loses_its_own_figures_only_and_one_that_is_not_there_none() {
        let page = |charges: u32| {
            format!("gateway_charges_total {charges}\ndb_client_connection_timeouts_total 4")
        };
        let both = |at_ms, charges| Reading {
            answered: [Part::Service, Part::Gateway].into(),
            ..reading(at_ms, &page(charges))
        };
        let paused = |at_ms| Reading {
            missed: [Part::Gateway].into(),
            ..reading(at_ms, "db_client_connection_timeouts_total 7")
        };
        let well = one_phase(vec![both(0, 10), both(5_000, 90)]);
        assert_eq!(well["gateway_charges"], Some(80.0));
        let all = vec![both(0, 10), paused(5_000)];
        let lost = incomplete(&readings(all.clone()), 0);
        assert!(lost.contains("gateway_charges") && !lost.contains("pool_timeouts"));
        let silent = one_phase(all);
        assert_eq!(
            (silent["gateway_charges"], silent["pool_timeouts"]),
            (None, Some(3.0))
        );

        let all = vec![reading(0, "up 1"), reading(5_000, "up 1")];
        let without = readings(all);
        assert_eq!(of_phase(&without, 0)["gateway_charges"], None);
        assert!(incomplete(&without, 0).is_empty());
    }

    #[test]
    fn a_histogram_without_growth_has_no_mean() {
        let page = "db_client_connection_wait_time_seconds_count 3\ndb_client_connection_wait_time_seconds_sum 1";
        let figures = one_phase(vec![reading(0, page), reading(1_000, page)]);
        assert_eq!(figures["pool_wait_mean_ms"], None);
    }
}
