//! `--quick`: the same scenario in seconds, to see that it runs; no evidence of anything.
//!
//! Phases keep their order and, as far as the shortest allows, their proportions; rates keep
//! their proportions. Arms, claims and faults stay as they are.

use std::time::Duration;

use super::file::load::Model;
use super::trial::{Dataset, EnvironmentSpec, Phase, Rate, Skew};
use super::users;
use super::variant::Variant;

/// The timelines of all arms together, as far as [`SHORTEST_PHASE`] allows.
const ALL_ARMS: Duration = Duration::from_secs(2);
const SHORTEST_PHASE: Duration = Duration::from_millis(100);
/// A trial lasts one deadline longer than its timeline when the service hangs.
const LONGEST_DEADLINE: Duration = Duration::from_secs(1);
/// Payments that are open for longer are found to be so.
const LONGEST_HEAL: Duration = Duration::from_secs(2);
const HIGHEST_RATE: f64 = 400.0;
const MOST_CLOSED_USERS: usize = 16;
const LARGEST_DATASET: Dataset = Dataset {
    members: 200,
    posts: 2_000,
    surveys: 40,
    survey_answers: 100,
    survey_likes: 100,
    skew: Skew::Uniform,
};

/// Shortens every arm of a scenario, of which so many are run.
pub(super) fn shorten<'a>(variants: impl Iterator<Item = &'a mut Variant>, arms: usize) {
    let arms = arms.max(1) as f64;
    for variant in variants {
        shorten_phases(variant, ALL_ARMS.as_secs_f64() / arms);
        let load = &mut variant.load;
        load.deadline = load.deadline.min(LONGEST_DEADLINE);
        load.attempt_timeout = load.attempt_timeout.min(load.deadline);
        if let Model::Closed { users } = &mut load.model {
            *users = (*users).min(MOST_CLOSED_USERS);
        }
        if let EnvironmentSpec::Lab(lab) = &mut variant.environment {
            lab.heal = lab.heal.min(LONGEST_HEAL);
            shorten_dataset(&mut lab.dataset);
        }
    }
}

fn shorten_dataset(dataset: &mut Dataset) {
    let most = &LARGEST_DATASET;
    *dataset = Dataset {
        members: dataset.members.min(most.members),
        posts: dataset.posts.min(most.posts),
        surveys: dataset.surveys.min(most.surveys),
        survey_answers: dataset.survey_answers.min(most.survey_answers),
        survey_likes: dataset.survey_likes.min(most.survey_likes),
        skew: dataset.skew,
    };
}

fn shorten_phases(variant: &mut Variant, seconds: f64) {
    let phases: Vec<Phase> = variant
        .phases
        .iter()
        .map(|phase| phase.phase.clone())
        .collect();
    let total: Duration = phases.iter().map(|phase| phase.duration).sum();
    let time_scale = (seconds / total.as_secs_f64()).min(1.0);
    let rate_scale = (HIGHEST_RATE / users::peak_rate(&phases)).min(1.0);
    for phase in variant.phases.iter_mut().map(|phase| &mut phase.phase) {
        let scaled =
            Duration::from_millis((phase.duration.as_secs_f64() * time_scale * 1e3).round() as u64);
        phase.duration = scaled.max(SHORTEST_PHASE.min(phase.duration));
        phase.rate = Rate {
            from: phase.rate.from * rate_scale,
            to: phase.rate.to * rate_scale,
        };
    }
}
