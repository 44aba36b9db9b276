//! Figures that are read from the service, its database and the processes.

use super::behind_writers::BEHIND_WRITERS;
use super::rows::{counter, gauge, histogram, labelled_counter, per_request, share};
use super::witnesses::WITNESSES;
use super::{Figure, Fold, Selector, Source, Unit};

/// Figures of a phase that are read from the service, its database and the processes.
pub const SERVER: &[Figure] =
    &joined::<{ TOLD.len() + BEHIND_WRITERS.len() + WITNESSES.len() }>(&[
        TOLD,
        BEHIND_WRITERS,
        WITNESSES,
    ]);

const fn joined<const N: usize>(tables: &[&[Figure]]) -> [Figure; N] {
    let mut all = [tables[0][0]; N];
    let (mut table, mut row, mut index) = (0, 0, 0);
    while index < N {
        if row == tables[table].len() {
            (table, row) = (table + 1, 0);
        } else {
            all[index] = tables[table][row];
            (row, index) = (row + 1, index + 1);
        }
    }
    all
}

/// What the service and the gateway tell of themselves.
const TOLD: &[Figure] = &[
    histogram(
        "pool_wait_p99_ms",
        Fold::Quantile(0.99),
        "db_client_connection_wait_time_seconds",
        "99th percentile of the wait for a pooled database connection.",
    ),
    histogram(
        "pool_wait_mean_ms",
        Fold::Mean,
        "db_client_connection_wait_time_seconds",
        "Mean wait for a pooled database connection.",
    ),
    histogram(
        "pool_use_mean_ms",
        Fold::Mean,
        "db_client_connection_use_time_seconds",
        "Mean time for which a database connection was held at a stretch.",
    ),
    counter(
        "pool_timeouts",
        "db_client_connection_timeouts_total",
        "Waits for a connection that were given up.",
    ),
    gauge(
        "pool_pending_max",
        "db_client_connection_pending_requests",
        &[],
        "Most requests waiting for a connection.",
    ),
    gauge(
        "pool_in_use_max",
        "db_client_connection_count",
        &[("state", "used")],
        "Most connections in use.",
    ),
    gauge(
        "pool_size_max",
        "db_client_connection_count",
        &[],
        "Most connections open, idle ones included.",
    ),
    histogram(
        "connect_mean_ms",
        Fold::Mean,
        "db_client_connection_create_time_seconds",
        "Mean time to open a database connection.",
    ),
    counter(
        "connections_opened",
        "target_db_connections_opened_total",
        "Database connections opened by the service.",
    ),
    counter(
        "connections_closed",
        "target_db_connections_closed_total",
        "Database connections closed by the service.",
    ),
    counter(
        "http_requests",
        "http_server_request_duration_seconds_count",
        "Requests that the service answered.",
    ),
    histogram(
        "http_request_p99_ms",
        Fold::Quantile(0.99),
        "http_server_request_duration_seconds",
        "99th percentile of the time in the service, as the service measures it.",
    ),
    histogram(
        "sql_mean_ms",
        Fold::Mean,
        "db_client_operation_duration_seconds",
        "Mean time of a statement.",
    ),
    histogram(
        "sql_p99_ms",
        Fold::Quantile(0.99),
        "db_client_operation_duration_seconds",
        "99th percentile of the time of a statement.",
    ),
    share(
        "split_pool_wait_share",
        "db_client_connection_wait_time_seconds_sum",
        "The share of the requests' time in the service that was spent waiting for a database connection.",
    ),
    share(
        "split_sql_share",
        "db_client_operation_duration_seconds_sum",
        "The share of the requests' time in the service that was spent in SQL statements.",
    ),
    per_request(
        "split_pool_wait_ms",
        &[("part", "pool_wait")],
        "Of the mean time of a request in the service: waiting for a database connection.",
    ),
    per_request(
        "split_sql_ms",
        &[("part", "sql")],
        "Of the mean time of a request in the service: SQL statements.",
    ),
    per_request(
        "split_gateway_ms",
        &[("part", "gateway")],
        "Of the mean time of a request in the service: waiting for the payment gateway.",
    ),
    per_request(
        "split_redis_ms",
        &[("part", "redis")],
        "Of the mean time of a request in the service: waiting for Redis, for a connection and for answers.",
    ),
    per_request(
        "split_own_ms",
        &[("part", "own")],
        "Of the mean time of a request in the service: everything else, its own work.",
    ),
    counter(
        "gateway_calls",
        "http_client_request_duration_seconds_count",
        "Requests that the service sent to the payment gateway and that ended, whatever their outcome; repeated ones and those of reconciliation included.",
    ),
    counter(
        "gateway_charges",
        "gateway_charges_total",
        "Charges that the mock gateway made, for whoever had gone, too.",
    ),
    gauge(
        "gateway_waiting_max",
        "gateway_waiting",
        &[],
        "Most requests that waited for a place at the mock gateway.",
    ),
    histogram(
        "gateway_call_mean_ms",
        Fold::Mean,
        "http_client_request_duration_seconds",
        "Mean time of a call to the payment gateway, from connecting to the end of the answer; without the wait for a place.",
    ),
    labelled_counter(
        "gateway_charge_calls",
        "http_client_request_duration_seconds_count",
        &[
            ("http_request_method", "POST"),
            ("url_template", "/payments"),
        ],
        "Of gateway_calls: those that were to charge, repeated ones included.",
    ),
    labelled_counter(
        "gateway_refusals",
        "http_client_request_duration_seconds_count",
        &[("http_response_status_code", "429")],
        "Of gateway_calls: those that the payment gateway refused because there were too many (429).",
    ),
    counter(
        "gateway_connects",
        "target_payment_gateway_connections_opened_total",
        "Connections to the payment gateway opened by the service.",
    ),
    labelled_counter(
        "payments_paid",
        "target_payments_total",
        &[("status", "SUCCEEDED")],
        "Payments that became SUCCEEDED in the service, whoever was still waiting for it.",
    ),
    labelled_counter(
        "coupons_issued",
        "target_coupon_issues_total",
        &[("outcome", "issued")],
        "Coupons that were issued.",
    ),
    counter(
        "lock_commands",
        "target_lock_commands_total",
        "Commands that the service sent to Redis for its locks.",
    ),
    counter(
        "lock_acquired",
        "target_lock_acquired_total",
        "Locks in Redis that were taken.",
    ),
    counter(
        "lock_refused",
        "target_lock_refused_total",
        "Locks in Redis that were not had: held by others, not in time, or no Redis.",
    ),
    counter(
        "lock_fenced_off",
        "target_lock_fenced_off_total",
        "Writes under a lock that were refused because a later holder had been there.",
    ),
    histogram(
        "lock_wait_p99_ms",
        Fold::Quantile(0.99),
        "target_lock_wait_seconds",
        "99th percentile of the wait for a lock in Redis.",
    ),
    counter(
        "redis_operations",
        "target_redis_operation_duration_seconds_count",
        "Commands, pipelines and scripts that the service sent to Redis, whatever their outcome.",
    ),
    histogram(
        "redis_p99_ms",
        Fold::Quantile(0.99),
        "target_redis_operation_duration_seconds",
        "99th percentile of the time of a command in Redis, as the service sees it.",
    ),
    counter(
        "redis_errors",
        "target_redis_errors_total",
        "Uses of Redis that failed: no connection, no answer in time, a lost connection, a refusal or nonsense.",
    ),
    counter(
        "cache_requests",
        "target_cache_requests_total",
        "Reads through a cache of the service, those with the cache switched off included.",
    ),
    labelled_counter(
        "cache_hits",
        "target_cache_requests_total",
        &[("outcome", "hit")],
        "Reads that were answered at once with a fresh value.",
    ),
    labelled_counter(
        "cache_stale",
        "target_cache_requests_total",
        &[("outcome", "stale")],
        "Reads that were answered at once with a value that had run out.",
    ),
    labelled_counter(
        "cache_misses",
        "target_cache_requests_total",
        &[("outcome", "miss")],
        "Reads that had to wait for a load, their own or another's.",
    ),
    Figure {
        name: "cache_hit_ratio",
        unit: Unit::Share,
        fold: Fold::Mean,
        source: Source::Share {
            part: Selector {
                metric: "target_cache_requests_total",
                labels: &[("outcome", "hit")],
            },
            whole: Selector {
                metric: "target_cache_requests_total",
                labels: &[],
            },
        },
        doc: "The share of the reads that were answered at once with a fresh value.",
    },
    counter(
        "cache_origin_fetches",
        "target_cache_origin_fetches_total",
        "Loads that caches of the service began, whatever became of them.",
    ),
    counter(
        "cache_loads",
        "target_cache_loads_total",
        "Loads that came to an end with a value, those of writers left out.",
    ),
    counter(
        "cache_expiries",
        "target_cache_expiries_total",
        "Values that had run out, or were about to, and were replaced; each once, however many loaded it.",
    ),
    Figure {
        name: "cache_loads_per_expiry",
        unit: Unit::Count,
        fold: Fold::Mean,
        source: Source::Share {
            part: Selector {
                metric: "target_cache_loads_total",
                labels: &[],
            },
            whole: Selector {
                metric: "target_cache_expiries_total",
                labels: &[],
            },
        },
        doc: "Loads that came to an end, for each value that was replaced by one.",
    },
    counter(
        "cache_evictions",
        "target_cache_evictions_total",
        "Values that had to go from the memory of an instance because there were too many.",
    ),
    counter(
        "cache_errors",
        "target_cache_errors_total",
        "Troubles of caches that failed no request: values that cannot be read, Redis that does not answer.",
    ),
    labelled_counter(
        "cache_corrupt",
        "target_cache_errors_total",
        &[("kind", "corrupt")],
        "Of cache_errors: values in Redis that could not be read, and were removed.",
    ),
    labelled_counter(
        "breaker_rejections",
        "target_circuit_breaker_calls_total",
        &[("outcome", "rejected")],
        "Calls that a circuit breaker of the service did not let through.",
    ),
    gauge(
        "breaker_open_max",
        "target_circuit_breaker_state",
        &[("state", "open")],
        "Most circuit breakers of the service that were open at once.",
    ),
    gauge(
        "breaker_half_open_max",
        "target_circuit_breaker_state",
        &[("state", "half_open")],
        "Most circuit breakers of the service that were half-open at once.",
    ),
];
