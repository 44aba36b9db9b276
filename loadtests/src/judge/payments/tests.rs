//! Each kind of violation planted in a history that is clean without it, and seen.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

fn told(order: i64, word: Word) -> Told {
    Told {
        paid: Paid::Order(order),
        id: None,
        word,
    }
}

fn payment(id: i64, order_id: i64, status: &str) -> PaymentRow {
    PaymentRow {
        id,
        order_id,
        amount: 500,
        status: status.into(),
    }
}

fn charge(id: &str, payment: i64, stands: bool) -> ChargeRow {
    ChargeRow {
        id: id.into(),
        payment: payment.to_string(),
        amount: 500,
        stands,
    }
}

fn order(id: i64, status: &str, key: &str) -> OrderRow {
    OrderRow {
        id,
        status: status.into(),
        due: 500,
        points: 30,
        points_taken: if status == "PAID" { 30 } else { 0 },
        key: Some(key.into()),
        goods: match status {
            "PAID" => Goods::Granted,
            _ => Goods::Missing,
        },
    }
}

fn bought(key: &str, word: Word) -> Told {
    Told {
        paid: Paid::Checkout(key.into()),
        id: None,
        word,
    }
}

/// Paid, declined, mended after a lost answer, given up unheard, refunded; a bought and a failed
/// order, and one that cost no money.
fn clean() -> PaymentHistory {
    let mut free = order(3, "PAID", "c");
    (free.due, free.goods) = (0, Goods::None);
    PaymentHistory {
        told_is_all: true,
        told: vec![
            told(101, Word::Succeeded),
            told(102, Word::Failed),
            told(103, Word::Pending),
            told(104, Word::Nothing),
            told(105, Word::Succeeded),
            told(106, Word::Nothing),
            bought("a", Word::Succeeded),
            bought("b", Word::Failed),
            bought("c", Word::Succeeded),
        ],
        payments: vec![
            payment(11, 101, "SUCCEEDED"),
            payment(12, 102, "FAILED"),
            payment(13, 103, "FAILED"),
            payment(14, 104, "SUCCEEDED"),
            payment(15, 105, "REFUNDED"),
            payment(21, 1, "SUCCEEDED"),
            payment(22, 2, "FAILED"),
        ],
        orders: vec![order(1, "PAID", "a"), order(2, "FAILED", "b.1"), free],
        charges: vec![
            charge("g1", 11, true),
            charge("g3", 13, false),
            charge("g4", 14, true),
            charge("g5", 15, false),
            charge("g6", 21, true),
        ],
    }
}

/// What is found once the clean history is spoiled.
fn planted(spoil: impl FnOnce(&mut PaymentHistory)) -> Vec<(Violation, Vec<String>)> {
    let mut history = clean();
    spoil(&mut history);
    let found = check_payments(&history);
    let kinds = found.kinds();
    kinds
        .map(|(kind, found)| (kind, found.into_iter().collect()))
        .collect()
}

fn one(kind: Violation, what: &str) -> Vec<(Violation, Vec<String>)> {
    vec![(kind, vec![what.to_owned()])]
}

#[test]
fn a_clean_history_has_nothing_wrong_with_it() {
    assert_eq!(planted(|_| {}), []);
    let none = check_payments(&clean());
    assert_eq!(none.findings(&BTreeSet::new()), []);
    let counts = none.counts(Violation::of_payments());
    assert_eq!(counts.len(), 8);
    assert!(counts.values().all(|count| *count == 0));
}

#[test]
fn two_charges_for_one_order_are_one_too_many() {
    let twice = |history: &mut PaymentHistory| {
        history.payments.push(payment(16, 101, "SUCCEEDED"));
        history.charges.push(charge("g7", 16, true));
    };
    let found = planted(twice);
    assert_eq!(
        found,
        one(Violation::DoubleCharge, "order 101, charges g1, g7")
    );
    // Under two keys at the gateway for one payment of the service, too.
    let found = planted(|history| history.charges.push(charge("g7", 11, true)));
    assert_eq!(
        found,
        one(Violation::DoubleCharge, "order 101, charges g1, g7")
    );
    // One of which was cancelled is one.
    assert_eq!(
        planted(|history| history.charges.push(charge("g7", 11, false))),
        []
    );
}

#[test]
fn what_was_acknowledged_must_be_in_the_ledger() {
    let cancelled = |history: &mut PaymentHistory| history.charges[0].stands = false;
    assert_eq!(planted(cancelled), one(Violation::LostCharge, "order 101"));
    let nobody_was_told = |history: &mut PaymentHistory| {
        history.charges.retain(|charge| charge.id != "g4");
    };
    assert_eq!(
        planted(nobody_was_told),
        one(Violation::LostCharge, "order 104")
    );
    let forgotten = |history: &mut PaymentHistory| {
        history.payments.retain(|payment| payment.id != 12);
        history.told[1].word = Word::Succeeded;
    };
    assert_eq!(planted(forgotten), one(Violation::LostCharge, "order 102"));
}

#[test]
fn a_charge_must_be_known_and_wanted() {
    let unknown = |history: &mut PaymentHistory| history.charges.push(charge("g7", 99, true));
    let wanted = "charge g7 of payment 99, which the service does not know";
    assert_eq!(planted(unknown), one(Violation::UnexpectedCharge, wanted));
    let unwanted = |history: &mut PaymentHistory| {
        history.payments.push(payment(16, 107, "SUCCEEDED"));
        history.charges.push(charge("g7", 16, true));
    };
    let wanted = "charge g7 for order 107, which nobody tried to pay";
    assert_eq!(planted(unwanted), one(Violation::UnexpectedCharge, wanted));
    // Where some tell nothing, it may have been one of those.
    let unheard = |history: &mut PaymentHistory| {
        history.told_is_all = false;
        unwanted(history);
    };
    assert_eq!(planted(unheard), []);
}

#[test]
fn who_is_told_that_it_failed_must_not_be_charged() {
    let wanted = "charge g2 of payment 12 for order 102";
    let charged = |history: &mut PaymentHistory| history.charges.push(charge("g2", 12, true));
    assert_eq!(planted(charged), one(Violation::Orphan, wanted));
    // Also when nobody was there to be told.
    let unheard = |history: &mut PaymentHistory| {
        history.told[1].word = Word::Nothing;
        history.charges.push(charge("g2", 12, true));
    };
    assert_eq!(planted(unheard), one(Violation::Orphan, wanted));
    // Also when the service knows better.
    let told_wrong = |history: &mut PaymentHistory| history.told[0].word = Word::Failed;
    let wanted = "charge g1 of payment 11 for order 101";
    assert_eq!(planted(told_wrong), one(Violation::Orphan, wanted));
}

#[test]
fn what_is_paid_is_granted_and_what_is_granted_is_paid() {
    let given_up = |history: &mut PaymentHistory| {
        history.orders[0] = order(1, "FAILED", "a");
        history.told[6].word = Word::Nothing;
    };
    assert_eq!(planted(given_up), one(Violation::NotGranted, "order 1"));
    let told_only = |history: &mut PaymentHistory| {
        history.orders[0] = order(1, "FAILED", "a");
        history.payments[5].status = "REFUNDED".into();
        history.charges[4].stands = false;
    };
    assert_eq!(planted(told_only), one(Violation::NotGranted, "order 1"));
    let unpaid = |history: &mut PaymentHistory| {
        history.orders[1] = order(2, "PAID", "b.1");
        history.told[7].word = Word::Nothing;
    };
    assert_eq!(planted(unpaid), one(Violation::GrantedUnpaid, "order 2"));
}

#[test]
fn what_became_of_the_goods_themselves_is_looked_at() {
    for not_had in [Goods::Missing, Goods::Held] {
        let lost = planted(|history| history.orders[0].goods = not_had);
        assert_eq!(lost, one(Violation::NotGranted, "order 1"), "{not_had:?}");
    }
    for kept in [Goods::Held, Goods::Granted] {
        let kept_back = planted(|history| history.orders[1].goods = kept);
        let wanted = one(Violation::GrantedUnpaid, "order 2");
        assert_eq!(kept_back, wanted, "{kept:?}");
    }
}

#[test]
fn another_sum_than_was_to_be_paid_is_found() {
    let wrong = |what: &str| one(Violation::WrongAmount, what);
    let charged = planted(|history| history.charges[0].amount = 5_000);
    assert_eq!(
        charged,
        wrong("charge g1 of payment 11: 5000 instead of 500")
    );
    // Whatever was cancelled went back whole.
    assert_eq!(planted(|history| history.charges[1].amount = 5_000), []);
    let written = |history: &mut PaymentHistory| {
        history.payments[5].amount = 400;
        history.charges[4].amount = 400;
    };
    let found = planted(written);
    assert_eq!(found, wrong("payment 21 of order 1: 400 instead of 500"));
    let for_nothing = planted(|history| history.orders[0].points_taken = 0);
    assert_eq!(for_nothing, wrong("points of order 1: 0 instead of 30"));
    let kept = planted(|history| history.orders[1].points_taken = 30);
    assert_eq!(kept, wrong("points of order 2: 30 instead of 0"));
}

#[test]
fn what_is_not_final_is_found() {
    let open = |history: &mut PaymentHistory| {
        history.payments[2].status = "PENDING".into();
        history.payments[1].status = "REQUESTED".into();
        history.orders[1].status = "CREATED".into();
        history.payments[4].status = "REFUNDING".into();
    };
    let wanted = [
        "order 2 is CREATED",
        "payment 12 of order 102 is REQUESTED",
        "payment 13 of order 103 is PENDING",
        "payment 15 of order 105 is REFUNDING",
    ];
    let wanted = wanted.map(str::to_owned).to_vec();
    assert_eq!(planted(open), [(Violation::StillPending, wanted)]);
}

#[test]
fn only_what_is_not_expected_fails_the_run_and_many_are_counted_not_named() {
    let mut history = clean();
    for id in 0..30 {
        history
            .payments
            .push(payment(200 + id, 1_000 + id, "FAILED"));
        history.told.push(told(1_000 + id, Word::Failed));
        history
            .charges
            .push(charge(&format!("h{id}"), 200 + id, true));
    }
    let found = check_payments(&history);
    assert_eq!(
        found.counts(Violation::of_payments())[&Violation::Orphan],
        30
    );
    let finding = found
        .findings(&BTreeSet::from([Violation::DoubleCharge]))
        .remove(0);
    assert_eq!((finding.code.as_str(), finding.fails), ("orphan", true));
    assert!(finding.detail.starts_with("30: charge h0 of payment 200"));
    assert!(
        finding.detail.ends_with("and 10 more"),
        "{}",
        finding.detail
    );
    let finding = found
        .findings(&BTreeSet::from([Violation::Orphan]))
        .remove(0);
    assert!(!finding.fails && finding.detail.starts_with("30, as expected: "));
}
