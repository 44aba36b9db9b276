//! Reads the servers' figures while a trial runs: the `/metrics` of each instance and of the mock gateway
//! every half second and at phase edges, the counters of the database and of Redis and every process's CPU
//! seconds at phase edges.
//!
//! Invariant: counters never fall. A service that was restarted starts from 0 again, or has not
//! begun to count at all; what it had counted when it was last read is added to what it counts now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::{MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::record::figures::Part;

use super::exposition::{self, Sample};
use super::postgres::{CounterReader, DatabaseCounters};
use super::redis::{self, RedisCounters};

const INTERVAL: Duration = Duration::from_millis(500);
/// A server that does not answer for this long is not read this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the servers of a trial are read.
pub struct Sources<'a> {
    /// The address of each `/metrics`, and which part shows it.
    pub metrics: Vec<(Part, String)>,
    /// The database, reached directly, not through a faulted edge.
    pub database: Option<String>,
    /// `HOST:PORT` of Redis, reached directly as well.
    pub redis: Option<String>,
    /// What each part has used so far, processes that have ended included.
    pub cpu_seconds: &'a (dyn Fn() -> HashMap<Part, f64> + Sync),
}

/// Everything read at about one moment; what did not answer is missing.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// From the start of the timeline.
    pub at: Duration,
    /// Samples of all parts, counters without their falls; what did not answer is left out.
    pub samples: Vec<Sample>,
    /// The parts of which something answered.
    pub answered: HashSet<Part>,
    /// The parts of which something did not answer.
    pub missed: HashSet<Part>,
    pub database: Option<DatabaseCounters>,
    pub redis: Option<RedisCounters>,
    pub cpu_seconds: HashMap<Part, f64>,
}

/// The readings of one trial, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    pub all: Vec<Reading>,
    /// The indexes in `all` of the readings at the edges: the start, then the end of each phase.
    pub edges: Vec<usize>,
    /// The start of the timeline, in Unix seconds: for what servers tell of moments.
    pub began_unix_s: f64,
}

/// Keeps which metrics are worth remembering: a page holds many more than the figures need.
pub type Wanted = fn(&str) -> bool;

/// Reads until the last edge has passed or `stop` is cancelled. `edges` are moments of the timeline.
pub async fn watch(
    sources: Sources<'_>,
    zero: Instant,
    edges: Vec<Duration>,
    wanted: Wanted,
    stop: CancellationToken,
) -> Readings {
    let mut reader = Reader::new(sources, zero, wanted);
    let mut readings = Readings {
        began_unix_s: unix_seconds(zero),
        ..Readings::default()
    };
    let mut ticks = interval_at((Instant::now() + INTERVAL).into(), INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for edge in edges {
        loop {
            tokio::select! {
                () = sleep_until((zero + edge).into()) => break,
                () = stop.cancelled() => break,
                _ = ticks.tick() => readings.all.push(reader.read(Depth::Metrics).await),
            }
        }
        readings.edges.push(readings.all.len());
        readings.all.push(reader.read(Depth::Everything).await);
        if stop.is_cancelled() {
            break;
        }
    }
    readings
}

/// By the system's clock, as it is now.
fn unix_seconds(moment: Instant) -> f64 {
    let now = Instant::now();
    let now_unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let ahead = moment.saturating_duration_since(now).as_secs_f64();
    let ago = now.saturating_duration_since(moment).as_secs_f64();
    now_unix.unwrap_or_default().as_secs_f64() + ahead - ago
}

#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Metrics,
    Everything,
}

struct Reader<'a> {
    sources: Sources<'a>,
    zero: Instant,
    wanted: Wanted,
    client: reqwest::Client,
    database: Option<CounterReader>,
    counters: Vec<Monotone>,
}

impl<'a> Reader<'a> {
    fn new(sources: Sources<'a>, zero: Instant, wanted: Wanted) -> Self {
        let database = sources.database.clone().map(CounterReader::new);
        let counters = sources
            .metrics
            .iter()
            .map(|_| Monotone::default())
            .collect();
        // A proxy named by the environment must not stand between us and loopback.
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap_or_default();
        Self {
            sources,
            zero,
            wanted,
            client,
            database,
            counters,
        }
    }

    async fn read(&mut self, depth: Depth) -> Reading {
        let mut reading = Reading {
            at: self.zero.elapsed(),
            ..Reading::default()
        };
        for ((part, url), counters) in self.sources.metrics.iter().zip(&mut self.counters) {
            match timeout(PATIENCE, page(&self.client, url)).await {
                Ok(Ok(text)) => {
                    reading.answered.insert(*part);
                    let samples = exposition::parse(&text).into_iter();
                    let kept = samples.filter(|sample| (self.wanted)(&sample.name));
                    reading.samples.extend(counters.without_falls(kept));
                }
                Ok(Err(_)) | Err(_) => {
                    reading.missed.insert(*part);
                }
            }
        }
        if depth == Depth::Everything {
            if let Some(database) = &mut self.database {
                reading.database = timeout(PATIENCE, database.read())
                    .await
                    .ok()
                    .and_then(Result::ok);
            }
            if let Some(address) = &self.sources.redis {
                let counters = timeout(PATIENCE, redis::read(address)).await;
                reading.redis = counters.ok().and_then(Result::ok);
            }
            reading.cpu_seconds = (self.sources.cpu_seconds)();
        }
        reading
    }
}

async fn page(client: &reqwest::Client, url: &str) -> Result<String, reqwest::Error> {
    client
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .text()
        .await
}

/// Carries the counters of one instance over its restarts.
#[derive(Default)]
struct Monotone {
    seen: HashMap<(String, BTreeMap<String, String>), Carried>,
    pages: u64,
}

#[derive(Default)]
struct Carried {
    last: f64,
    before_restarts: f64,
    /// The last page that it was on.
    page: u64,
}

impl Monotone {
    /// The samples of one whole page. A counter of before that is not on it counts on from there: one
    /// appears only when it first counts, after a restart again.
    fn without_falls(&mut self, page: impl Iterator<Item = Sample>) -> Vec<Sample> {
        self.pages += 1;
        let mut samples: Vec<Sample> = page.map(|sample| self.carried_on(sample)).collect();
        for ((name, labels), carried) in &mut self.seen {
            if carried.page < self.pages {
                carried.before_restarts += std::mem::take(&mut carried.last);
                samples.push(Sample {
                    name: name.clone(),
                    labels: labels.clone(),
                    value: carried.before_restarts,
                });
            }
        }
        samples
    }

    fn carried_on(&mut self, mut sample: Sample) -> Sample {
        if !is_counter(&sample.name) {
            return sample;
        }
        let carried = self
            .seen
            .entry((sample.name.clone(), sample.labels.clone()))
            .or_default();
        if sample.value < carried.last {
            carried.before_restarts += carried.last;
        }
        carried.last = sample.value;
        carried.page = self.pages;
        sample.value += carried.before_restarts;
        sample
    }
}

/// By the naming rules of the text format, as every exporter that is read here follows them.
fn is_counter(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"]
        .iter()
        .any(|ending| name.ends_with(ending))
        && name != "db_client_connection_count"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::*;

    fn sample(name: &str, value: f64) -> Sample {
        Sample {
            name: name.to_owned(),
            labels: BTreeMap::new(),
            value,
        }
    }

    #[test]
    fn a_counter_goes_on_after_a_restart_and_a_gauge_may_fall() {
        let mut counters = Monotone::default();
        let mut total = |value| counters.carried_on(sample("requests_total", value)).value;
        assert_eq!(
            [total(10.0), total(15.0), total(2.0), total(3.0), total(1.0)],
            [10.0, 15.0, 17.0, 18.0, 19.0]
        );
        let mut gauge = |value| {
            counters
                .carried_on(sample("db_client_connection_count", value))
                .value
        };
        assert_eq!([gauge(10.0), gauge(2.0)], [10.0, 2.0]);
    }

    #[test]
    fn a_counter_that_a_restarted_service_does_not_show_yet_keeps_what_it_had() {
        let mut counters = Monotone::default();
        let mut total = |shown: Option<f64>| {
            let page = shown.map(|value| sample("requests_total", value));
            let gauge = sample("db_client_connection_count", 3.0);
            let samples = counters.without_falls(page.into_iter().chain([gauge]));
            let counters = samples.iter().filter(|s| s.name == "requests_total");
            counters.map(|sample| sample.value).sum::<f64>()
        };
        assert_eq!(
            [Some(10.0), None, None, Some(4.0), Some(5.0)].map(&mut total),
            [10.0, 10.0, 10.0, 14.0, 15.0]
        );
    }
}
