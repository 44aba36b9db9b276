//! Locks: one balance, one coupon, one seat, the order with the transaction, leases, circles.

use serde_json::Value;

use super::quick;
use crate::command;

#[test]
fn locks() {
    let record = quick("locks");
    let strategies = [
        "none",
        "row",
        "optimistic",
        "increment",
        "redis_simple",
        "redis_spin",
        "redis_pubsub",
    ];
    for (arm, strategy) in record["arms"].as_array().unwrap().iter().zip(strategies) {
        assert_eq!(arm["effective"]["service"]["point"]["lock"], strategy);
        // There is no figure where a busy machine let nobody through in so short a time.
        assert!(
            strategy == "none" || figure(arm, "lost_updates") <= Some(0.0),
            "{strategy}: {}",
            arm["figures"]
        );
    }
}

#[test]
fn locks_coupon() {
    let record = quick("locks-coupon");
    for arm in record["arms"].as_array().unwrap() {
        let oversold = figure(arm, "oversold_coupons");
        let holds = arm["name"] != "none";
        assert!(
            !holds || oversold <= Some(0.0),
            "{}: {oversold:?}",
            arm["name"]
        );
    }
}

/// Who is told to have a seat is the one who has it.
#[test]
fn locks_seats() {
    let record = quick("locks-seats");
    let arm = &record["arms"][0];
    let taken = figure(arm, "seats_taken");
    let phases = arm["rounds"][0]["phases"].as_array().unwrap();
    let told: f64 = phases.iter().filter_map(|phase| phase["ok"].as_f64()).sum();
    assert!(
        taken >= Some(told) && taken > Some(0.0),
        "{told} told, {taken:?}"
    );
}

#[test]
fn lock_order() {
    let record = quick("lock-order");
    let right = named(&record, "right");
    assert!(figure(right, "oversold_coupons") <= Some(0.0), "{right}");
    let sold_out = record["arms"].as_array().unwrap().iter();
    let mut sold_out = sold_out.map(|arm| figure(arm, "sold_out_coupons"));
    assert!(sold_out.any(|coupons| coupons.is_some()));
    let mut phases = command::phases(&record).into_iter();
    assert!(phases.any(|phase| phase["server"]["lock_acquired"].as_f64() > Some(0.0)));
}

#[test]
fn lock_lease() {
    let record = quick("lock-lease");
    for (name, lease, fencing) in [
        ("unfenced", Value::from("500ms"), false),
        ("fenced", Value::from("500ms"), true),
        ("watchdog", Value::Null, false),
    ] {
        let arm = named(&record, name);
        let lock = &arm["effective"]["service"]["lock"];
        assert_eq!(
            (&lock["lease"], &lock["fencing"]),
            (&lease, &fencing.into())
        );
        let events = arm["rounds"][0]["events"].as_array().unwrap();
        let paused = events.iter().filter(|event| event["kind"] == "fault_end");
        assert_eq!(paused.count(), 2, "{events:?}");
        assert!(
            fencing <= (figure(arm, "oversold_coupons") <= Some(0.0)),
            "{arm}"
        );
    }
}

#[test]
fn deadlock() {
    let record = quick("deadlock");
    for (name, order) in [
        ("given", "given"),
        ("bounded", "given"),
        ("ordered", "ordered"),
    ] {
        let arm = named(&record, name);
        let point = &arm["effective"]["service"]["point"];
        assert_eq!(point["transfer_order"], order, "{point}");
        for wrong in ["lost_updates", "unbalanced_accounts", "half_transfers"] {
            assert!(figure(arm, wrong) <= Some(0.0), "{name}: {wrong}");
        }
    }
    let ordered = &named(&record, "ordered")["rounds"][0]["phases"];
    let ordered = ordered.as_array().unwrap().last().unwrap();
    assert!(
        ordered["server"]["pg_deadlocks"].as_f64() <= Some(0.0),
        "{ordered}"
    );
}

fn named<'a>(record: &'a Value, name: &str) -> &'a Value {
    let mut arms = record["arms"].as_array().unwrap().iter();
    arms.find(|arm| arm["name"] == name).unwrap()
}

fn figure(arm: &Value, name: &str) -> Option<f64> {
    arm["figures"][name].as_f64()
}
