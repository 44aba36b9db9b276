//! The service with a stub gateway, and a member who pays.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::answer::Answer;
use super::app::TestApp;
use super::gateway::StubGateway;
use super::until::until;

#[derive(Debug)]
pub struct Paying {
    pub app: TestApp,
    pub gateway: StubGateway,
    pub member: i64,
}

impl Paying {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::at(StubGateway::start().await, settings).await
    }

    /// With a service in front of this gateway.
    pub async fn at(gateway: StubGateway, settings: &[(&str, &str)]) -> Self {
        let app = Self::service(&gateway, settings).await;
        let member = app.register("kim").await;
        Self {
            app,
            gateway,
            member,
        }
    }

    /// A service in front of this gateway. It looks for what is due often.
    pub async fn service(gateway: &StubGateway, settings: &[(&str, &str)]) -> TestApp {
        let defaults = [
            ("payment.gateway.url", gateway.url.as_str()),
            ("payment.reconcile.interval", "50ms"),
            ("payment.reconcile.sweep", "100ms"),
            ("payment.reconcile.compare", "50ms"),
            ("payment.retry.backoff.strategy", "none"),
            ("payment.retry.budget.enabled", "false"),
        ];
        TestApp::with(&[&defaults, settings].concat()).await
    }

    pub fn body(&self) -> Value {
        json!({"order_id": 7, "member_id": self.member, "amount": 500})
    }

    pub fn request(&self, key: &str) -> RequestBuilder {
        self.app
            .request(Method::POST, "/payments")
            .header("idempotency-key", key)
            .json(&self.body())
    }

    pub async fn pay(&self, key: &str) -> Answer {
        self.app.send(self.request(key)).await
    }

    pub async fn find(&self, id: &Value) -> Value {
        let answer = self.app.get(&format!("/payments/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub async fn until_status(&self, id: &Value, status: &str) {
        until(&format!("payment {id} is {status}"), async || {
            self.find(id).await["status"] == status
        })
        .await;
    }

    /// Status and failure of every payment, in the order of their making.
    pub async fn stored(&self) -> Vec<(String, Option<String>)> {
        sqlx::query_as("SELECT status, failure FROM payments ORDER BY id")
            .fetch_all(&mut self.app.connect().await)
            .await
            .unwrap()
    }

    pub async fn until_asked(&self, times: usize) {
        until("the gateway is asked", async || {
            self.gateway.asked().len() == times
        })
        .await;
    }
}

/// The id of the payment that an answer is about.
pub fn id_in(answer: &Answer) -> Value {
    let location = answer.header("location").unwrap();
    let id = location.strip_prefix("/payments/").unwrap();
    id.parse::<i64>().unwrap().into()
}
