//! The scenarios about what follows from a write behind the writer: mails of events, and counts that are kept.

use serde_json::Value;

use super::{quick, quick_of};
use crate::command;

/// The other arms differ from the first of these in the point only.
#[test]
fn outbox() {
    let arms = ["after_publish", "new_name_each_time", "from_memory"];
    let chosen = arms.map(|arm| ["--arm", arm]);
    let record = quick_of("outbox", chosen.as_flattened());
    let ran = record["arms"].as_array().unwrap();
    assert_eq!(ran.len(), arms.len());
    let faults = [
        "crash of the service at after_publish",
        "at after_handle",
        "kill",
    ];
    for (arm, fault) in ran.iter().zip(faults) {
        let events = arm["rounds"][0]["events"].to_string();
        assert!(events.contains(fault), "{fault} in {events}");
        let instances = &arm["effective"]["instances"];
        assert_eq!(instances, 2, "{}", arm["effective"]);
    }
    // In so short a time, on a busy machine, nobody may have come to the point, or been registered.
    assert!(ran[0]["figures"]["crashes"].is_number());
    for figure in ["lost_events", "duplicate_mails"] {
        let found = ran[0]["figures"][figure].as_f64();
        assert!(found <= Some(0.0), "{figure}: {found:?}");
    }
    assert_eq!(
        ran[1]["effective"]["service"]["mail"]["message_ids"],
        "per_attempt"
    );
    assert_eq!(
        ran[2]["effective"]["service"]["mail"]["welcome"],
        "after_commit"
    );
}

#[test]
fn after_commit() {
    let record = quick("after-commit");
    let arms = record["arms"].as_array().unwrap();
    for (arm, welcome) in arms
        .iter()
        .zip(["outbox", "outbox", "inline", "after_commit"])
    {
        let mail = &arm["effective"]["service"]["mail"];
        assert_eq!(mail["welcome"], welcome, "{mail}");
        let told = arm["figures"]["registrations_told"].as_f64();
        assert!(told > Some(0.0), "{}", arm["figures"]);
    }
    let figures = |arm: usize| &arms[arm]["figures"];
    for arm in [0, 1, 2] {
        assert_eq!(figures(arm)["lost_events"], 0.0, "{}", figures(arm));
        assert_eq!(figures(arm)["duplicate_mails"], 0.0, "{}", figures(arm));
    }
    let events = arms[1]["rounds"][0]["events"].to_string();
    for state in ["down", "slow"] {
        let fault = format!("mail.server = \\\"{state}\\\"");
        assert!(events.contains(&fault), "{fault} in {events}");
    }
}

#[test]
fn aggregation() {
    let record = quick("aggregation");
    let arms = record["arms"].as_array().unwrap();
    let counts = ["subqueries", "grouped", "counters", "event"];
    assert_eq!(arms.len(), counts.len());
    for (arm, counts) in arms.iter().zip(counts) {
        assert_eq!(arm["effective"]["service"]["survey"]["counts"], counts);
    }
    let mut phases = command::phases(&record).into_iter();
    let answered = phases.any(|phase| {
        let answers = &phase["steps"]["POST /surveys/30/answers"];
        answers["count"].as_u64() > answers["failed"].as_u64()
    });
    assert!(answered);
    let mut of_events = arms[3]["rounds"][0]["phases"].as_array().unwrap().iter();
    // Whether the worker had its turn within so short a phase is chance.
    let counted = |phase: &Value| phase["server"]["survey_events_folded"].is_f64();
    assert!(of_events.all(counted), "{:?}", arms[3]["rounds"]);
}
