//! The service within the test itself, with a payer that the test scripts. What it sells, and to whom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use target_service::app::App;
use target_service::config;
use target_service::context::RequestContext;
use target_service::http::server::Server;
use target_service::ids::RequestId;
use target_service::router;
use target_service::telemetry::Exposition;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use super::app::PATIENT;
use super::database::TestDatabase;
use super::scripted_payer::ScriptedPayer;

pub struct Shop {
    pub database: TestDatabase,
    pub payer: Arc<ScriptedPayer>,
    app: App,
    address: SocketAddr,
    client: Client,
    _stops: DropGuard,
}

impl Shop {
    pub async fn open() -> Self {
        let database = TestDatabase::create().await;
        let payer = Arc::new(ScriptedPayer::new());
        let app = app(&database.url(), Arc::clone(&payer));
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(anywhere, Duration::from_secs(30))
            .await
            .unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        let (router, _) = router::build(&app);
        tokio::spawn(server.run(router, stop.clone(), TaskTracker::new()));
        Self {
            database,
            payer,
            app,
            address,
            client: Client::builder().no_proxy().build().unwrap(),
            _stops: stop.drop_guard(),
        }
    }

    /// Members with so many points each.
    pub async fn members(&self, number: usize, points: i64) -> Vec<i64> {
        let mut members = Vec::new();
        for number in 0..number {
            let nickname = format!("m{number}");
            let email = format!("{nickname}@example.com");
            let member = json!({"email": email, "nickname": nickname, "birth_date": "2000-02-29"});
            let answer = self.post("/members", &member).await;
            let id = answer.body["id"].as_i64().unwrap();
            if points > 0 {
                let charge = json!({"amount": points, "idempotency_key": "first"});
                let path = format!("/members/{id}/points/charge");
                assert_eq!(self.post(&path, &charge).await.status, 200);
            }
            members.push(id);
        }
        members
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn hold(&self, seat: i64, member: i64) -> Answer {
        let path = format!("/events/1/seats/{seat}/hold");
        let body = json!({ "member_id": member });
        self.send(self.request(Method::PUT, &path).json(&body))
            .await
    }

    pub async fn order(&self, body: &Value) -> Answer {
        self.post("/orders", body).await
    }

    pub async fn order_with_key(&self, body: &Value, key: &str) -> Answer {
        let request = self.request(Method::POST, "/orders").json(body);
        self.send(request.header("idempotency-key", key)).await
    }

    pub async fn points(&self, member: i64) -> i64 {
        let answer = self.get(&format!("/members/{member}/points")).await;
        answer.body["balance"].as_i64().unwrap()
    }

    /// A seat of event 1.
    pub async fn seat(&self, seat: i64) -> Value {
        self.get(&format!("/events/1/seats/{seat}")).await.body
    }

    pub fn set_knobs(&self, knobs: &Value) {
        let Value::Object(knobs) = knobs else {
            panic!("knobs are an object")
        };
        self.app.patch_knobs(knobs).unwrap();
    }

    /// One round of the settlement over everything that is left to see to, without waiting for its time.
    pub async fn settle(&self) {
        self.let_the_time_come().await;
        self.sweep().await;
    }

    /// Everything that is left to see to is to be looked at now, but for what somebody is at. Waits for
    /// nobody: it locks many orders, and would wait in a circle with others that do.
    pub async fn let_the_time_come(&self) {
        self.execute(
            "WITH open AS MATERIALIZED ( \
                 SELECT id AS open_id FROM orders WHERE look_at IS NOT NULL FOR UPDATE SKIP LOCKED \
             ) UPDATE orders SET look_at = now() FROM open WHERE id = open_id",
        )
        .await;
    }

    /// One round of the settlement over what it is time for; how many orders that were.
    pub async fn sweep(&self) -> usize {
        let knobs = self.app.knobs.snapshot();
        let ctx = RequestContext::new(RequestId::generate(), None, knobs);
        self.app.settlement().sweep(&ctx).await.unwrap()
    }

    pub async fn number(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut self.database.connect().await)
            .await
            .unwrap()
    }

    pub async fn execute(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.database.connect().await)
            .await
            .unwrap();
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }
}

fn app(url: &str, payer: Arc<ScriptedPayer>) -> App {
    let own = [("db.url", url), ("flow.settle_interval", "1h")];
    let settings = own.iter().chain(PATIENT).map(|(key, value)| {
        let key = key.to_uppercase().replace('.', "__");
        (format!("TARGET_SERVICE__{key}").into(), value.into())
    });
    let config = config::load(None, settings).unwrap();
    let app = App::new(config, Exposition::default()).unwrap();
    App { payer, ..app }
}
