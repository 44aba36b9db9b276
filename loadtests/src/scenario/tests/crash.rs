//! `crash_at`: the service dies at a point of an event's way.

use super::{PLAIN, complaints, plan_of};
use crate::scenario::Fault;

fn faults(written: &str) -> String {
    format!("{PLAIN}faults = [{written}]\n")
}

#[test]
fn a_point_is_one_of_those_on_an_events_way() {
    let plan = plan_of(&faults(
        "{ on = \"service\", kind = \"crash_at\", point = \"after_publish\" }",
    ));
    let fault = &plan.arms[0].faults[0].fault;
    let point = "after_publish".to_owned();
    assert_eq!(*fault, Fault::CrashAt { point });
    assert_eq!(fault.to_string(), "crash of the service at after_publish");

    for (written, words) in [
        ("point = \"after_publsh\"", "after_publish"),
        ("value = \"after_publish\"", "point"),
    ] {
        let fault = format!("{{ on = \"service\", kind = \"crash_at\", {written} }}");
        let found = complaints(&faults(&fault)).join("\n");
        assert!(found.contains(words), "{found}");
    }
    let elsewhere = "{ on = \"database\", kind = \"crash_at\", point = \"after_take\" }";
    assert!(!complaints(&faults(elsewhere)).is_empty());
}

#[test]
fn a_process_ends_in_one_way_at_a_time() {
    let both = "{ on = \"service\", kind = \"kill\" }, \
                { on = \"service\", kind = \"crash_at\", point = \"after_take\" }";
    let found = complaints(&faults(both)).join("\n");
    assert!(found.contains("keep one"), "{found}");
}
