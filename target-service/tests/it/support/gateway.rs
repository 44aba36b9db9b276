//! A payment gateway to script: it keeps a ledger, and does with each charge what the test says.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of one request to charge.
#[derive(Debug, Clone)]
pub enum Act {
    Approve,
    Decline,
    /// Charges, and never answers.
    LoseAnswer,
    /// Works until [`StubGateway::release`], then charges and answers.
    Work,
    /// Charges, and answers at [`StubGateway::release`].
    AnswerLate,
    /// Charges nothing, and answers this.
    Say(u16, String),
    /// Charges, and answers this.
    ChargeAndSay(u16, String),
    /// Charges, and answers with a byte now and then.
    Trickle,
}

/// What becomes of every request to read, or to cancel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Does,
    Fails,
    /// Does nothing, and asks for a pause.
    AsksForAnHour,
    /// Does nothing, and never answers.
    Ignores,
    /// Does it, and never answers.
    LosesAnswer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub order_id: String,
    pub key: String,
    pub amount: i64,
    pub stands: bool,
}

#[derive(Debug)]
pub struct StubGateway {
    pub url: String,
    state: Arc<Gateway>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Gateway {
    ledger: Mutex<Ledger>,
    is_released: watch::Sender<bool>,
    reads: Mutex<Manner>,
    cancels: Mutex<Manner>,
    connections: AtomicU64,
}

#[derive(Debug, Default)]
struct Ledger {
    script: VecDeque<Act>,
    charges: Vec<Charge>,
    tombstones: HashSet<String>,
    /// The keys of the requests to charge, as they came.
    asked: Vec<String>,
    /// The orders of the requests to cancel, as they came.
    asked_to_cancel: Vec<String>,
}

impl StubGateway {
    pub async fn start() -> Self {
        let state = Arc::new(Gateway {
            ledger: Mutex::default(),
            is_released: watch::Sender::new(false),
            reads: Mutex::default(),
            cancels: Mutex::default(),
            connections: AtomicU64::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/payments", post(charge))
            .route("/payments/{order}", get(find))
            .route("/payments/{order}/cancel", post(cancel))
            .with_state(Arc::clone(&state));
        let counted = Arc::clone(&state);
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::SeqCst);
        });
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            url,
            state,
            serving,
        }
    }

    /// What becomes of the next charges; those after them are approved.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.ledger().script.extend(acts);
    }

    /// Lets what waits for it go on, from now on.
    pub fn release(&self) {
        self.state.is_released.send_replace(true);
    }

    pub fn reads(&self, manner: Manner) {
        *self.state.reads.lock().unwrap() = manner;
    }

    pub fn cancels(&self, manner: Manner) {
        *self.state.cancels.lock().unwrap() = manner;
    }

    pub fn charges(&self) -> Vec<Charge> {
        self.ledger().charges.clone()
    }

    /// How many charges stand.
    pub fn standing(&self) -> usize {
        self.ledger().charges.iter().filter(|c| c.stands).count()
    }

    pub fn asked(&self) -> Vec<String> {
        self.ledger().asked.clone()
    }

    pub fn asked_to_cancel(&self) -> Vec<String> {
        self.ledger().asked_to_cancel.clone()
    }

    pub fn has_tombstone(&self, payment: &Value) -> bool {
        self.ledger().tombstones.contains(&payment.to_string())
    }

    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.state.ledger.lock().unwrap()
    }
}

impl Drop for StubGateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn charge(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    // In a task of its own: a caller that goes away does not stop the work.
    tokio::spawn(work(gateway, headers, body)).await.unwrap()
}

async fn work(gateway: Arc<Gateway>, headers: HeaderMap, body: Value) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let act = {
        let mut ledger = gateway.ledger.lock().unwrap();
        ledger.asked.push(key.clone());
        ledger.script.pop_front().unwrap_or(Act::Approve)
    };
    let book = || gateway.ledger.lock().unwrap().book(&key, &body);
    match act {
        Act::Approve => book(),
        Act::Decline => problem(402, "declined"),
        Act::LoseAnswer => {
            book();
            std::future::pending().await
        }
        Act::Work => {
            gateway.released().await;
            book()
        }
        Act::AnswerLate => {
            let answer = book();
            gateway.released().await;
            answer
        }
        Act::Say(status, text) => said(status, text),
        Act::ChargeAndSay(status, text) => {
            book();
            said(status, text)
        }
        Act::Trickle => {
            let whole = axum::body::to_bytes(book().into_body(), usize::MAX)
                .await
                .unwrap();
            (http_status(201), trickle(&whole)).into_response()
        }
    }
}

fn said(status: u16, text: String) -> Response {
    let location = [
        ("location", "/elsewhere"),
        ("content-type", "application/json"),
    ];
    (http_status(status), location, text).into_response()
}

fn trickle(whole: &Bytes) -> Body {
    let bytes: Vec<u8> = whole.to_vec();
    Body::from_stream(futures_util::stream::unfold(
        bytes.into_iter(),
        |mut rest| async {
            let byte = rest.next()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![byte])), rest))
        },
    ))
}

async fn find(State(gateway): State<Arc<Gateway>>, Path(order): Path<String>) -> Response {
    let manner = *gateway.reads.lock().unwrap();
    let look = || gateway.ledger.lock().unwrap().find(&order);
    in_manner(manner, look).await
}

async fn cancel(State(gateway): State<Arc<Gateway>>, Path(order): Path<String>) -> Response {
    let manner = *gateway.cancels.lock().unwrap();
    gateway
        .ledger
        .lock()
        .unwrap()
        .asked_to_cancel
        .push(order.clone());
    let cancel = || gateway.ledger.lock().unwrap().cancel(order);
    in_manner(manner, cancel).await
}

async fn in_manner(manner: Manner, work: impl FnOnce() -> Response) -> Response {
    match manner {
        Manner::Does => work(),
        Manner::Fails => problem(500, "internal"),
        Manner::AsksForAnHour => {
            let pause = [("retry-after", "3600")];
            (pause, problem(503, "unavailable")).into_response()
        }
        Manner::Ignores => std::future::pending().await,
        Manner::LosesAnswer => {
            drop(work());
            std::future::pending().await
        }
    }
}

impl Gateway {
    async fn released(&self) {
        let mut is_released = self.is_released.subscribe();
        is_released
            .wait_for(|is_released| *is_released)
            .await
            .unwrap();
    }
}

impl Ledger {
    fn find(&self, order: &str) -> Response {
        let charges: Vec<_> = self
            .charges
            .iter()
            .filter(|c| c.order_id == order)
            .collect();
        if charges.is_empty() && !self.tombstones.contains(order) {
            return problem(404, "not_found");
        }
        let amount: i64 = charges.iter().filter(|c| c.stands).map(|c| c.amount).sum();
        let lines: Vec<_> = charges.iter().map(|charge| charge.document()).collect();
        let status = status(amount > 0);
        Json(json!({"order_id": order, "status": status, "amount": amount, "charges": lines}))
            .into_response()
    }

    fn cancel(&mut self, order: String) -> Response {
        for charge in &mut self.charges {
            charge.stands &= charge.order_id != order;
        }
        let answer = json!({"order_id": order, "status": "CANCELLED"});
        self.tombstones.insert(order);
        Json(answer).into_response()
    }

    fn book(&mut self, key: &str, body: &Value) -> Response {
        let order_id = body["order_id"].as_str().unwrap().to_owned();
        let amount = body["amount"].as_i64().unwrap();
        if self.tombstones.contains(&order_id) {
            return problem(409, "cancelled");
        }
        let charge = Charge {
            order_id,
            key: key.to_owned(),
            amount,
            stands: true,
        };
        let document = charge.document();
        match self.charges.iter().find(|earlier| earlier.key == key) {
            Some(earlier) if *earlier != charge => return problem(422, "idempotency_key_reused"),
            Some(_) => {}
            None => self.charges.push(charge),
        }
        (http_status(201), Json(document)).into_response()
    }
}

impl Charge {
    fn document(&self) -> Value {
        json!({
            "payment_id": format!("g-{}", self.key), "order_id": self.order_id,
            "idempotency_key": self.key, "amount": self.amount, "status": status(self.stands),
        })
    }
}

fn status(stands: bool) -> &'static str {
    if stands { "APPROVED" } else { "CANCELLED" }
}

fn problem(status: u16, code: &str) -> Response {
    (
        http_status(status),
        Json(json!({"code": code, "status": status})),
    )
        .into_response()
}

fn http_status(status: u16) -> axum::http::StatusCode {
    axum::http::StatusCode::from_u16(status).unwrap()
}
