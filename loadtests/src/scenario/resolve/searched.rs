//! Settles a search: the arm that it is about, at every value that it may try.

use crate::scenario::diagnostic::{Location, Problems, suggestion};
use crate::scenario::file::arms::ArmDraft;
use crate::scenario::file::search::{FEWEST_RUNS, SearchDraft};
use crate::scenario::names::in_claims;
use crate::scenario::overlay::Override;
use crate::scenario::plan::{Arm, Options, Search};
use crate::scenario::variant::Variant;
use crate::stats;

use super::Reading;

/// The name of the searched arm, alone: what the command line says, or the search, or the first.
pub(super) fn arm(
    draft: &SearchDraft,
    names: &[String],
    wanted: Vec<String>,
    options: &Options,
    problems: &Problems,
) -> Vec<String> {
    if !options.arms.is_empty() {
        if wanted.len() > 1 {
            problems.report(
                &Location::whole(format!("--arm {}", options.arms.join(" --arm "))),
                "a search is about one arm: name one",
            );
        }
        return wanted;
    }
    let Some((written, at)) = &draft.arm else {
        return names.first().cloned().into_iter().collect();
    };
    let found = names
        .iter()
        .find(|name| in_claims(name) == in_claims(written));
    if found.is_none() {
        let hint = suggestion(written, names.iter().map(String::as_str));
        problems.report(
            at,
            format!("\"arm\" in [search] is \"{written}\", and there is no such arm{hint}"),
        );
    }
    found.cloned().into_iter().collect()
}

/// The arms at the lowest and the highest value, and the whole search.
///
/// Both ends are read first: what is wrong with them is likely to be wrong with all values between,
/// and saying it once is enough.
pub(super) fn settle(
    draft: SearchDraft,
    drafts: &[ArmDraft],
    wanted: &[String],
    reading: &Reading<'_>,
    env: &[Override],
) -> (Vec<Arm>, Search) {
    let options = reading.options;
    let base = drafts
        .iter()
        .find(|arm| wanted.contains(&arm.name))
        .cloned()
        .unwrap_or_else(|| ArmDraft {
            name: String::new(),
            ..ArmDraft::default()
        });
    let last = draft.values.len() - 1;
    let read = |place: usize| reading.lay_over(draft.values[place].laid_over(&base));
    let (lowest, highest) = (read(0), read(last));
    let mut all: Vec<(ArmDraft, Variant)> = vec![lowest];
    if reading.problems.none_yet() {
        all.extend((1..last).map(read));
    }
    all.push(highest);
    let most = stats::most_probes(draft.values.len());
    let arms = super::settle(all, env, options.quick, most);
    let ends = arms.first().into_iter().chain(arms.last()).cloned();
    let search = Search {
        unit: draft.unit,
        of_arm: base.name,
        until: draft.until,
        until_at: draft.until_at,
        runs: runs(draft.runs, options, reading.problems),
        precision: draft.precision,
        values: draft.values.iter().map(|value| value.number).collect(),
        key: draft.key,
        arms: Vec::new(),
    };
    (ends.collect(), Search { arms, ..search })
}

/// `--rounds` says how often each value is run; a quick run does not look at chance.
fn runs(written: u32, options: &Options, problems: &Problems) -> u32 {
    let runs = options
        .rounds
        .unwrap_or(if options.quick { 1 } else { written });
    if !options.quick && u64::from(runs) < FEWEST_RUNS {
        problems.report(
            &Location::whole(format!("--rounds {runs}")),
            format!(
                "a search runs each value at least {FEWEST_RUNS} times: fewer cannot show that it holds more often than not"
            ),
        );
    }
    runs
}
