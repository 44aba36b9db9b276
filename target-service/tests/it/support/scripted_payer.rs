//! A payer that does what a test tells it.

use std::sync::{Mutex, MutexGuard};

use futures_util::future::BoxFuture;
use target_service::context::RequestContext;
use target_service::flow::payer::{NewPayment, Payer, PayerError, Payment, PaymentStatus};
use target_service::idempotency::IdempotencyKey;
use target_service::ids::{MemberId, OrderId, PaymentId};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How it goes on with what it is asked to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// A payment is there, and this is what has become of it.
    Payment(PaymentStatus),
    /// Nothing is charged.
    NotTaken,
    /// Nobody knows, and there is no payment.
    UnclearAndNothing,
    /// Nobody knows, but there is a payment that succeeded.
    UnclearButPaid,
}

/// So many may be given at once: more than a test asks for.
const ANSWERS: u32 = 1_000;

#[derive(Debug)]
pub struct ScriptedPayer {
    state: Mutex<State>,
    /// Who pays gets the answer when there is a permit.
    answers: Semaphore,
}

#[derive(Debug)]
struct State {
    says: Says,
    payments: Vec<Kept>,
    calls: usize,
    is_hidden: bool,
}

#[derive(Debug, Clone)]
struct Kept {
    order: OrderId,
    key: String,
    payment: Payment,
    refunds: usize,
}

impl ScriptedPayer {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                says: Says::Payment(PaymentStatus::Succeeded),
                payments: Vec::new(),
                calls: 0,
                is_hidden: false,
            }),
            answers: Semaphore::new(ANSWERS as usize),
        }
    }

    pub fn now_says(&self, says: Says) {
        self.state().says = says;
    }

    /// Keeps all answers back until the result is dropped. The work behind them is done.
    pub async fn keep_answers_back(&self) -> SemaphorePermit<'_> {
        self.answers.acquire_many(ANSWERS).await.unwrap()
    }

    /// How often it was asked to pay.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// Amount and status of each payment, in the order of their making.
    pub fn payments(&self) -> Vec<(i64, PaymentStatus)> {
        let state = self.state();
        let payments = state.payments.iter().map(|kept| &kept.payment);
        payments
            .map(|payment| (payment.amount, payment.status))
            .collect()
    }

    /// How often each payment was refunded.
    pub fn refunds(&self) -> Vec<usize> {
        self.state()
            .payments
            .iter()
            .map(|kept| kept.refunds)
            .collect()
    }

    /// What has become of the payments of an order.
    pub fn settle(&self, order: i64, status: PaymentStatus) {
        for kept in &mut self.state().payments {
            if kept.order.0 == order {
                kept.payment.status = status;
            }
        }
    }

    /// Whether its payments are not to be seen yet, as if they were about to be made.
    pub fn hide(&self, is_hidden: bool) {
        self.state().is_hidden = is_hidden;
    }

    /// A payment that nobody has waited for.
    pub fn pay_late(&self, order: i64, member: i64, amount: i64) {
        let payment = NewPayment {
            order_id: OrderId(order),
            member_id: MemberId(member),
            amount,
            key: IdempotencyKey::parse("late").unwrap(),
        };
        self.state().keep(&payment, PaymentStatus::Succeeded);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn answer(&self, new: &NewPayment) -> Result<Payment, PayerError> {
        let mut state = self.state();
        state.calls += 1;
        let first = state
            .payments
            .iter()
            .find(|kept| kept.key == new.key.as_str());
        if let Some(first) = first {
            return Ok(first.payment);
        }
        let unclear = Err(PayerError::Unclear("the script says so".to_owned()));
        match state.says {
            Says::Payment(status) => Ok(state.keep(new, status)),
            Says::NotTaken => Err(PayerError::NotTaken("the script says so".to_owned())),
            Says::UnclearAndNothing => unclear,
            Says::UnclearButPaid => {
                state.keep(new, PaymentStatus::Succeeded);
                unclear
            }
        }
    }
}

impl State {
    fn keep(&mut self, new: &NewPayment, status: PaymentStatus) -> Payment {
        let payment = Payment {
            id: PaymentId(i64::try_from(self.payments.len()).unwrap()),
            member_id: new.member_id,
            amount: new.amount,
            status,
        };
        self.payments.push(Kept {
            order: new.order_id,
            key: new.key.to_string(),
            payment,
            refunds: 0,
        });
        payment
    }
}

impl Payer for ScriptedPayer {
    fn pay<'a>(
        &'a self,
        _: &'a RequestContext,
        payment: NewPayment,
    ) -> BoxFuture<'a, Result<Payment, PayerError>> {
        // The work is done before the answer is on its way.
        let answer = self.answer(&payment);
        Box::pin(async {
            let _permit = self.answers.acquire().await.unwrap();
            answer
        })
    }

    fn of_order<'a>(
        &'a self,
        _: &'a RequestContext,
        order: OrderId,
    ) -> BoxFuture<'a, Result<Vec<Payment>, PayerError>> {
        let state = self.state();
        let visible = state.payments.iter().filter(|_| !state.is_hidden);
        let of_order = visible.filter(|kept| kept.order == order);
        let payments = of_order.map(|kept| kept.payment).collect();
        Box::pin(async { Ok(payments) })
    }

    fn refund<'a>(
        &'a self,
        _: &'a RequestContext,
        payment: PaymentId,
    ) -> BoxFuture<'a, Result<(), PayerError>> {
        let mut state = self.state();
        let kept = &mut state.payments[usize::try_from(payment.0).unwrap()];
        if kept.payment.status == PaymentStatus::Succeeded {
            kept.payment.status = PaymentStatus::Refunded;
            kept.refunds += 1;
        }
        Box::pin(async { Ok(()) })
    }
}
