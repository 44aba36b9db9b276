//! The figure table: every number that claims, thresholds, reports and the measuring code speak of,
//! with its unit, its source and how it folds over a phase.
//!
//! A figure that is not in this table does not exist; the documentation is made from it.

mod behind_writers;
mod client;
mod rows;
mod server;
mod witnesses;

use super::{PhaseRecord, Quantiles};

pub use client::{ARM, CLIENT};
pub use server::SERVER;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    pub unit: Unit,
    pub fold: Fold,
    pub source: Source,
    /// What the number says, in one sentence.
    pub doc: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    PerSecond,
    Milliseconds,
    Seconds,
    /// From 0 to 1.
    Share,
}

/// How the readings of a phase become one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fold {
    /// What was added between the phase's edges.
    Delta,
    /// The highest reading.
    Max,
    /// The lowest reading.
    Min,
    /// The sum over the number: of a histogram's growth, or per second of a count.
    Mean,
    /// This quantile (0 to 1) of a histogram's growth.
    Quantile(f64),
    /// A distribution of its own: p50, p90, p95, p99, p999, max and mean.
    Distribution,
}

/// Where the readings come from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A number that the collector folds from the arrivals of the phase.
    Arrivals(fn(&PhaseRecord) -> Option<f64>),
    /// A distribution that the collector folds from the arrivals of the phase.
    Latencies(fn(&PhaseRecord) -> &Quantiles),
    /// The phase's failures by kind: `failures.timeout`.
    Failures,
    /// The phase's steps by name: `steps["GET /posts/{id}"].response_ms.p99`.
    Steps,
    /// The per-second series of a whole trial.
    Series,
    /// The events of a trial.
    Events,
    /// The comparison of what clients were told, the service's rows and the gateway's ledger, and
    /// what was seen of payments besides.
    Payments,
    /// The service's own books of points and coupons.
    Books,
    /// The comparison of what clients were told, the service's rows and the mails that were taken.
    Deliveries,
    /// A counter of the service or the gateway, summed over instances and labels.
    Counter(Selector),
    /// A gauge of the service or the gateway, summed over instances and labels at each scrape.
    Gauge(Selector),
    /// A histogram of the service in seconds, its buckets summed over instances and labels.
    Histogram(Selector),
    /// The growth of one counter over the growth of another.
    Share { part: Selector, whole: Selector },
    /// `PostgreSQL`'s own statistics of the database.
    Database(DatabaseReading),
    /// Redis' own statistics.
    Redis(RedisReading),
    /// CPU seconds of a process and its children.
    Cpu(Part),
}

/// The series of a Prometheus metric that carry all of these labels.
#[derive(Debug, Clone, Copy)]
pub struct Selector {
    /// For a histogram: without `_bucket`, `_sum`, `_count`.
    pub metric: &'static str,
    pub labels: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseReading {
    Commits,
    Rollbacks,
    BlocksRead,
    BlocksHit,
    Deadlocks,
    Connections,
    SessionsOpened,
    Statements,
    PostSelects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisReading {
    Commands,
    Hits,
    Misses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Service,
    Database,
    Gateway,
    Redis,
    Generator,
}

impl Selector {
    /// Whose metric it is: every name of the mock gateway's begins with `gateway_`, and none of the service's.
    pub fn part(&self) -> Part {
        if self.metric.starts_with("gateway_") {
            Part::Gateway
        } else {
            Part::Service
        }
    }
}

impl Figure {
    /// Of which part the metrics are that it reads, so that a missed scrape of it can lose the figure.
    pub fn scraped_from(&self) -> Option<Part> {
        match self.source {
            Source::Counter(selector)
            | Source::Gauge(selector)
            | Source::Histogram(selector)
            | Source::Share {
                whole: selector, ..
            } => Some(selector.part()),
            _ => None,
        }
    }

    /// Whether it needs every scrape within the phase, not only those at its edges.
    pub fn needs_every_scrape(&self) -> bool {
        matches!(self.source, Source::Gauge(_))
    }

    /// The Prometheus metrics that it reads.
    pub fn metrics(&self) -> Vec<&'static str> {
        match self.source {
            Source::Counter(selector) | Source::Gauge(selector) | Source::Histogram(selector) => {
                vec![selector.metric]
            }
            Source::Share { part, whole } => vec![part.metric, whole.metric],
            _ => Vec::new(),
        }
    }
}

impl Unit {
    pub fn label(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::PerSecond => "per second",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Share => "share (0 to 1)",
        }
    }
}

/// When each circuit breaker of the service last got into each of its states, in Unix seconds: what
/// the events of breakers are made of.
pub const BREAKER_TRANSITIONS: &str = "target_circuit_breaker_transition_timestamp_seconds";

/// Whether some figure or event reads this metric: the name of a sample, with a histogram's suffix.
pub fn reads_metric(sample: &str) -> bool {
    let of_figures = SERVER.iter().flat_map(Figure::metrics);
    of_figures.chain([BREAKER_TRANSITIONS]).any(|metric| {
        sample
            .strip_prefix(metric)
            .is_some_and(|rest| matches!(rest, "" | "_bucket" | "_sum" | "_count"))
    })
}

/// The row of a figure that is read from the servers.
pub fn server(name: &str) -> Option<&'static Figure> {
    SERVER.iter().find(|figure| figure.name == name)
}
