//! What the tests of the mock gateway share: a running one, and the questions to it.

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use squall::environment::{Gateway, Run};
use squall::scenario::GatewayBehaviour;
use tokio::task::{JoinHandle, block_in_place};

use crate::playground::{eventually, settings};

/// A gateway of its own, and a client of it.
pub struct Rig {
    pub gateway: Gateway,
    pub client: Client,
    pub run: Run,
}

impl Rig {
    pub async fn new(behaviour: Value) -> Self {
        let run = Run::open(&settings()).unwrap();
        let behaviour: GatewayBehaviour = serde_json::from_value(behaviour).unwrap();
        Self {
            gateway: Gateway::start(&run, &behaviour).await.unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
            run,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    pub fn pay(&self, key: &str, order_id: &str, amount: u64) -> RequestBuilder {
        self.client
            .post(self.url("/payments"))
            .header("Idempotency-Key", key)
            .json(&json!({ "order_id": order_id, "amount": amount }))
    }

    /// A payment under way; the order has the key's name.
    pub fn paying(&self, key: &str) -> JoinHandle<reqwest::Result<Response>> {
        tokio::spawn(self.pay(key, key, 100).send())
    }

    pub async fn order(&self, order_id: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/payments/{order_id}"));
        told(self.client.get(url)).await
    }

    pub async fn cancel(&self, order_id: &str) -> (StatusCode, Value) {
        let url = self.url(&format!("/payments/{order_id}/cancel"));
        told(self.client.post(url)).await
    }

    pub async fn patch(&self, change: Value) -> (StatusCode, Value) {
        let url = format!("{}/admin/behaviour", self.gateway.admin_url());
        told(self.client.patch(url).json(&change)).await
    }

    pub async fn keys(&self) -> Vec<String> {
        let charges = self.gateway.ledger().await.unwrap();
        charges
            .into_iter()
            .map(|charge| charge.idempotency_key)
            .collect()
    }

    /// All metrics at one moment.
    pub fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.gateway.admin_url());
        block_in_place(|| {
            let runtime = tokio::runtime::Handle::current();
            let answer = async { self.client.get(url).send().await?.text().await };
            runtime.block_on(answer).unwrap()
        })
    }

    pub fn metric(&self, series: &str) -> u64 {
        value_of(series, &self.metrics())
    }

    pub fn eventually(&self, series: &str, value: u64) {
        eventually(&format!("{series} is {value}"), || {
            (self.metric(series) == value).then_some(())
        });
    }
}

pub fn value_of(series: &str, metrics: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(series));
    let (_, value) = line.and_then(|line| line.rsplit_once(' ')).unwrap();
    value.parse().unwrap()
}

pub async fn told(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

pub fn refusal(code: u16, name: &str) -> (StatusCode, Value) {
    (StatusCode::from_u16(code).unwrap(), json!(name))
}

/// The status and the problem's code.
pub fn code((status, body): (StatusCode, Value)) -> (StatusCode, Value) {
    (status, body["code"].clone())
}
