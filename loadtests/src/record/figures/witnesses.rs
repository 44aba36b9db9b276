//! Figures that do not depend on what the service says: the counters of the database and of Redis, and the
//! CPU seconds of processes.

use super::rows::{cpu, database, redis};
use super::{DatabaseReading, Figure, Fold, Part, RedisReading, Source, Unit};

/// Read at the edges of phases.
pub(super) const WITNESSES: &[Figure] = &[
    database(
        "pg_commits",
        DatabaseReading::Commits,
        "Transactions committed in the database.",
    ),
    database(
        "pg_rollbacks",
        DatabaseReading::Rollbacks,
        "Transactions rolled back.",
    ),
    database(
        "pg_blocks_read",
        DatabaseReading::BlocksRead,
        "Blocks that were not in PostgreSQL's own cache.",
    ),
    database(
        "pg_blocks_hit",
        DatabaseReading::BlocksHit,
        "Blocks found in PostgreSQL's own cache.",
    ),
    database(
        "pg_deadlocks",
        DatabaseReading::Deadlocks,
        "Deadlocks that the database broke.",
    ),
    database(
        "pg_sessions_opened",
        DatabaseReading::SessionsOpened,
        "Sessions opened, as the database counts them.",
    ),
    database(
        "pg_statements",
        DatabaseReading::Statements,
        "Statements of the service that the database executed, as it counts them itself (pg_stat_statements); those that begin and end transactions left out.",
    ),
    database(
        "pg_post_selects",
        DatabaseReading::PostSelects,
        "Of pg_statements: those that select from the posts.",
    ),
    Figure {
        name: "pg_connections_max",
        unit: Unit::Count,
        fold: Fold::Max,
        source: Source::Database(DatabaseReading::Connections),
        doc: "Client connections at the phase's edges, the higher of the two.",
    },
    redis(
        "redis_server_commands",
        RedisReading::Commands,
        "Commands that Redis processed, as it counts them itself, whoever sent them; the reading of its counters is one.",
    ),
    redis(
        "redis_server_hits",
        RedisReading::Hits,
        "Keys that were looked up in Redis and found, as it counts them itself.",
    ),
    redis(
        "redis_server_misses",
        RedisReading::Misses,
        "Keys that were looked up in Redis and not found, as it counts them itself.",
    ),
    cpu(
        "cpu_service_s",
        Part::Service,
        "CPU seconds of the service, all instances.",
    ),
    cpu(
        "cpu_database_s",
        Part::Database,
        "CPU seconds of PostgreSQL.",
    ),
    cpu(
        "cpu_gateway_s",
        Part::Gateway,
        "CPU seconds of the mock payment gateway, in scenarios that have one.",
    ),
    cpu(
        "cpu_redis_s",
        Part::Redis,
        "CPU seconds of Redis, in scenarios that have one.",
    ),
    cpu(
        "cpu_generator_s",
        Part::Generator,
        "CPU seconds of the load generator.",
    ),
];
