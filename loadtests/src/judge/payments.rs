//! Compares what clients were told, what the service has written down, and what the gateway has
//! charged. The gateway's word is what happened.
//!
//! As in Jepsen's checkers: lost is what was acknowledged and is not there, unexpected what is there
//! and was never attempted, and what is there twice is counted by itself.

use std::collections::{HashMap, HashSet};

use crate::record::{ChargeRow, Goods, OrderRow, Paid, PaymentHistory, PaymentRow, Told, Word};
use crate::scenario::Violation;

use super::violations::Violations;

/// Everything that is wrong with a trial's payments.
pub fn check_payments(history: &PaymentHistory) -> Violations {
    let index = Index::of(history);
    let mut found = Violations::default();
    charges(&index, history, &mut found);
    words(&index, history, &mut found);
    payments(&index, history, &mut found);
    orders(&index, history, &mut found);
    amounts(&index, history, &mut found);
    found
}

/// The history by the ids that its parts meet by.
struct Index<'a> {
    payments: HashMap<i64, &'a PaymentRow>,
    payments_of: HashMap<i64, Vec<&'a PaymentRow>>,
    orders: HashMap<i64, &'a OrderRow>,
    /// By the key of the first attempt.
    orders_under: HashMap<&'a str, Vec<i64>>,
    /// What stands, by the order that it was paid for.
    standing: HashMap<i64, Vec<(&'a ChargeRow, &'a PaymentRow)>>,
    attempted: HashSet<i64>,
}

impl<'a> Index<'a> {
    fn of(history: &'a PaymentHistory) -> Self {
        let mut index = Self {
            payments: history.payments.iter().map(|row| (row.id, row)).collect(),
            payments_of: HashMap::new(),
            orders: history.orders.iter().map(|row| (row.id, row)).collect(),
            orders_under: HashMap::new(),
            standing: HashMap::new(),
            attempted: HashSet::new(),
        };
        for row in &history.payments {
            index.payments_of.entry(row.order_id).or_default().push(row);
        }
        for row in &history.orders {
            let key = row.key.as_deref().and_then(|key| key.split('.').next());
            if let Some(key) = key {
                index.orders_under.entry(key).or_default().push(row.id);
            }
        }
        for charge in history.charges.iter().filter(|charge| charge.stands) {
            if let Some(payment) = index.payment(charge) {
                let of_order = index.standing.entry(payment.order_id).or_default();
                of_order.push((charge, payment));
            }
        }
        let attempted = history.told.iter().flat_map(|told| index.orders_of(told));
        index.attempted = attempted.collect();
        index
    }

    fn payment(&self, charge: &ChargeRow) -> Option<&'a PaymentRow> {
        self.payments.get(&charge.payment.parse().ok()?).copied()
    }

    /// The orders that a client's words are about: more than one when it took a new key.
    fn orders_of(&self, told: &Told) -> Vec<i64> {
        match &told.paid {
            Paid::Order(id) => vec![*id],
            Paid::Checkout(key) => {
                let under = self.orders_under.get(key.as_str());
                let mut orders: Vec<i64> = under.cloned().unwrap_or_default();
                orders.extend(told.id.filter(|id| !orders.contains(id)));
                orders
            }
        }
    }

    fn standing(&self, order: i64) -> &[(&'a ChargeRow, &'a PaymentRow)] {
        self.standing.get(&order).map_or(&[], Vec::as_slice)
    }

    /// Whether a payment of the order went back, or is on its way.
    fn is_refunded(&self, order: i64) -> bool {
        let payments = self.payments_of.get(&order);
        payments.is_some_and(|payments| payments.iter().any(|payment| is_refund(payment)))
    }

    /// Whether there was something to pay with money.
    fn is_due(&self, order: i64) -> bool {
        self.orders.get(&order).is_none_or(|row| row.due > 0)
    }
}

fn is_refund(payment: &PaymentRow) -> bool {
    matches!(&*payment.status, "REFUNDED" | "REFUNDING")
}

fn charges(index: &Index<'_>, history: &PaymentHistory, found: &mut Violations) {
    for charge in history.charges.iter().filter(|charge| charge.stands) {
        let (id, written) = (&charge.id, &charge.payment);
        let Some(payment) = index.payment(charge) else {
            let what = format!("charge {id} of payment {written}, which the service does not know");
            found.add(Violation::UnexpectedCharge, what);
            continue;
        };
        let order = payment.order_id;
        if history.told_is_all && !index.attempted.contains(&order) {
            let what = format!("charge {id} for order {order}, which nobody tried to pay");
            found.add(Violation::UnexpectedCharge, what);
        }
        if payment.status == "FAILED" {
            found.add(Violation::Orphan, orphan(charge, payment));
        }
    }
    for (order, standing) in &index.standing {
        if standing.len() > 1 {
            let ids: Vec<&str> = standing.iter().map(|(charge, _)| &*charge.id).collect();
            let what = format!("order {order}, charges {}", ids.join(", "));
            found.add(Violation::DoubleCharge, what);
        }
    }
}

fn words(index: &Index<'_>, history: &PaymentHistory, found: &mut Violations) {
    for told in &history.told {
        let orders = index.orders_of(told);
        match told.word {
            Word::Succeeded => {
                let is_there = |order: &i64| {
                    !index.standing(*order).is_empty()
                        || index.is_refunded(*order)
                        || !index.is_due(*order)
                };
                if !orders.iter().any(is_there) {
                    found.add(Violation::LostCharge, name(told, &orders));
                }
                let is_paid = |order: &i64| {
                    let row = index.orders.get(order);
                    row.is_some_and(|row| row.status == "PAID")
                };
                if matches!(told.paid, Paid::Checkout(_)) && !orders.iter().any(is_paid) {
                    found.add(Violation::NotGranted, name(told, &orders));
                }
            }
            Word::Failed => {
                for (charge, payment) in orders.iter().flat_map(|order| index.standing(*order)) {
                    found.add(Violation::Orphan, orphan(charge, payment));
                }
            }
            Word::Nothing | Word::Pending => {}
        }
    }
}

fn payments(index: &Index<'_>, history: &PaymentHistory, found: &mut Violations) {
    for payment in &history.payments {
        let PaymentRow {
            id,
            order_id,
            status,
            ..
        } = payment;
        match &**status {
            "SUCCEEDED" => {
                let mut standing = index.standing(*order_id).iter();
                if !standing.any(|(_, of)| of.id == *id) {
                    found.add(Violation::LostCharge, format!("order {order_id}"));
                }
            }
            "REQUESTED" | "PENDING" | "REFUNDING" => {
                let what = format!("payment {id} of order {order_id} is {status}");
                found.add(Violation::StillPending, what);
            }
            _ => {}
        }
    }
}

fn orders(index: &Index<'_>, history: &PaymentHistory, found: &mut Violations) {
    for order in &history.orders {
        let standing = index.standing(order.id);
        let named = format!("order {}", order.id);
        match &*order.status {
            "PAID" if order.due > 0 && standing.is_empty() => {
                found.add(Violation::GrantedUnpaid, named);
            }
            "PAID" if matches!(order.goods, Goods::Missing | Goods::Held) => {
                found.add(Violation::NotGranted, named);
            }
            "FAILED" if standing.iter().any(|(_, of)| of.status == "SUCCEEDED") => {
                found.add(Violation::NotGranted, named);
            }
            "FAILED" if matches!(order.goods, Goods::Held | Goods::Granted) => {
                found.add(Violation::GrantedUnpaid, named);
            }
            "CREATED" => found.add(Violation::StillPending, format!("{named} is CREATED")),
            _ => {}
        }
    }
}

/// Of what stands, of what is written down for an order, and of the points that an order cost.
fn amounts(index: &Index<'_>, history: &PaymentHistory, found: &mut Violations) {
    let mut compare = |what: String, is: i64, due: i64| {
        if is != due {
            let what = format!("{what}: {is} instead of {due}");
            found.add(Violation::WrongAmount, what);
        }
    };
    for (charge, payment) in index.standing.values().flatten() {
        let what = format!("charge {} of payment {}", charge.id, payment.id);
        compare(what, charge.amount, payment.amount);
    }
    for payment in &history.payments {
        if let Some(order) = index.orders.get(&payment.order_id) {
            let what = format!("payment {} of order {}", payment.id, order.id);
            compare(what, payment.amount, order.due);
        }
    }
    for order in &history.orders {
        let points = match &*order.status {
            "PAID" => order.points,
            "FAILED" => 0,
            _ => continue,
        };
        compare(
            format!("points of order {}", order.id),
            order.points_taken,
            points,
        );
    }
}

fn orphan(charge: &ChargeRow, payment: &PaymentRow) -> String {
    let (charge, order, payment) = (&charge.id, payment.order_id, payment.id);
    format!("charge {charge} of payment {payment} for order {order}")
}

fn name(told: &Told, orders: &[i64]) -> String {
    if let Some(order) = orders.first() {
        return format!("order {order}");
    }
    match &told.paid {
        Paid::Order(order) => format!("order {order}"),
        Paid::Checkout(key) => format!("the order under the key {key}"),
    }
}

#[cfg(test)]
mod tests;
