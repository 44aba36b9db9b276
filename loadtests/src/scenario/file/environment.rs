//! `[environment]`, `[service]`, `[gateway]` and `[redis]`: the servers that a trial starts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::diagnostic::suggestion;
use crate::scenario::document::Node;
use crate::scenario::reader::Section;
use crate::scenario::trial::{
    Dataset, Edge, EdgeConditions, EnvironmentSpec, LabSpec, Lifetime, Skew,
};
use crate::scenario::values::{Count, FromNode};
use crate::units::format_duration;

use super::gateway;
use super::target::Target;

const DEFAULT_DATASET: Dataset = Dataset {
    members: 1_000,
    posts: 20_000,
    surveys: 0,
    survey_answers: 0,
    survey_likes: 0,
    coupons: 0,
    coupon_quantity: 100,
    skew: Skew::Zipf,
};

/// How long payments may take to become final after the load, where the file does not say.
const DEFAULT_HEAL: Duration = Duration::from_secs(30);
const LONGEST_HEAL: Duration = Duration::from_mins(10);

/// More would only fight for the processors of one machine.
const MOST_INSTANCES: u64 = 16;

/// The edges that a proxy can stand on.
pub(crate) const EDGES: [(&str, Edge); 4] = [
    ("client", Edge::Client),
    ("database", Edge::Database),
    ("redis", Edge::Redis),
    ("gateway", Edge::Gateway),
];

/// Continues the name of what needs one.
pub(crate) const NO_GATEWAY: &str =
    "needs a gateway, and this scenario has none: add [gateway], which may be empty";
pub(crate) const NO_REDIS: &str =
    "needs a Redis, and this scenario has none: add [redis], which may be empty";

pub(crate) fn read(root: &mut Section<'_>, target: &Target) -> EnvironmentSpec {
    let Some(base_url) = &target.base_url else {
        return EnvironmentSpec::Lab(lab(root));
    };
    for (key, title) in [
        ("environment", "[environment]"),
        ("service", "[service]"),
        ("gateway", "[gateway]"),
        ("redis", "[redis]"),
    ] {
        if let Some(section) = root.section(key, title) {
            section.complain_of_all(
                "has nothing to act on: [target] base_url is a service that is not ours to start",
            );
        }
    }
    EnvironmentSpec::External {
        base_url: base_url.clone(),
    }
}

/// The servers of our own, whatever the target.
pub(crate) fn lab(root: &mut Section<'_>) -> LabSpec {
    let service = root
        .section("service", "[service]")
        .map(|section| section.to_toml())
        .unwrap_or_default();
    let mut spec = LabSpec {
        lifetime: Lifetime::Trial,
        instances: 1,
        sticky: false,
        dataset: DEFAULT_DATASET,
        service,
        edges: BTreeMap::new(),
        gateway: gateway::read(root),
        redis: has_redis(root),
        heal: DEFAULT_HEAL,
    };
    let Some(mut section) = root.section("environment", "[environment]") else {
        return spec;
    };
    if let Some(lifetime) = section.optional("lifetime") {
        spec.lifetime = lifetime;
    }
    if let Some(instances) = section.optional::<Count<1, MOST_INSTANCES>>("instances") {
        spec.instances = instances.0 as u32;
    }
    if let Some(sticky) = section.optional("sticky") {
        spec.sticky = sticky;
    }
    if let Some(sticky) = section
        .node("sticky")
        .filter(|_| spec.sticky && spec.instances == 1)
    {
        let complaint =
            "has nothing to act on: there is one instance, and no balancer in front of it";
        section.complain("sticky", sticky, complaint);
    }
    if let Some(dataset) = section.section("dataset", "environment.dataset") {
        spec.dataset = read_dataset(dataset);
    }
    if let Some(edges) = section.section("edges", "environment.edges") {
        spec.edges = read_edges(edges, spec.gateway.is_some(), spec.redis);
    }
    if let Some(heal) = section.optional::<Heal>("heal") {
        spec.heal = heal.0;
    }
    section.close();
    spec
}

fn read_dataset(mut section: Section<'_>) -> Dataset {
    let members = section
        .optional::<Count<1, 10_000_000>>("members")
        .map_or(DEFAULT_DATASET.members, |members| members.0);
    let dataset = Dataset {
        members,
        posts: section
            .optional::<Count<0, 100_000_000>>("posts")
            .map_or(DEFAULT_DATASET.posts, |posts| posts.0),
        surveys: section
            .optional::<Count<0, 10_000>>("surveys")
            .map_or(DEFAULT_DATASET.surveys, |surveys| surveys.0),
        survey_answers: section
            .optional::<Count<0, 1_000_000>>("survey_answers")
            .map_or(DEFAULT_DATASET.survey_answers, |answers| answers.0),
        survey_likes: read_survey_likes(&mut section, members),
        coupons: section
            .optional::<Count<0, 1_000_000>>("coupons")
            .map_or(DEFAULT_DATASET.coupons, |coupons| coupons.0),
        coupon_quantity: section
            .optional::<Count<1, 1_000_000>>("coupon_quantity")
            .map_or(DEFAULT_DATASET.coupon_quantity, |quantity| quantity.0),
        skew: section.optional("skew").unwrap_or(DEFAULT_DATASET.skew),
    };
    section.close();
    dataset
}

/// A member likes a survey once.
fn read_survey_likes(section: &mut Section<'_>, members: u64) -> u64 {
    let Some(likes) = section.optional::<Count<0, 10_000_000>>("survey_likes") else {
        return DEFAULT_DATASET.survey_likes;
    };
    if likes.0 > members
        && let Some(node) = section.node("survey_likes")
    {
        let complaint = format!(
            "is {}: a member likes a survey once, and there are {members} members",
            likes.0
        );
        section.complain("survey_likes", node, &complaint);
    }
    likes.0
}

/// The table says that there is one, and has no keys so far.
fn has_redis(root: &mut Section<'_>) -> bool {
    let section = root.section("redis", "[redis]");
    let is_there = section.is_some();
    if let Some(section) = section {
        section.close();
    }
    is_there
}

fn read_edges(
    mut section: Section<'_>,
    has_gateway: bool,
    has_redis: bool,
) -> BTreeMap<Edge, EdgeConditions> {
    let mut edges = BTreeMap::new();
    for (name, edge) in EDGES {
        if let Some(mut conditions) = section.section(name, &format!("environment.edges.{name}")) {
            let latency = conditions
                .optional::<Latency>("latency")
                .map_or(Duration::ZERO, |latency| latency.0);
            if edge == Edge::Gateway && !has_gateway {
                conditions.complain_of_all(NO_GATEWAY);
            }
            if edge == Edge::Redis && !has_redis {
                conditions.complain_of_all(NO_REDIS);
            }
            conditions.close();
            edges.insert(edge, EdgeConditions { latency });
        }
    }
    section.close();
    edges
}

/// What a proxy may add to each direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency(pub(crate) Duration);

impl FromNode for Latency {
    fn from_node(node: &Node) -> Result<Self, String> {
        let latency = Duration::from_node(node)?;
        if latency > Duration::from_mins(1) {
            return Err(format!(
                "is \"{}\": the longest is 60s",
                node.text().unwrap_or_default()
            ));
        }
        Ok(Self(latency))
    }
}

struct Heal(Duration);

impl FromNode for Heal {
    fn from_node(node: &Node) -> Result<Self, String> {
        let heal = Duration::from_node(node)?;
        if heal > LONGEST_HEAL {
            let longest = format_duration(LONGEST_HEAL);
            let written = node.text().unwrap_or_default();
            return Err(format!("is \"{written}\": the longest is {longest}"));
        }
        Ok(Self(heal))
    }
}

impl FromNode for Lifetime {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(
            node,
            &[
                ("trial", Self::Trial),
                ("arm", Self::Arm),
                ("run", Self::Run),
            ],
        )
    }
}

impl FromNode for Skew {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(node, &[("uniform", Self::Uniform), ("zipf", Self::Zipf)])
    }
}

/// A word out of a few.
pub(crate) fn one_of<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, String> {
    let written = String::from_node(node)?;
    words
        .iter()
        .find(|(word, _)| *word == written)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            format!(
                "is \"{written}\"{}",
                suggestion(&written, words.iter().map(|(word, _)| *word))
            )
        })
}
