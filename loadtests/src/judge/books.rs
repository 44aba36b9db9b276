//! Checks the service's books: what members have in points against the ledger of every change, and what
//! is left of each coupon against those who have one.

use crate::record::Books;
use crate::scenario::Violation;

use super::violations::Violations;

/// Everything that is wrong with the books.
pub fn check_books(books: &Books) -> Violations {
    let mut found = Violations::default();
    for entry in &books.broken_entries {
        let (id, member) = (entry.id, entry.member);
        let (began, left) = (entry.began_at, entry.left_before);
        let what =
            format!("entry {id} of member {member} began at {began}, where {left} had been left");
        found.add(Violation::LostUpdate, what);
    }
    for account in &books.accounts {
        let (member, balance, sum) = (account.member, account.balance, account.sum);
        if balance != sum || balance < 0 {
            let what = format!("member {member} has {balance}, and a ledger of {sum}");
            found.add(Violation::Unbalanced, what);
        } else if account.lowest < 0 {
            let what = format!("member {member} once had {}", account.lowest);
            found.add(Violation::Unbalanced, what);
        }
    }
    for transfer in &books.broken_transfers {
        let (id, sum) = (transfer.id, transfer.sum);
        let what = format!("the transfer of entry {id} has changed the sum of all points by {sum}");
        found.add(Violation::HalfTransfer, what);
    }
    for coupon in &books.coupons {
        let (id, quantity, issued, remaining) =
            (coupon.id, coupon.quantity, coupon.issued, coupon.remaining);
        if issued > quantity {
            let what = format!("coupon {id}: {issued} of {quantity} were issued");
            found.add(Violation::Oversold, what);
        }
        if issued > coupon.holders {
            let holders = coupon.holders;
            let what = format!("coupon {id}: {issued} were issued to {holders} members");
            found.add(Violation::IssuedTwice, what);
        }
        if remaining != quantity - issued {
            let what =
                format!("coupon {id}: {remaining} of {quantity} remain after {issued} were issued");
            found.add(Violation::WrongStock, what);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::{AccountRow, BrokenEntry, BrokenTransfer, CouponRow};

    fn account(balance: i64, sum: i64) -> AccountRow {
        AccountRow {
            member: 7,
            balance,
            sum,
            lowest: 0,
        }
    }

    fn coupon(issued: i64, remaining: i64) -> CouponRow {
        CouponRow {
            id: 3,
            quantity: 50,
            issued,
            remaining,
            holders: issued,
        }
    }

    fn kinds(books: &Books) -> BTreeSet<String> {
        let findings = check_books(books).findings(&BTreeSet::new());
        findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn books_that_agree_are_not_complained_of() {
        let books = Books {
            broken_entries: Vec::new(),
            accounts: vec![account(0, 0), account(70, 70)],
            coupons: vec![coupon(0, 50), coupon(50, 0)],
            ..Books::default()
        };
        assert!(kinds(&books).is_empty());
    }

    #[test]
    fn each_kind_is_seen_by_itself() {
        let broken = BrokenEntry {
            id: 12,
            member: 7,
            began_at: 100,
            left_before: 150,
        };
        let entries = Books {
            broken_entries: vec![broken],
            ..Books::default()
        };
        assert_eq!(kinds(&entries), ["lost_update".to_owned()].into());
        let transfers = Books {
            broken_transfers: vec![BrokenTransfer { id: 8, sum: -5 }],
            ..Books::default()
        };
        assert_eq!(kinds(&transfers), ["half_transfer".to_owned()].into());
        let once_negative = AccountRow {
            lowest: -5,
            ..account(70, 70)
        };
        for wrong in [account(70, 60), account(-5, -5), once_negative] {
            let accounts = Books {
                accounts: vec![wrong],
                ..Books::default()
            };
            assert_eq!(kinds(&accounts), ["unbalanced".to_owned()].into());
        }
        let of = |coupon| Books {
            coupons: vec![coupon],
            ..Books::default()
        };
        assert_eq!(kinds(&of(coupon(51, -1))), ["oversold".to_owned()].into());
        let to_one_member = CouponRow {
            holders: 9,
            ..coupon(10, 40)
        };
        assert_eq!(
            kinds(&of(to_one_member)),
            ["issued_twice".to_owned()].into()
        );
        assert_eq!(
            kinds(&of(coupon(10, 41))),
            ["wrong_stock".to_owned()].into()
        );
    }

    #[test]
    fn what_is_sold_out_is_counted_from_the_beginning_of_the_load_on() {
        let of = |coupons| {
            let books = Books {
                coupons,
                ..Books::default()
            };
            books.tally()
        };
        let before = of(vec![coupon(50, 0), coupon(49, 1)]);
        let after = of(vec![
            coupon(50, 0),
            coupon(51, 0),
            coupon(49, 1),
            coupon(50, 0),
        ]);
        assert_eq!(after.since(before).sold_out_coupons, 2);
    }

    #[test]
    fn what_was_wrong_before_is_not_told_again() {
        let of = |coupons| {
            check_books(&Books {
                coupons,
                ..Books::default()
            })
        };
        let before = of(vec![coupon(10, 41)]);
        assert!(
            of(vec![coupon(10, 41)])
                .since(&before)
                .findings(&BTreeSet::new())
                .is_empty()
        );
        let after = of(vec![coupon(10, 41), coupon(11, 41)]).since(&before);
        assert_eq!(after.findings(&BTreeSet::new()).len(), 1);
    }
}
