//! What was charged: kept in memory, and never forgotten while the process lives.
//!
//! A key is charged once, whatever becomes of the answer. Once an order is cancelled nothing is
//! charged for it any more, also not by work that had begun before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A request to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub key: String,
    pub order_id: String,
    pub amount: u64,
}

/// One charge, as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub payment_id: String,
    pub order_id: String,
    pub idempotency_key: String,
    pub amount: u64,
    pub status: ChargeStatus,
    pub charged_at: Timestamp,
    pub cancelled_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChargeStatus {
    Approved,
    Cancelled,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    pub items: Vec<Charge>,
}

/// What became of a request to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    Approved {
        charge: Charge,
        /// It had been charged before, by the same key.
        again: bool,
    },
    Declined,
    /// The key was used before, for something else.
    KeyReused,
    /// The order is cancelled.
    Cancelled,
}

/// What is known of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub status: ChargeStatus,
    pub charges: Vec<Charge>,
}

#[derive(Debug, Default)]
pub struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were made.
    charges: Vec<Charge>,
    keys: HashMap<String, Answered>,
    orders: HashMap<String, OrderState>,
}

/// What was answered to a key for the first time.
#[derive(Debug)]
struct Answered {
    payment: Payment,
    /// The charge's index; `None`: declined.
    charge: Option<usize>,
}

#[derive(Debug, Default)]
struct OrderState {
    charges: Vec<usize>,
    /// Set by the first cancellation, for good.
    cancelled: bool,
}

impl Ledger {
    /// Charges, unless something stands against it; `declines`: whether the payer's bank would.
    pub fn charge(&self, payment: Payment, declines: bool) -> Charged {
        let mut state = self.lock();
        let known = state.keys.get(&payment.key);
        if known.is_some_and(|known| known.payment != payment) {
            return Charged::KeyReused;
        }
        if state.is_cancelled(&payment.order_id) {
            return Charged::Cancelled;
        }
        match known.map(|known| known.charge) {
            Some(Some(index)) => Charged::Approved {
                charge: state.charges[index].clone(),
                again: true,
            },
            Some(None) => Charged::Declined,
            None if declines => {
                state.remember(payment, None);
                Charged::Declined
            }
            None => Charged::Approved {
                charge: state.enter(payment),
                again: false,
            },
        }
    }

    /// `None`: nothing is known.
    pub fn order(&self, order_id: &str) -> Option<Order> {
        let state = self.lock();
        let order = state.orders.get(order_id)?;
        Some(Order {
            status: if order.cancelled {
                ChargeStatus::Cancelled
            } else {
                ChargeStatus::Approved
            },
            charges: order
                .charges
                .iter()
                .map(|index| state.charges[*index].clone())
                .collect(),
        })
    }

    /// Takes back every charge of the order; from now on there will be none.
    pub fn cancel(&self, order_id: &str) {
        let mut state = self.lock();
        let State {
            charges, orders, ..
        } = &mut *state;
        let order = orders.entry(order_id.to_owned()).or_default();
        order.cancelled = true;
        let now = Timestamp::now();
        for index in &order.charges {
            let charge = &mut charges[*index];
            if charge.status == ChargeStatus::Approved {
                charge.status = ChargeStatus::Cancelled;
                charge.cancelled_at = Some(now);
            }
        }
    }

    pub fn page(&self) -> LedgerPage {
        LedgerPage {
            items: self.lock().charges.clone(),
        }
    }

    /// How many charges were ever made.
    pub fn count(&self) -> usize {
        self.lock().charges.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_cancelled(&self, order_id: &str) -> bool {
        self.orders
            .get(order_id)
            .is_some_and(|order| order.cancelled)
    }

    fn enter(&mut self, payment: Payment) -> Charge {
        let index = self.charges.len();
        let charge = Charge {
            payment_id: format!("gw-{}", index + 1),
            order_id: payment.order_id.clone(),
            idempotency_key: payment.key.clone(),
            amount: payment.amount,
            status: ChargeStatus::Approved,
            charged_at: Timestamp::now(),
            cancelled_at: None,
        };
        self.charges.push(charge.clone());
        let order = self.orders.entry(payment.order_id.clone()).or_default();
        order.charges.push(index);
        self.remember(payment, Some(index));
        charge
    }

    fn remember(&mut self, payment: Payment, charge: Option<usize>) {
        let key = payment.key.clone();
        self.keys.insert(key, Answered { payment, charge });
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
