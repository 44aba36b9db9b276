//! The scenarios of what caches do when something is the matter with them.

use serde_json::Value;

use super::quick;
use crate::command;

#[test]
fn cache_inconsistency() {
    let record = quick("cache-inconsistency");
    assert_tiers(&record, &["local", "local", "redis", "two_level"]);
    for arm in record["arms"].as_array().unwrap() {
        assert_eq!(arm["effective"]["instances"], 3, "{}", arm["effective"]);
    }
    assert_redis_was_disturbed(&record);
    let count = |arm: usize, figure: &str| -> u64 {
        let phases = record["arms"][arm]["rounds"][0]["phases"].as_array();
        let counts = phases.unwrap().iter().map(|phase| phase[figure].as_u64());
        counts.map(Option::unwrap_or_default).sum()
    };
    for arm in 0..4 {
        let (checked, stale) = (count(arm, "checked_reads"), count(arm, "stale_reads"));
        assert!(stale <= checked, "{stale} of {checked}");
        // Nobody is told of a write: of so many reads about half go to an old copy.
        let is_untold = arm == 0 && checked >= 15;
        assert!(!is_untold || stale > 0, "none of {checked}");
    }
    let checked: u64 = (0..4).map(|arm| count(arm, "checked_reads")).sum();
    assert!(checked > 0, "nobody reads what he has written");
}

#[test]
fn redis_down() {
    let record = quick("redis-down");
    assert_tiers(&record, &["off", "redis", "redis", "redis", "two_level"]);
    assert_redis_was_disturbed(&record);
    for arm in record["arms"].as_array().unwrap() {
        let phases = arm["rounds"][0]["phases"].as_array().unwrap();
        for phase in phases {
            assert_eq!(phase["failures"].get("status_500"), None, "{phase}");
        }
        let troubled = phases
            .iter()
            .any(|phase| phase["server"]["cache_errors"].as_f64() > Some(0.0));
        // Where there is no cache nobody asks Redis.
        let is_off = arm["name"] == "off";
        assert!(!(is_off && troubled), "{phases:?}");
    }
}

#[test]
fn cache_corrupt() {
    let record = quick("cache-corrupt");
    assert_tiers(&record, &["redis", "redis", "redis", "redis", "two_level"]);
    assert_redis_was_disturbed(&record);
    for arm in record["arms"].as_array().unwrap() {
        let events = arm["rounds"][0]["events"].as_array().unwrap();
        let counted = events.iter().any(|event| {
            let detail = event["detail"].as_str().unwrap();
            event["kind"] == "fault_start" && detail.ends_with(" of them")
        });
        assert!(counted, "{events:?}");
        let phases = arm["rounds"][0]["phases"].as_array().unwrap();
        for phase in phases {
            assert_eq!(phase["failures"].get("status_500"), None, "{phase}");
        }
    }
    let mut phases = command::phases(&record).into_iter();
    let is_found = |phase: &Value| phase["server"]["cache_corrupt"].as_f64() > Some(0.0);
    assert!(phases.any(is_found), "nobody met a corrupt value");
}

fn assert_tiers(record: &Value, tiers: &[&str]) {
    let arms = record["arms"].as_array().unwrap();
    let running: Vec<_> = arms
        .iter()
        .map(|arm| {
            arm["effective"]["service"]["cache"]["tier"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(running, tiers);
}

fn assert_redis_was_disturbed(record: &Value) {
    for arm in record["arms"].as_array().unwrap() {
        let round = &arm["rounds"][0];
        assert_eq!(
            round["findings"],
            Value::Array(Vec::new()),
            "{}",
            arm["name"]
        );
        for kind in ["fault_start", "fault_end"] {
            let mut events = round["events"].as_array().unwrap().iter();
            let of_redis = |event: &Value| {
                event["kind"] == kind && event["detail"].as_str().unwrap().contains("redis")
            };
            assert!(events.any(of_redis), "{kind} in {}", round["events"]);
        }
    }
}
