//! What becomes of readings: whole, missing, restarted.

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
    let calls =
        |outcome, n| format!("target_circuit_breaker_calls_total{{outcome=\"{outcome}\"}} {n}\n");
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
