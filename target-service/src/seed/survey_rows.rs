//! Generates the rows of surveys, their answers and likes, as lines in COPY's text format.
//!
//! The answers come from a random stream of their own, so that surveys change nothing of what members and
//! posts are. Answers of all surveys alternate, as they would come: those of one survey lie scattered over
//! the table.

use chrono::TimeDelta;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SeedPlan;

/// Apart from each other, the last one this long before the end of the plan's time.
const BETWEEN_SURVEYS: TimeDelta = TimeDelta::hours(6);

const CHOICES: [&str; 5] = ["yes", "no", "perhaps", "don't know", "글쎄요"];

/// Lines `id, member_id, title, created_at, answer_count, like_count`, oldest first.
pub(super) fn surveys(plan: &SeedPlan) -> impl Iterator<Item = String> {
    let (numbers, members, until) = (plan.surveys, plan.members.max(1), plan.until);
    (1..=numbers.surveys).map(move |id| {
        let age = BETWEEN_SURVEYS * i32::try_from(numbers.surveys - id + 1).unwrap_or(i32::MAX);
        let author = (id - 1) % members + 1;
        let created_at = (until - age).to_rfc3339();
        format!(
            "{id}\t{author}\tsurvey {id}\t{created_at}\t{}\t{}\n",
            numbers.answers_each, numbers.likes_each
        )
    })
}

/// Lines `id, survey_id, member_id, contents, answered_at`.
pub(super) fn answers(plan: &SeedPlan) -> impl Iterator<Item = String> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    random.set_stream(2);
    let (numbers, members) = (plan.surveys, plan.members.max(1));
    let moment = plan.until.to_rfc3339();
    let rounds = (0..u64::from(numbers.answers_each))
        .flat_map(move |round| (1..=u64::from(numbers.surveys)).map(move |survey| (round, survey)));
    rounds.map(move |(round, survey)| {
        let id = round * u64::from(numbers.surveys) + survey;
        let member = random.random_range(1..=members);
        let contents = CHOICES[random.random_range(0..CHOICES.len())];
        format!("{id}\t{survey}\t{member}\t{contents}\t{moment}\n")
    })
}

/// Lines `survey_id, member_id, liked_at`: each survey's likes are of members that follow each other.
pub(super) fn likes(plan: &SeedPlan) -> impl Iterator<Item = String> {
    let (numbers, members) = (plan.surveys, u64::from(plan.members.max(1)));
    let moment = plan.until.to_rfc3339();
    (1..=u64::from(numbers.surveys)).flat_map(move |survey| {
        let moment = moment.clone();
        (0..u64::from(numbers.likes_each)).map(move |like| {
            let member = (survey * 7 + like) % members + 1;
            format!("{survey}\t{member}\t{moment}\n")
        })
    })
}
