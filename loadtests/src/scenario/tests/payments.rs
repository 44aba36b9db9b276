//! What a scenario says of payments: keys, heal time, and what its arms expect.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{PLAIN, complaints_about, options, plan_of, try_plan};
use crate::scenario::{Arm, EnvironmentSpec, Keys, Options, Violation};

const PAYING: &str = r#"
[environment]
heal = "45s"
[gateway]
[load]
retry = { max = 2 }
deadline = "5s"
poll_every = "2s"
[[arms]]
name = "careful"
[[arms]]
name = "naive"
load.keys = "per_attempt"
expects = ["orphan", "double_charge"]
"#;

fn heal(arm: &Arm) -> Duration {
    match &arm.environment {
        EnvironmentSpec::Lab(lab) => lab.heal,
        EnvironmentSpec::External { .. } => panic!("a lab"),
    }
}

#[test]
fn an_arm_may_be_naive_and_says_what_comes_of_it() {
    let text = format!("{PLAIN}{PAYING}");
    let plan = plan_of(&text);
    let [careful, naive] = &*plan.arms else {
        panic!("two arms")
    };
    assert_eq!(careful.load.keys, Keys::PerArrival);
    assert_eq!(naive.load.keys, Keys::PerAttempt);
    assert!(careful.expects.is_empty());
    let expected = BTreeSet::from([Violation::DoubleCharge, Violation::Orphan]);
    assert_eq!(plan.trial(naive, 1, 1).expects, expected);
    assert_eq!(naive.load.poll_every, Duration::from_secs(2));
    assert_eq!(heal(naive), Duration::from_secs(45));
    assert_eq!(heal(&plan_of(PLAIN).arms[0]), Duration::from_secs(30));
    let quick = Options {
        quick: true,
        ..options()
    };
    let quick = try_plan(&text, &quick).unwrap();
    assert!(heal(&quick.arms[0]) <= Duration::from_secs(2));
}

#[test]
fn what_is_wrong_with_the_books_may_be_expected_without_a_gateway() {
    let text = format!("{PLAIN}[[arms]]\nname = \"a\"\nexpects = [\"lost_update\"]\n");
    assert_eq!(
        plan_of(&text).arms[0].expects,
        [Violation::LostUpdate].into()
    );
}

#[test]
fn mistakes_are_shown_with_their_line_and_the_fix() {
    for (section, message) in [
        (
            "[gateway]\n[[arms]]\nname = \"a\"\nexpects = [\"orphans\"]\n",
            "x.toml:13:11: \"expects\" in [[arms]] ",
        ),
        (
            "[gateway]\n[[arms]]\nname = \"a\"\nexpects = [\"orphans\"]\n",
            "did you mean \"orphan\"?",
        ),
        (
            "[[arms]]\nname = \"a\"\nexpects = [\"orphan\"]\n",
            "x.toml:12:11: \"expects\" needs a gateway",
        ),
        (
            "[environment]\nheal = \"1h\"\n",
            "x.toml:11:8: \"heal\" in [environment] is \"1h\": the longest is 10m",
        ),
        (
            "[load]\npoll_every = \"0s\"\n",
            "\"poll_every\" in [load] is 0: it must be longer",
        ),
        (
            "[load]\nkeys = \"per_atempt\"\n",
            "did you mean \"per_attempt\"?",
        ),
    ] {
        let complaints = complaints_about(section);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(message), "{complaints:?}");
    }
}
