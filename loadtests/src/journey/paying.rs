//! The built-in journeys that pay, or do what must be done once.
//!
//! An arrival succeeds only when its client is told that the payment succeeded. Its ids and keys are
//! unlike those of every other arrival, also of another trial against the same servers.

use goose::goose::{GooseUser, TransactionError, TransactionResult};
use http::header::LOCATION;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::record::{Paid, Word};

use super::arrival;
use super::builtin::{draw, json};
use super::request::{Answer, Key, Request};
use super::step::{step, step_heard};
use super::told::Entry;

/// Numbers of seats, and of events, are at most this.
const LARGEST: u64 = 1_000_000;
/// Events of one trial: enough for as many seats as arrivals.
const EVENTS_OF_A_TRIAL: u64 = 1_000;
const KEY_HEADER: &str = "Idempotency-Key";
/// Under this key nothing was sent, and nothing will be.
const SPENT: &str = "gateway_unavailable";

/// Only a payment that succeeds at once will do.
pub(super) async fn pay(user: &mut GooseUser) -> TransactionResult {
    let (request, entry) = payment()?;
    let hear = |answer: Option<&Answer>| PAYMENTS.hear(entry, answer);
    step_heard(user, request.expect(&[201]), not_failed, hear).await?;
    Ok(())
}

pub(super) async fn pay_and_poll(user: &mut GooseUser) -> TransactionResult {
    let (request, entry) = payment()?;
    settle(user, request, entry, &PAYMENTS).await
}

/// A payment for an order of its own.
fn payment() -> Result<(Request, Option<Entry>), Box<TransactionError>> {
    #[derive(Serialize)]
    struct NewPayment {
        order_id: i64,
        member_id: u64,
        amount: u64,
    }
    let order_id = own_number();
    let (member_id, amount) = draw(|population, rng| (population.member(rng), amount(rng)))?;
    let key = own_key(order_id);
    let body = NewPayment {
        order_id,
        member_id,
        amount,
    };
    let request = json(Request::post("/payments"), &body)?
        .header(KEY_HEADER, key.clone())
        .named("POST /payments")
        // The attempt before it is still being worked on.
        .passing(&[409])
        .keyed(Key {
            text: key,
            spent_by: Some(SPENT),
        });
    Ok((request, begin(Paid::Order(order_id))))
}

pub(super) async fn checkout(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct Seat {
        event: u64,
        seat: u64,
    }
    #[derive(Serialize)]
    struct NewOrder {
        member_id: u64,
        seat: Seat,
        amount: u64,
    }
    let (member_id, amount) = draw(|population, rng| (population.member(rng), amount(rng)))?;
    let key = own_key(own_number());
    let body = NewOrder {
        member_id,
        seat: own_seat().map(|(event, seat)| Seat { event, seat })?,
        amount,
    };
    let request = json(Request::post("/orders"), &body)?
        .header(KEY_HEADER, key.clone())
        .named("POST /orders")
        .keyed(Key {
            text: key.clone(),
            spent_by: None,
        });
    let entry = begin(Paid::Checkout(key));
    let goods = Goods {
        path: "/orders",
        name: "GET /orders/{id}",
        failed: &["payment_failed", "order_not_granted"],
    };
    settle(user, request, entry, &goods).await
}

pub(super) async fn charge_points(user: &mut GooseUser) -> TransactionResult {
    #[derive(Serialize)]
    struct Points<'a> {
        amount: u64,
        idempotency_key: &'a str,
    }
    let (member, amount) = draw(|population, rng| (population.member(rng), amount(rng)))?;
    let key = own_key(own_number());
    let body = Points {
        amount,
        idempotency_key: &key,
    };
    let request = json(
        Request::post(format!("/members/{member}/points/charge")),
        &body,
    )?
    .named("POST /members/{id}/points/charge")
    .discard()
    .keyed(Key {
        text: key,
        spent_by: None,
    });
    step(user, request).await?;
    Ok(())
}

/// Where what is paid for can be asked for, and which problems say that it failed for good, besides
/// every 402.
struct Goods {
    path: &'static str,
    name: &'static str,
    failed: &'static [&'static str],
}

const PAYMENTS: Goods = Goods {
    path: "/payments",
    name: "GET /payments/{id}",
    failed: &["payment_failed", SPENT],
};

/// Sends the request and asks until what became of it is final, or the arrival's time is over.
async fn settle(
    user: &mut GooseUser,
    request: Request,
    entry: Option<Entry>,
    goods: &Goods,
) -> TransactionResult {
    let hear = |answer: Option<&Answer>| goods.hear(entry, answer);
    let request = request.expect(&[201, 202]);
    let (_, (id, mut word)) = step_heard(user, request, not_failed, hear).await?;
    while word == Word::Pending {
        sleep(arrival::run().poll_every).await;
        let poll = Request::get(format!("{}/{id}", goods.path))
            .named(goods.name)
            .expect(&[200])
            .poll();
        let hear = |answer: Option<&Answer>| {
            // A question that is not answered takes nothing back.
            if let Some((id, word)) = answer.and_then(state) {
                tell(entry, Some(id), word);
            }
        };
        let mut failed = false;
        let read = |answer: &Answer| {
            let read = not_failed(answer);
            failed = read.is_none();
            read
        };
        match step_heard(user, poll, read, hear).await {
            Ok((_, (_, now))) => word = now,
            Err(error) if failed => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

impl Goods {
    /// Keeps what the first request was told, and before that that it was told nothing.
    fn hear(&self, entry: Option<Entry>, answer: Option<&Answer>) {
        let (id, word) = answer.map_or((None, Word::Nothing), |answer| self.heard(answer));
        tell(entry, id, word);
    }

    /// What an answer to the first request says.
    fn heard(&self, answer: &Answer) -> (Option<i64>, Word) {
        let is_failure = || {
            let code = answer.problem();
            answer.status() == 402 || code.is_some_and(|code| self.failed.contains(&&*code))
        };
        match answer.status() {
            201 | 202 => state(answer).map_or((None, Word::Nothing), |(id, word)| (Some(id), word)),
            _ if is_failure() => (self.located(answer), Word::Failed),
            _ => (None, Word::Nothing),
        }
    }

    /// The id in the `Location` header.
    fn located(&self, answer: &Answer) -> Option<i64> {
        let location = answer.headers().get(LOCATION)?.to_str().ok()?;
        let id = location.strip_prefix(self.path)?.strip_prefix('/')?;
        id.parse().ok()
    }
}

/// Its id, and how far it is.
fn state(answer: &Answer) -> Option<(i64, Word)> {
    #[derive(Deserialize)]
    struct State {
        id: i64,
        status: String,
    }
    let state: State = answer.json().ok()?;
    let word = match &*state.status {
        "SUCCEEDED" | "PAID" => Word::Succeeded,
        "REQUESTED" | "PENDING" | "CREATED" => Word::Pending,
        _ => Word::Failed,
    };
    Some((state.id, word))
}

fn not_failed(answer: &Answer) -> Option<(i64, Word)> {
    state(answer).filter(|(_, word)| *word != Word::Failed)
}

fn begin(paid: Paid) -> Option<Entry> {
    arrival::run().told.as_ref().map(|log| log.begin(paid))
}

fn tell(entry: Option<Entry>, id: Option<i64>, word: Word) {
    if let (Some(entry), Some(log)) = (entry, &arrival::run().told) {
        log.hear(entry, id, word);
    }
}

/// The place of the trial, then of the arrival in it, for 2^20 trials of 2^32 arrivals. It is above
/// every id that the service gives an order, and still exact in programs that keep numbers as doubles.
pub(super) fn own_number() -> i64 {
    const ABOVE_ORDERS: u64 = 1 << 52;
    let order = u64::from(arrival::run().order) & 0xf_ffff;
    (ABOVE_ORDERS | order << 32 | arrival::seq() & 0xffff_ffff).cast_signed()
}

pub(super) fn own_key(number: i64) -> String {
    format!("{number:x}-{:016x}", arrival::draw(rand::Rng::next_u64))
}

/// Event and seat.
fn own_seat() -> Result<(u64, u64), Box<TransactionError>> {
    let (order, seq) = (u64::from(arrival::run().order), arrival::seq());
    let event = 1 + order * EVENTS_OF_A_TRIAL + seq / LARGEST;
    if event > LARGEST {
        let problem = "there are no seats left".to_owned();
        return Err(Box::new(TransactionError::Custom(problem)));
    }
    Ok((event, 1 + seq % LARGEST))
}

fn amount(rng: &mut rand_chacha::ChaCha8Rng) -> u64 {
    rng.random_range(1_000..=100_000)
}
