//! The mock payment gateway as a process: what it charges, what it tells, and how it is disturbed.

use std::net::SocketAddr;
use std::process::Command;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use squall::environment::proxy::FaultProxy;
use squall::environment::{Gateway, Run};
use squall::gateway::ChargeStatus;
use squall::scenario::{
    Edge, EdgeConditions, EdgeFault, GatewayBehaviour, GatewayFault, GatewayLatency,
};
use tokio::task::{JoinHandle, block_in_place};

use crate::playground::{Place, eventually, settings};

/// Nobody waits for the end of such work.
const ENDLESS: &str = "1h";

struct Rig {
    gateway: Gateway,
    client: Client,
    run: Run,
}

impl Rig {
    async fn new(behaviour: Value) -> Self {
        let run = Run::open(&settings()).unwrap();
        let behaviour: GatewayBehaviour = serde_json::from_value(behaviour).unwrap();
        Self {
            gateway: Gateway::start(&run, &behaviour).await.unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
            run,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    fn pay(&self, key: &str, order_id: &str, amount: u64) -> RequestBuilder {
        self.client
            .post(self.url("/payments"))
            .header("Idempotency-Key", key)
            .json(&json!({ "order_id": order_id, "amount": amount }))
    }

    /// A payment under way; the order has the key's name.
    fn paying(&self, key: &str) -> JoinHandle<reqwest::Result<Response>> {
        tokio::spawn(self.pay(key, key, 100).send())
    }

    async fn order(&self, order_id: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/payments/{order_id}"));
        told(self.client.get(url)).await
    }

    async fn cancel(&self, order_id: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/payments/{order_id}/cancel"));
        told(self.client.post(url)).await
    }

    async fn patch(&self, change: Value) -> (StatusCode, Value) {
        let url = format!("{}/admin/behaviour", self.gateway.admin_url());
        told(self.client.patch(url).json(&change)).await
    }

    async fn keys(&self) -> Vec<String> {
        let charges = self.gateway.ledger().await.unwrap();
        charges
            .into_iter()
            .map(|charge| charge.idempotency_key)
            .collect()
    }

    /// All metrics at one moment.
    fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.gateway.admin_url());
        block_in_place(|| {
            let runtime = tokio::runtime::Handle::current();
            let answer = async { self.client.get(url).send().await?.text().await };
            runtime.block_on(answer).unwrap()
        })
    }

    fn metric(&self, series: &str) -> u64 {
        value_of(series, &self.metrics())
    }

    fn eventually(&self, series: &str, value: u64) {
        eventually(&format!("{series} is {value}"), || {
            (self.metric(series) == value).then_some(())
        });
    }
}

fn value_of(series: &str, metrics: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(series));
    let (_, value) = line.and_then(|line| line.rsplit_once(' ')).unwrap();
    value.parse().unwrap()
}

async fn told(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn refusal(code: u16, name: &str) -> (StatusCode, Value) {
    (StatusCode::from_u16(code).unwrap(), json!(name))
}

/// The status and the problem's code.
fn code((status, body): (StatusCode, Value)) -> (StatusCode, Value) {
    (status, body["code"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_charged_once_told_and_taken_back() {
    let rig = Rig::new(json!({})).await;
    let (status, first) = told(rig.pay("k", "o", 100)).await;
    assert_eq!(status, 201);
    assert_eq!(first["order_id"], "o");
    assert_eq!(first["amount"], 100);
    assert_eq!(first["status"], "APPROVED");
    assert_eq!(told(rig.pay("k", "o", 100)).await, (status, first.clone()));
    assert_eq!(
        code(told(rig.pay("k", "o", 101)).await),
        refusal(422, "idempotency_key_reused")
    );
    // A careless client charges twice.
    let (status, second) = told(rig.pay("l", "o", 50)).await;
    assert_eq!(status, 201);
    assert_ne!(first["payment_id"], second["payment_id"]);

    let (status, order) = rig.order("o").await;
    assert_eq!(status, 200);
    assert_eq!(order["status"], "APPROVED");
    assert_eq!(order["amount"], 150);
    assert_eq!(order["charges"][1]["idempotency_key"], "l");
    assert_eq!(order["charges"][0]["payment_id"], first["payment_id"]);

    let cancelled = json!({ "order_id": "o", "status": "CANCELLED" });
    assert_eq!(rig.cancel("o").await, (StatusCode::OK, cancelled));
    let (_, order) = rig.order("o").await;
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["amount"], 0);
    assert_eq!(
        code(told(rig.pay("m", "o", 100)).await),
        refusal(409, "cancelled")
    );
    let ledger = rig.gateway.ledger().await.unwrap();
    assert_eq!(ledger.len(), 2);
    for charge in ledger {
        assert_eq!(charge.status, ChargeStatus::Cancelled);
        assert!(charge.cancelled_at >= Some(charge.charged_at));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_nothing_keeps_the_payment_from_coming_later() {
    let rig = Rig::new(json!({})).await;
    assert_eq!(code(rig.order("o").await), refusal(404, "not_found"));
    assert_eq!(rig.cancel("o").await.0, 200);
    let (status, order) = rig.order("o").await;
    assert_eq!(status, 200);
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["charges"], json!([]));
    assert_eq!(
        code(told(rig.pay("k", "o", 100)).await),
        refusal(409, "cancelled")
    );
    assert!(rig.keys().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_cannot_be_read_is_refused_with_what_is_wrong() {
    let rig = Rig::new(json!({})).await;
    let without_key = rig
        .client
        .post(rig.url("/payments"))
        .json(&json!({ "order_id": "o", "amount": 1 }));
    assert_eq!(
        code(told(without_key).await),
        refusal(400, "idempotency_key_missing")
    );
    for body in [
        json!({ "order_id": "o" }),
        json!({ "order_id": "o", "amount": 0 }),
        json!({ "order_id": "o", "amount": -5 }),
        json!({ "order_id": "", "amount": 5 }),
        json!([]),
    ] {
        let request = rig.pay("k", "o", 1).json(&body);
        assert_eq!(code(told(request).await), refusal(400, "invalid"), "{body}");
    }
    let answer = rig.pay("k", "", 1).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(rig.keys().await.is_empty());
    let health = rig.client.get(rig.url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_a_charge_that_the_same_key_finds_again() {
    let rig = Rig::new(json!({ "answer_lost_share": 1.0 })).await;
    let unanswered = rig.paying("k");
    rig.eventually("gateway_charges_total", 1);
    assert_eq!(rig.patch(json!({ "answer_lost_share": 0.0 })).await.0, 200);
    let (status, payment) = told(rig.pay("k", "k", 100)).await;
    assert_eq!(status, 201);
    assert!(!unanswered.is_finished());
    let ledger = rig.gateway.ledger().await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!(payment["payment_id"], ledger[0].payment_id.as_str());
    assert_eq!(rig.metric("gateway_answers_lost_total"), 1);
    unanswered.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn declines_and_errors_charge_nothing_and_only_errors_pass() {
    let rig = Rig::new(json!({ "decline_share": 1.0 })).await;
    assert_eq!(
        code(told(rig.pay("k", "o", 100)).await),
        refusal(402, "declined")
    );
    assert_eq!(code(rig.order("o").await), refusal(404, "not_found"));
    rig.patch(json!({ "decline_share": 0.0, "error_share": 1.0 }))
        .await;
    assert_eq!(
        code(told(rig.pay("l", "p", 100)).await),
        refusal(500, "internal")
    );
    assert_eq!(code(rig.cancel("q").await), refusal(500, "internal"));
    assert!(rig.keys().await.is_empty());
    rig.patch(json!({ "error_share": 0.0 })).await;
    // The bank's word stands; an error was nobody's word.
    assert_eq!(told(rig.pay("k", "o", 100)).await.0, 402);
    assert_eq!(told(rig.pay("l", "p", 100)).await.0, 201);
    assert_eq!(rig.order("q").await.0, 404);
    assert_eq!(rig.keys().await, ["l"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_rate_limit_callers_are_sent_away_with_a_time() {
    let rig = Rig::new(json!({ "rate_limit": 1 })).await;
    let callers: Vec<_> = (0..20).map(|n| rig.paying(&n.to_string())).collect();
    let mut accepted = 0;
    for caller in callers {
        let answer = caller.await.unwrap().unwrap();
        if answer.status() == 201 {
            accepted += 1;
        } else {
            assert_eq!(answer.status(), 429);
            assert_eq!(answer.headers()["retry-after"], "1");
        }
    }
    assert!((1..20).contains(&accepted), "{accepted}");
    assert_eq!(rig.keys().await.len(), accepted);
    rig.patch(json!({ "rate_limit": 0 })).await;
    assert_eq!(told(rig.pay("k", "o", 100)).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_behaviour_holds_at_once_for_those_who_wait() {
    let rig = Rig::new(json!({ "latency": { "fixed": ENDLESS }, "capacity": 1 })).await;
    let callers: Vec<_> = ["a", "b", "c"].map(|key| rig.paying(key)).into();
    rig.eventually("gateway_waiting", 2);
    assert_eq!(rig.metric("gateway_in_work"), 1);
    // Whoever asks for the ledger does not wait with them.
    assert!(rig.keys().await.is_empty());
    let (status, behaviour) = rig.patch(json!({ "latency": { "fixed": "0s" } })).await;
    assert_eq!(status, 200);
    assert_eq!(behaviour["capacity"], 1);
    let told = rig.gateway.effective().await.unwrap();
    assert_eq!(json!(told), behaviour);
    // One place is taken for good; the second lets the others through.
    rig.patch(json!({ "capacity": 2 })).await;
    rig.eventually("gateway_charges_total", 2);
    rig.eventually("gateway_waiting", 0);
    eventually("the others are answered", || {
        let unanswered = callers.iter().filter(|one| !one.is_finished());
        (unanswered.count() == 1).then_some(())
    });
    for caller in callers {
        caller.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_or_an_impossible_value_is_named_and_nothing_changes() {
    let rig = Rig::new(json!({ "capacity": 7 })).await;
    for (change, name) in [
        (json!({ "capacity": 8, "capacitee": 4 }), "capacitee"),
        (json!({ "capacity": 8, "error_share": 2 }), "error_share"),
        (
            json!({ "capacity": 8, "latency": { "fixed": "2" } }),
            "latency",
        ),
        (json!({ "capacity": 8, "abandoned": "stop" }), "stop"),
    ] {
        let (status, body) = rig.patch(change).await;
        assert_eq!(status, 422);
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(name), "{detail}");
    }
    assert_eq!(rig.gateway.effective().await.unwrap().capacity, 7);
}

#[test]
fn a_configuration_that_cannot_be_read_is_bad_usage() {
    let place = Place::new();
    let file = place.path("gateway.toml");
    std::fs::write(&file, "capacitee = 4\n").unwrap();
    let program = settings().programs.mock_gateway().unwrap();
    for (file, name) in [(file, "capacitee"), (place.path("none.toml"), "none.toml")] {
        let ended = Command::new(&program)
            .arg("--config")
            .arg(file)
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(2));
        let complaint = String::from_utf8(ended.stderr).unwrap();
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payment_is_in_the_ledger_after_an_overload_whose_callers_left() {
    const CALLERS: u64 = 60;
    let rig = Rig::new(json!({ "latency": { "fixed": "20ms" }, "capacity": 2 })).await;
    let callers: Vec<_> = (0..CALLERS).map(|n| rig.paying(&n.to_string())).collect();
    eventually("all have arrived, and somebody still waits", || {
        let metrics = rig.metrics();
        let charges = value_of("gateway_charges_total", &metrics);
        let rest = value_of("gateway_in_work", &metrics) + value_of("gateway_waiting", &metrics);
        let answered = callers.iter().any(JoinHandle::is_finished);
        (answered && charges + rest >= CALLERS).then_some(())
    });
    // Some of them have been answered by now; the others leave.
    let mut acknowledged = 0;
    for caller in callers {
        if caller.is_finished() {
            assert_eq!(caller.await.unwrap().unwrap().status(), 201);
            acknowledged += 1;
        } else {
            caller.abort();
        }
    }
    assert!(acknowledged > 0);
    rig.eventually("gateway_charges_total", CALLERS);
    let keys = rig.keys().await;
    assert_eq!(keys.len() as u64, CALLERS);
    for number in 0..CALLERS {
        let number = number.to_string();
        assert_eq!(keys.iter().filter(|key| **key == number).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_abandoned_work_ends_a_hung_up_call_frees_its_place() {
    let rig = Rig::new(json!({
        "latency": { "fixed": ENDLESS }, "capacity": 1, "abandoned": "cancel",
    }))
    .await;
    let working = rig.paying("k");
    rig.eventually("gateway_in_work", 1);
    let waiting = rig.paying("l");
    rig.eventually("gateway_waiting", 1);
    waiting.abort();
    rig.eventually("gateway_waiting", 0);
    working.abort();
    rig.eventually("gateway_in_work", 0);
    rig.eventually("gateway_requests_total{outcome=\"abandoned\"}", 2);
    rig.patch(json!({ "latency": { "fixed": "0s" } })).await;
    assert_eq!(told(rig.pay("m", "o", 100)).await.0, 201);
    assert_eq!(rig.keys().await, ["m"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_hold_together_and_leave_what_was_there_before() {
    let rig = Rig::new(json!({ "capacity": 40, "decline_share": 0.5 })).await;
    let usual = rig.gateway.effective().await.unwrap();
    let add = |fault| block_in_place(|| rig.gateway.add(fault).unwrap());
    let remove = |id| block_in_place(|| rig.gateway.remove(id).unwrap());
    let slow = GatewayLatency::Fixed(std::time::Duration::from_secs(2));
    let capacity = add(GatewayFault::Capacity(8));
    let latency = add(GatewayFault::Latency(slow));
    let disturbed = rig.gateway.effective().await.unwrap();
    let both = GatewayBehaviour {
        capacity: 8,
        latency: slow,
        ..usual.clone()
    };
    assert_eq!(disturbed, both);
    // The next phase's fault may begin a moment before this one's ends.
    let next = add(GatewayFault::Capacity(2));
    remove(capacity);
    assert_eq!(rig.gateway.effective().await.unwrap().capacity, 2);
    remove(next);
    remove(latency);
    let shares = [GatewayFault::Errors(1.0), GatewayFault::AnswerLost(1.0)].map(add);
    let disturbed = rig.gateway.effective().await.unwrap();
    let both = GatewayBehaviour {
        error_share: 1.0,
        answer_lost_share: 1.0,
        ..usual.clone()
    };
    assert_eq!(disturbed, both);
    for share in shares {
        remove(share);
    }
    assert_eq!(rig.gateway.effective().await.unwrap(), usual);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_to_it_can_be_cut_without_harm_to_its_ledger() {
    let rig = Rig::new(json!({})).await;
    let upstream: SocketAddr = rig.gateway.address().parse().unwrap();
    let proxy = FaultProxy::start(&rig.run).unwrap();
    let address = proxy
        .open(Edge::Gateway, upstream, EdgeConditions::default())
        .unwrap();
    let pay = |key: &str| {
        let url = format!("http://{address}/payments");
        let request = rig.client.post(url).header("Idempotency-Key", key);
        request
            .json(&json!({ "order_id": key, "amount": 100 }))
            .send()
    };
    assert_eq!(pay("before").await.unwrap().status(), 201);
    let cut = proxy.add(Edge::Gateway, EdgeFault::Reset).unwrap();
    assert!(pay("during").await.is_err());
    proxy.remove(Edge::Gateway, cut).unwrap();
    assert_eq!(pay("after").await.unwrap().status(), 201);
    assert_eq!(rig.keys().await, ["before", "after"]);
}
