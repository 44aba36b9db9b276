//! The checker of deliveries in small labs: a careful service leaves nothing to find, and each way not to
//! tell somebody, or to tell somebody twice, is found.

use serde_json::Value;

use crate::command::{Ended, run_scenario};

/// The load is a closed one, so that a busy machine makes no run invalid.
const SCENARIO: &str = r#"
name = "welcomes"
title = "New members are welcomed by mail"
[environment]
dataset = { members = 10, posts = 10 }
heal = "3s"
[service]
db.pool.max_size = 20
outbox.republish_after = "300ms"
[load]
closed = { users = 3 }
client_timeout = "2s"
journeys = { register = 1 }
[[phases]]
name = "well"
duration = "500ms"
[[phases]]
name = "crash"
duration = "3s"
faults = [{ on = "service", kind = "crash_at", point = "after_handle" }]
[[phases]]
name = "after"
duration = "500ms"
[[arms]]
name = "careful"
[[arms]]
name = "from_memory"
EXPECTS_LOST
phases.crash.faults = []
service.mail.welcome = "after_commit"
service.mail.server = "down"
[[arms]]
name = "no_relay"
EXPECTS_UNDELIVERED
phases.crash.faults = []
service.outbox.relay = false
[[arms]]
name = "new_name_each_time"
EXPECTS_DUPLICATE
service.mail.message_ids = "per_attempt"
[[claims]]
says = "Who is careful loses nothing and welcomes nobody twice, though the service dies"
check = "arm.careful.crashes == 1.0 && arm.careful.lost_events + arm.careful.undelivered_events + arm.careful.duplicate_mails == 0.0 && arm.careful.delivered_s <= 3.0"
[[claims]]
says = "The event that was handled and not marked is handed over again, and known"
check = "arm.careful.duplicate_deliveries >= 1.0 && arm.new_name_each_time.duplicate_deliveries >= 1.0"
[[claims]]
says = "Everybody who was told is missed"
check = "arm.from_memory.lost_events >= arm.from_memory.registrations_told && arm.from_memory.registrations_told > 0.0 && arm.no_relay.undelivered_events >= arm.no_relay.registrations_told"
"#;

const KINDS: [(&str, &str); 3] = [
    ("EXPECTS_LOST", "lost_event"),
    ("EXPECTS_UNDELIVERED", "undelivered_event"),
    ("EXPECTS_DUPLICATE", "duplicate_mail"),
];

fn run(expecting: bool) -> (Ended, Value) {
    let mut text = SCENARIO.to_owned();
    for (place, kind) in KINDS {
        let expects = if expecting {
            format!("expects = [\"{kind}\"]")
        } else {
            String::new()
        };
        text = text.replace(place, &expects);
    }
    run_scenario(&text)
}

/// The codes of an arm's findings, and whether they fail the run.
fn findings(record: &Value, arm: usize) -> Vec<(String, bool)> {
    let findings = record["arms"][arm]["rounds"][0]["findings"].as_array();
    let of = |finding: &Value| {
        let code = finding["code"].as_str().unwrap().to_owned();
        (code, finding["fails"].as_bool().unwrap())
    };
    findings.unwrap().iter().map(of).collect()
}

#[test]
fn what_nobody_was_told_of_or_was_told_twice_fails_the_run() {
    let (ended, record) = run(false);
    assert_eq!(findings(&record, 0), [], "{}", ended.all());
    for (arm, (_, kind)) in KINDS.iter().enumerate() {
        let found = findings(&record, arm + 1);
        assert_eq!(found, [((*kind).to_owned(), true)], "{}", ended.all());
    }
    assert_eq!(ended.code, Some(3), "{}", ended.all());
}

#[test]
fn arms_may_be_there_to_show_it() {
    let (ended, record) = run(true);
    for (arm, (_, kind)) in KINDS.iter().enumerate() {
        let found = findings(&record, arm + 1);
        assert_eq!(found, [((*kind).to_owned(), false)], "{}", ended.all());
    }
    for claim in record["claims"].as_array().unwrap() {
        assert_eq!(claim["holds"], true, "{}", ended.all());
    }
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let events = record["arms"][0]["rounds"][0]["events"].to_string();
    for told in ["crash of the service at after_handle", "\"delivered\""] {
        assert!(events.contains(told), "{told} in {events}");
    }
}
