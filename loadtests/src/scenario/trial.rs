//! The resolved plan of one trial: the only thing that is ever run. No options are left in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::duration_text;

use super::Slo;
use super::fault::FaultSpan;
use super::gateway::GatewayBehaviour;
use super::violation::Violation;

/// One arm in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The arm's name as the scenario spells it; `"default"` where it names none.
    pub arm: String,
    /// Counts from 1.
    pub round: u32,
    /// The place among all trials of the run, from 0: rounds are interleaved, so it is not the arm's index.
    pub order: u32,
    /// The source of every random draw; the same for all arms of a round.
    pub seed: u64,
    pub environment: EnvironmentSpec,
    pub load: LoadSpec,
    /// In order, without gaps; the first starts at 0.
    pub phases: Vec<Phase>,
    pub faults: Vec<FaultSpan>,
    /// What counts as recovered; `None`: goodput's level before the disturbance.
    pub slo: Option<Slo>,
    /// What the checker of payments may find without failing the run.
    #[serde(default)]
    pub expects: BTreeSet<Violation>,
}

/// What the load is sent to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
// There is one for each trial: a box would save nothing.
#[allow(clippy::large_enum_variant)]
pub enum EnvironmentSpec {
    /// Somebody else's running service.
    External {
        /// Scheme, host and port, without a trailing slash.
        base_url: String,
    },
    /// Servers of our own, started for the trial.
    Lab(LabSpec),
}

/// The private servers of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabSpec {
    pub lifetime: Lifetime,
    /// Instances of the target service, at least 1.
    pub instances: u32,
    /// Whether the balancer in front of several instances sends a client to the same one again.
    #[serde(default)]
    pub sticky: bool,
    pub dataset: Dataset,
    /// The service's configuration in its own keys (nested tables), over its defaults.
    pub service: toml::Table,
    /// The edges that carry a proxy in every arm, with their standing conditions.
    pub edges: BTreeMap<Edge, EdgeConditions>,
    /// The payment provider; `None`: there is none, and the service hears of none.
    #[serde(default)]
    pub gateway: Option<GatewayBehaviour>,
    /// Whether there is a Redis; without one the service hears of none.
    #[serde(default)]
    pub redis: bool,
    /// How long payments that are open after the load may take to become final, before they are
    /// compared with the gateway's ledger. Without a gateway it means nothing.
    #[serde(with = "duration_text", default)]
    pub heal: Duration,
}

/// How long an environment is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    Trial,
    Arm,
    Run,
}

/// What the database holds when a trial starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dataset {
    pub members: u64,
    pub posts: u64,
    #[serde(default)]
    pub surveys: u64,
    /// Of each survey.
    #[serde(default)]
    pub survey_answers: u64,
    /// Of each survey; at most as many as there are members.
    #[serde(default)]
    pub survey_likes: u64,
    #[serde(default)]
    pub coupons: u64,
    /// Of each coupon, at least 1.
    #[serde(default = "one")]
    pub coupon_quantity: u64,
    pub skew: Skew,
}

/// Of a coupon, in records that know nothing of coupons.
fn one() -> u64 {
    1
}

/// How posts are spread over members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skew {
    Uniform,
    Zipf,
}

/// A TCP connection between two parts, named by the part that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// The load generator's connections to the service.
    Client,
    Database,
    Redis,
    /// The service's connections to the payment gateway.
    Gateway,
}

/// What holds on an edge for the whole trial, faults apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeConditions {
    /// Added to every byte in each direction: a round trip costs twice as much.
    #[serde(with = "duration_text")]
    pub latency: Duration,
}

/// When arrivals come, what each does, and how long it may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    pub model: LoadModel,
    /// Bounds one attempt, from its send to its last byte.
    #[serde(with = "duration_text")]
    pub attempt_timeout: Duration,
    /// Bounds one arrival with all its attempts, from its intended time.
    #[serde(with = "duration_text")]
    pub deadline: Duration,
    pub retry: RetryPolicy,
    #[serde(default)]
    pub keys: Keys,
    /// In the built-in journeys that pay: between two questions about a payment that is being confirmed.
    #[serde(with = "duration_text", default = "LoadSpec::usual_poll")]
    pub poll_every: Duration,
    /// At least one, weights above 0.
    pub journeys: Vec<WeightedJourney>,
    /// The scenario's own journeys; what is named in `journeys` and not here is built in.
    pub definitions: Vec<JourneyDefinition>,
    /// Sent with every request.
    pub headers: BTreeMap<String, String>,
}

impl LoadSpec {
    /// How often people look again where the scenario does not say.
    pub const fn usual_poll() -> Duration {
        Duration::from_millis(500)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadModel {
    /// Arrivals come by the schedule, however the service behaves.
    Open {
        arrivals: Arrivals,
        /// The most arrivals in flight; one that finds no idle user makes the trial invalid.
        users: usize,
    },
    /// Each user sends its next request when the last has ended: no rate, no lag, no unsent.
    Closed { users: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    Poisson,
    Uniform,
}

/// Under which idempotency key a client tries again, in the built-in journeys that send one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// The same: the careful client. It takes a new one only when it has been told that the payment
    /// has failed because nothing was sent, so that under this key nothing can be paid any more.
    #[default]
    PerArrival,
    /// A new one each time, as if it were another payment: the naive client.
    PerAttempt,
}

/// The client's retries within one arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max: u32,
    pub backoff: Backoff,
    /// Tokens earned by each first attempt; a retry costs one. `None`: no budget.
    pub budget: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first pause; zero means none.
    #[serde(with = "duration_text")]
    pub base: Duration,
    /// The longest pause.
    #[serde(with = "duration_text")]
    pub cap: Duration,
    pub jitter: Jitter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    None,
    Full,
    Decorrelated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightedJourney {
    pub name: String,
    pub weight: f64,
}

/// A journey written in TOML: steps in order, against any HTTP service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JourneyDefinition {
    pub name: String,
    pub steps: Vec<StepDefinition>,
}

/// One request. `path`, `headers` and `body` may hold `{{variable}}`s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// How figures and thresholds call it; by default the method and the path as written.
    pub name: String,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    pub expect: Expectation,
    /// Variable name to where its value is found in the answer.
    pub extract: BTreeMap<String, Extract>,
}

/// What makes an answer a success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Empty: any status below 400.
    pub status: Vec<u16>,
    /// Text that the body must contain.
    pub body_contains: Option<String>,
}

/// Where in an answer a variable's value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extract {
    /// A JSON pointer (RFC 6901) into the body.
    Json(String),
    /// A header's value.
    Header(String),
}

/// A named stretch of the timeline, and the window by which everything is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    pub name: String,
    #[serde(with = "duration_text")]
    pub duration: Duration,
    pub rate: Rate,
    /// Run, but not judged.
    pub warmup: bool,
}

/// Arrivals per second, changing linearly over the phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub from: f64,
    pub to: f64,
}

impl Trial {
    /// The length of the timeline.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }
}
