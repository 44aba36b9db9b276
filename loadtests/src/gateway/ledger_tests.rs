//! What the ledger keeps, and what it refuses.

use std::thread;

use super::*;

fn payment(key: &str, order_id: &str, amount: u64) -> Payment {
    Payment {
        key: key.to_owned(),
        order_id: order_id.to_owned(),
        amount,
    }
}

fn approved(charged: Charged) -> (Charge, bool) {
    match charged {
        Charged::Approved { charge, again } => (charge, again),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_key_again_gets_the_same_charge() {
    let ledger = Ledger::default();
    let (first, again) = approved(ledger.charge(payment("k", "o", 100), false));
    assert!(!again);
    // It is answered as before, whatever the bank would say by now.
    let (second, again) = approved(ledger.charge(payment("k", "o", 100), true));
    assert!(again);
    assert_eq!(first, second);
    assert_eq!(ledger.page().items, [first]);
}

#[test]
fn one_key_from_many_at_once_is_charged_once() {
    let ledger = Ledger::default();
    let charges: Vec<Charge> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| approved(ledger.charge(payment("k", "o", 100), false)).0))
            .collect();
        let charges = threads.into_iter().map(|thread| thread.join().unwrap());
        charges.collect()
    });
    assert_eq!(ledger.count(), 1);
    assert!(charges.iter().all(|charge| *charge == charges[0]));
}

#[test]
fn a_key_belongs_to_what_it_was_first_used_for() {
    let ledger = Ledger::default();
    ledger.charge(payment("k", "o", 100), false);
    for other in [payment("k", "o", 101), payment("k", "p", 100)] {
        assert_eq!(ledger.charge(other, false), Charged::KeyReused);
    }
    assert_eq!(ledger.count(), 1);
}

#[test]
fn two_keys_for_one_order_are_two_charges() {
    let ledger = Ledger::default();
    ledger.charge(payment("k", "o", 100), false);
    ledger.charge(payment("l", "o", 100), false);
    let order = ledger.order("o").unwrap();
    assert_eq!(order.status, ChargeStatus::Approved);
    assert_eq!(order.charges.len(), 2);
    assert_ne!(order.charges[0].payment_id, order.charges[1].payment_id);
}

#[test]
fn a_decline_stands_and_charges_nothing() {
    let ledger = Ledger::default();
    assert_eq!(ledger.charge(payment("k", "o", 1), true), Charged::Declined);
    assert_eq!(
        ledger.charge(payment("k", "o", 1), false),
        Charged::Declined
    );
    assert_eq!(ledger.order("o"), None);
    // Another try is another key.
    approved(ledger.charge(payment("l", "o", 1), false));
}

#[test]
fn cancelling_takes_back_every_charge_and_keeps_others_from_following() {
    let ledger = Ledger::default();
    ledger.charge(payment("k", "o", 100), false);
    ledger.charge(payment("l", "o", 100), false);
    let (other, _) = approved(ledger.charge(payment("m", "p", 100), false));
    ledger.cancel("o");
    let order = ledger.order("o").unwrap();
    assert_eq!(order.status, ChargeStatus::Cancelled);
    for charge in &order.charges {
        assert_eq!(charge.status, ChargeStatus::Cancelled);
        assert!(charge.cancelled_at.is_some());
    }
    for key in ["k", "n"] {
        let late = ledger.charge(payment(key, "o", 100), false);
        assert_eq!(late, Charged::Cancelled, "{key}");
    }
    assert_eq!(ledger.count(), 3);
    assert_eq!(ledger.order("p").unwrap().charges, [other]);
}

#[test]
fn cancelling_what_is_not_there_leaves_a_tombstone() {
    let ledger = Ledger::default();
    assert_eq!(ledger.order("o"), None);
    ledger.cancel("o");
    ledger.cancel("o");
    let order = ledger.order("o").unwrap();
    assert_eq!(order.status, ChargeStatus::Cancelled);
    assert!(order.charges.is_empty());
    let late = ledger.charge(payment("k", "o", 100), false);
    assert_eq!(late, Charged::Cancelled);
    assert_eq!(ledger.count(), 0);
}

#[test]
fn cancelling_again_does_not_change_when_it_was_cancelled() {
    let ledger = Ledger::default();
    ledger.charge(payment("k", "o", 100), false);
    ledger.cancel("o");
    let once = ledger.page();
    ledger.cancel("o");
    assert_eq!(ledger.page(), once);
}
