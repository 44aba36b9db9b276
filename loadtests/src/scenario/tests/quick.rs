//! What `--quick` makes of a scenario.

use std::time::Duration;

use super::{PLAIN, options, plan_of, try_plan};
use crate::scenario::{EnvironmentSpec, LoadModel, Options, Plan, Rate};

fn quick_plan(text: &str) -> Plan {
    try_plan(
        text,
        &Options {
            quick: true,
            ..options()
        },
    )
    .unwrap()
}

fn length(plan: &Plan) -> Duration {
    plan.arms
        .iter()
        .map(|arm| plan.trial(arm, 1, 0).duration())
        .sum()
}

#[test]
fn phases_shrink_together_and_stay_in_order() {
    let plan = quick_plan(PLAIN);
    assert!(plan.quick);
    let phases = &plan.arms[0].phases;
    assert_eq!(phases[0].duration, Duration::from_millis(1429));
    assert_eq!(phases[1].duration, Duration::from_millis(571));
    // The highest rate is 400, and the shape stays.
    assert_eq!(
        phases[0].rate,
        Rate {
            from: 40.0,
            to: 40.0
        }
    );
    assert_eq!(
        phases[1].rate,
        Rate {
            from: 40.0,
            to: 400.0
        }
    );
}

#[test]
fn many_arms_share_the_time_and_run_once() {
    let arms: Vec<String> = (0..8)
        .map(|arm| format!("[[arms]]\nname = \"a{arm}\"\n"))
        .collect();
    let arms = arms.concat();
    let text = format!("rounds = 5\n{PLAIN}{arms}");
    let plan = quick_plan(&text);
    assert_eq!(plan.rounds, 1);
    assert!(
        length(&plan) <= Duration::from_secs(3),
        "{:?}",
        length(&plan)
    );
    let asked_for = try_plan(
        &text,
        &Options {
            quick: true,
            rounds: Some(2),
            ..options()
        },
    )
    .unwrap();
    assert_eq!(asked_for.rounds, 2);
    assert_eq!(plan_of(&text).rounds, 5);
}

#[test]
fn what_is_short_already_is_not_stretched() {
    let text = "name = \"s\"\n[[phases]]\nname = \"p\"\nduration = \"100ms\"\nrate = 5\n";
    assert_eq!(
        quick_plan(text).arms[0].phases,
        plan_of(text).arms[0].phases
    );
}

#[test]
fn faults_move_with_their_phases() {
    let plan = quick_plan(&format!(
        "{PLAIN}faults = [{{ on = \"database\", kind = \"drop\" }}]\n"
    ));
    let span = &plan.arms[0].faults[0];
    assert_eq!(
        (span.start, span.end),
        (Duration::from_millis(1429), Duration::from_secs(2))
    );
}

#[test]
fn deadlines_users_and_data_shrink_too() {
    let plan = quick_plan(&format!(
        "{PLAIN}[environment]\ndataset = {{ members = 9000, posts = 9 }}\n[load]\nattempt_timeout = \"2s\"\ndeadline = \"60s\"\n"
    ));
    let load = &plan.arms[0].load;
    assert_eq!(
        (load.attempt_timeout, load.deadline),
        (Duration::from_secs(1), Duration::from_secs(1))
    );
    assert!(
        matches!(load.model, LoadModel::Open { users: 528, .. }),
        "{:?}",
        load.model
    );
    let EnvironmentSpec::Lab(lab) = &plan.arms[0].environment else {
        panic!("a lab")
    };
    assert_eq!((lab.dataset.members, lab.dataset.posts), (200, 9));
}
