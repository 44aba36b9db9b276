//! `[load]`: who comes, how long they wait, and whether they try again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::diagnostic::suggestion;
use crate::scenario::document::{Node, Value};
use crate::scenario::reader::Section;
use crate::scenario::trial::{
    Arrivals, Backoff, Jitter, JourneyDefinition, Keys, LoadSpec, RetryPolicy, WeightedJourney,
};
use crate::scenario::values::{Count, FromNode, Share, Span};

use super::environment::one_of;
use super::journeys;

/// How long an attempt may take where the file does not say.
const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_USERS: u64 = 100_000;
/// The journey that stands for the service's everyday use.
const DEFAULT_JOURNEY: &str = "mix";
const NO_RETRY: RetryPolicy = RetryPolicy {
    max: 0,
    backoff: NO_BACKOFF,
    budget: None,
};
const NO_BACKOFF: Backoff = Backoff {
    base: Duration::ZERO,
    cap: Duration::ZERO,
    jitter: Jitter::None,
};

/// The section as it was read; the number of users is settled once the rates are known.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) model: Model,
    pub(crate) attempt_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) keys: Keys,
    pub(crate) poll_every: Duration,
    pub(crate) journeys: Vec<WeightedJourney>,
    pub(crate) headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// `None`: as many users as can be needed.
    Open {
        arrivals: Arrivals,
        users: Option<usize>,
    },
    Closed {
        users: usize,
    },
}

/// Reads `[load]`; `built_in` are the journeys that are written in Rust.
pub(crate) fn read(
    root: &mut Section<'_>,
    definitions: &[JourneyDefinition],
    built_in: &[String],
    own_service: bool,
) -> Load {
    let empty = crate::scenario::document::Table::default();
    let mut section = root
        .section("load", "[load]")
        .unwrap_or_else(|| Section::new("[load]", &empty, root.at(), root.problems()));
    let model = read_model(&mut section);
    let retry = section
        .section("retry", "load.retry")
        .map_or(NO_RETRY, read_retry);
    let keys = section.optional("keys").unwrap_or_default();
    let poll_every = section
        .optional::<Span>("poll_every")
        .map_or(LoadSpec::usual_poll(), |span| span.0);
    let (attempt_timeout, deadline) = read_timeouts(&mut section, retry.max > 0);
    let journeys = read_journeys(&mut section, definitions, built_in, own_service);
    let headers = journeys::read_headers(&mut section);
    for entry in section.entries("headers") {
        if entry.node.text().is_some_and(|text| text.contains("{{")) {
            let complaint = "holds \"{{\", which is filled in only in the headers of a step";
            section.complain(&entry.key, &entry.node, complaint);
        }
    }
    section.close();
    Load {
        model,
        attempt_timeout,
        deadline,
        retry,
        keys,
        poll_every,
        journeys,
        headers,
    }
}

fn read_model(section: &mut Section<'_>) -> Model {
    let arrivals = section.optional("arrivals");
    let users = section
        .optional::<Count<1, MAX_USERS>>("users")
        .map(|users| users.0 as usize);
    let open = Model::Open {
        arrivals: arrivals.unwrap_or(Arrivals::Poisson),
        users,
    };
    let Some(node) = section.node("closed") else {
        return open;
    };
    if arrivals.is_some() || users.is_some() {
        section.complain(
            "closed",
            node,
            "excludes \"arrivals\" and \"users\": a closed load has no arrivals of its own",
        );
    }
    let Some(mut closed) = section.section("closed", "load.closed") else {
        return open;
    };
    let users = closed.required::<Count<1, MAX_USERS>>("users", "64");
    closed.close();
    // A closed load even when its users are unreadable, so that phases are read as what they are.
    Model::Closed {
        users: users.map_or(1, |users| users.0 as usize),
    }
}

/// The attempt timeout and the deadline of an arrival.
fn read_timeouts(section: &mut Section<'_>, retries: bool) -> (Duration, Duration) {
    let attempt = section
        .optional::<Span>("attempt_timeout")
        .map(|span| span.0);
    let deadline = section.optional::<Span>("deadline").map(|span| span.0);
    if let Some(node) = section.node("client_timeout") {
        let both = section
            .optional::<Span>("client_timeout")
            .map_or(DEFAULT_ATTEMPT_TIMEOUT, |span| span.0);
        if attempt.is_some() || deadline.is_some() {
            let clash =
                "stands for \"attempt_timeout\" and \"deadline\" together: write it or them";
            section.complain("client_timeout", node, clash);
        }
        return (both, both);
    }
    match (attempt, deadline) {
        (Some(attempt), Some(deadline)) => {
            if let Some(node) = section
                .node("attempt_timeout")
                .filter(|_| attempt > deadline)
            {
                section.complain(
                    "attempt_timeout",
                    node,
                    "is longer than the deadline: it could never act",
                );
            }
            (attempt, deadline)
        }
        (None, Some(deadline)) if retries => (deadline.min(DEFAULT_ATTEMPT_TIMEOUT), deadline),
        (None, Some(deadline)) => (deadline, deadline),
        (attempt, None) => {
            if retries {
                section.complain_of_all(
                    "retries, so it needs \"deadline\", which bounds an arrival with all its attempts: deadline = \"10s\"",
                );
            }
            let attempt = attempt.unwrap_or(DEFAULT_ATTEMPT_TIMEOUT);
            (attempt, attempt)
        }
    }
}

fn read_retry(mut section: Section<'_>) -> RetryPolicy {
    let policy = RetryPolicy {
        max: section
            .required::<Count<0, 100>>("max", "2")
            .map_or(0, |max| max.0 as u32),
        backoff: section.optional("backoff").unwrap_or(NO_BACKOFF),
        budget: section.optional::<Share>("budget").map(|share| share.0),
    };
    section.close();
    policy
}

impl FromNode for Backoff {
    fn from_node(node: &Node) -> Result<Self, String> {
        const FORM: &str = "write \"none\" or { base = \"50ms\", cap = \"1s\", jitter = \"full\" }";
        match &node.value {
            Value::Text(text) if text == "none" => Ok(NO_BACKOFF),
            Value::Table(table) => {
                if let Some(entry) = table
                    .entries
                    .iter()
                    .find(|entry| !matches!(entry.key.as_str(), "base" | "cap" | "jitter"))
                {
                    return Err(format!("has the unknown key \"{}\": {FORM}", entry.key));
                }
                let span = |key: &str| {
                    let node = table
                        .get(key)
                        .ok_or_else(|| format!("lacks \"{key}\": {FORM}"))?;
                    let span = Span::from_node(node)
                        .map_err(|complaint| format!("has a \"{key}\" that {complaint}"));
                    span.map(|span| span.0)
                };
                let (base, cap) = (span("base")?, span("cap")?);
                if cap < base {
                    return Err("has a \"cap\" below its \"base\"".to_owned());
                }
                let jitter = table
                    .get("jitter")
                    .map_or(Ok(Jitter::Full), Jitter::from_node);
                Ok(Self {
                    base,
                    cap,
                    jitter: jitter
                        .map_err(|complaint| format!("has a \"jitter\" that {complaint}"))?,
                })
            }
            _ => Err(format!("is unknown: {FORM}")),
        }
    }
}

impl FromNode for Jitter {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(
            node,
            &[
                ("none", Self::None),
                ("full", Self::Full),
                ("decorrelated", Self::Decorrelated),
            ],
        )
    }
}

impl FromNode for Keys {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(
            node,
            &[
                ("per_arrival", Self::PerArrival),
                ("per_attempt", Self::PerAttempt),
            ],
        )
    }
}

impl FromNode for Arrivals {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(
            node,
            &[("poisson", Self::Poisson), ("uniform", Self::Uniform)],
        )
    }
}

/// The weights; where the file gives none, its own journeys alike, or else the everyday mix.
fn read_journeys(
    section: &mut Section<'_>,
    definitions: &[JourneyDefinition],
    built_in: &[String],
    own_service: bool,
) -> Vec<WeightedJourney> {
    let defined = definitions
        .iter()
        .map(|definition| definition.name.as_str());
    let Some(node) = section.node("journeys") else {
        if definitions.is_empty() && !own_service {
            section.complain_of_all(
                "does not say what to do at the target: write [[journeys]] with steps",
            );
        }
        let default = if definitions.is_empty() {
            vec![DEFAULT_JOURNEY]
        } else {
            defined.collect()
        };
        return default
            .into_iter()
            .map(|name| WeightedJourney {
                name: name.to_owned(),
                weight: 1.0,
            })
            .collect();
    };
    let known: Vec<&str> = built_in.iter().map(String::as_str).chain(defined).collect();
    let mut journeys = Vec::new();
    for entry in section.entries("journeys") {
        if !known.contains(&entry.key.as_str()) {
            let hint = suggestion(&entry.key, known.iter().copied());
            section.problems().report(
                &entry.key_at,
                format!("unknown journey \"{}\"{hint}", entry.key),
            );
        }
        match f64::from_node(&entry.node) {
            Ok(weight) if weight > 0.0 => journeys.push(WeightedJourney {
                name: entry.key.clone(),
                weight,
            }),
            Ok(weight) => section.complain(
                &entry.key,
                &entry.node,
                &format!("has the weight {weight}: it must be above 0"),
            ),
            Err(complaint) => section.complain(
                &entry.key,
                &entry.node,
                &format!("has a weight that {complaint}"),
            ),
        }
    }
    if node.table().is_some_and(|table| table.entries.is_empty()) {
        section.complain(
            "journeys",
            node,
            "is empty: give at least one journey a weight, such as { mix = 1 }",
        );
    }
    journeys
}
