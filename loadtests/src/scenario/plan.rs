//! A scenario with all its options settled: the arms to run, and what is claimed of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Map;

use super::diagnostic::Location;
use super::fault::FaultSpan;
use super::file::arms::Sweep;
use super::file::claims::{Claim, Threshold};
use super::file::search::SearchUnit;
use super::file::slo::Slo;
use super::service_keys::ServiceKeys;
use super::trial::{EnvironmentSpec, LoadSpec, Phase, Trial};
use super::violation::Violation;

/// What one `squall run` does.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// `None`: made from the arguments of the command line.
    pub file: Option<PathBuf>,
    pub name: String,
    pub title: String,
    pub hypothesis: String,
    /// Which systems of the catalogue the scenario measures.
    pub shows: Vec<String>,
    /// SHA-256 of the scenario's text, in hexadecimal.
    pub sha256: String,
    /// What is run, in the file's order; at least one. Of a search: its lowest and highest value.
    pub arms: Vec<Arm>,
    /// Arms of the scenario that were not asked for. Claims may speak of them, and are then
    /// inconclusive.
    pub left_out: Vec<String>,
    /// How often every arm is run.
    pub rounds: u32,
    /// From which every round's seed is made.
    pub seed: u64,
    /// Shortened: no evidence.
    pub quick: bool,
    pub claims: Vec<Claim>,
    pub thresholds: Vec<Threshold>,
    /// Of the arms that are run.
    pub sweep: Option<Sweep>,
    pub search: Option<Search>,
    pub slo: Option<Slo>,
}

/// A search for the value of a key at which something stops holding.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Dotted path, as in the file.
    pub key: String,
    pub unit: SearchUnit,
    /// The arm whose key is varied.
    pub of_arm: String,
    /// What holds on one side of the boundary and not on the other, as written.
    pub until: String,
    pub until_at: Location,
    /// How often each value is run.
    pub runs: u32,
    /// The distance of two values; durations in seconds.
    pub precision: f64,
    /// Every value that may be tried, ascending, at least two; durations in seconds.
    pub values: Vec<f64>,
    /// The searched arm at each of `values`.
    pub arms: Vec<Arm>,
}

/// One variant of the scenario, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    pub name: String,
    /// What differs from the file's common part: dotted key to value, from `--env` and the arm.
    pub overrides: Map<String, serde_json::Value>,
    pub environment: EnvironmentSpec,
    /// Where the keys of the environment's service were written.
    pub service_keys: ServiceKeys,
    pub load: LoadSpec,
    pub phases: Vec<Phase>,
    pub faults: Vec<FaultSpan>,
    /// What the checker of payments may find in it without failing the run.
    pub expects: BTreeSet<Violation>,
}

/// What the command line adds to a scenario.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Shorten everything: see `--quick`.
    pub quick: bool,
    pub seed: Option<u64>,
    pub rounds: Option<u32>,
    /// The arms to run; empty: all.
    pub arms: Vec<String>,
    /// The service to load instead of one of our own.
    pub target: Option<String>,
    /// `KEY=VALUE`s with dotted keys, laid over the file before its arms.
    pub env: Vec<String>,
    /// The journeys that exist as code, built in or brought along.
    pub journeys: Vec<String>,
}

impl Plan {
    /// An arm in a round; `order` is the trial's place in the run, from 0.
    pub fn trial(&self, arm: &Arm, round: u32, order: u32) -> Trial {
        Trial {
            arm: arm.name.clone(),
            round,
            order,
            seed: round_seed(self.seed, round),
            environment: arm.environment.clone(),
            load: arm.load.clone(),
            phases: arm.phases.clone(),
            faults: arm.faults.clone(),
            slo: self.slo,
            expects: arm.expects.clone(),
        }
    }

    /// A run of a searched value, given by its place. Each run of each value has a seed of its own,
    /// unlike the arms of a round: what is looked for is how often it holds, and runs that shared
    /// their draws would all be lucky or unlucky together.
    pub fn searched_trial(&self, search: &Search, place: usize, run: u32, order: u32) -> Trial {
        let draws = (place as u32)
            .wrapping_mul(SEEDS_OF_A_VALUE)
            .wrapping_add(run);
        Trial {
            seed: round_seed(self.seed, draws),
            ..self.trial(&search.arms[place], run, order)
        }
    }
}

/// No value is run as often.
const SEEDS_OF_A_VALUE: u32 = 10_000;

/// The seed of a round: the same for all of its arms, and unlike that of any other round.
///
/// The output function of `SplitMix64` (Steele, Lea and Flood, 2014), cut to 53 bits so that
/// programs that keep numbers as doubles read it exactly.
fn round_seed(seed: u64, round: u32) -> u64 {
    let mut mixed = seed.wrapping_add(u64::from(round).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) >> 11
}
