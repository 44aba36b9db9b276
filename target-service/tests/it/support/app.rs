//! The service as its users meet it: a process of its own, on a database of its own.

use std::process::Stdio;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::answer::Answer;
use super::database::TestDatabase;
use super::until::until;

/// Configuration keys and values: `("db.pool.max_size", "3")`.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// For tests in which requests wait for each other on purpose: however slow the machine is, it is not a
/// timeout that ends the wait.
pub const PATIENT: Settings = &[
    ("db.pool.acquire_timeout", "30s"),
    ("db.statement_timeout", "30s"),
    ("db.lock_timeout", "30s"),
];

#[derive(Debug)]
pub struct TestApp {
    pub service: String,
    pub admin: String,
    pub database: TestDatabase,
    process: Child,
    client: Client,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Ready, with these settings.
    pub async fn with(settings: Settings<'_>) -> Self {
        let app = Self::not_ready(settings).await;
        until("the service is ready", async || {
            app.get("/readyz").await.status == 200
        })
        .await;
        app
    }

    /// Listening, and not more.
    pub async fn not_ready(settings: Settings<'_>) -> Self {
        Self::on(TestDatabase::create().await, settings).await
    }

    /// The same on a database that holds something already.
    pub async fn on(database: TestDatabase, settings: Settings<'_>) -> Self {
        let url = database.url();
        let settings = [&[("db.url", url.as_str())], settings].concat();
        let mut process = command(&settings)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the service says where it listens");
        let addresses: Value = serde_json::from_str(&line).unwrap();
        let address = |name: &str| addresses[name].as_str().unwrap().to_owned();
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            service: address("service"),
            admin: address("admin"),
            database,
            process,
            client,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.service))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    pub async fn put(&self, path: &str) -> Answer {
        self.send(self.request(Method::PUT, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Registers a member of this nickname, and returns the id.
    pub async fn register(&self, nickname: &str) -> i64 {
        let email = format!("{nickname}@example.com");
        let body = json!({"email": email, "nickname": nickname, "birth_date": "2000-02-29"});
        let answer = self.post("/members", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_i64().unwrap()
    }

    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self
            .client
            .request(method, format!("http://{}{path}", self.admin));
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub async fn set_knobs(&self, patch: Value) {
        let answer = self.admin(Method::PATCH, "/admin/knobs", Some(patch)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The sum of a metric over the series that have all of these labels: `&["state=\"idle\""]`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.get("/metrics").await.text;
        let of_name = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then_some(rest)
        });
        let series = of_name.filter(|rest| labels.iter().all(|label| rest.contains(label)));
        series
            .map(|rest| rest.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
            .sum()
    }

    pub async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }

    /// Waits until so many wait for locks at once.
    pub async fn wait_for_lock_waiters(&self, number: i64) {
        until("so many wait for locks", async || {
            self.database.lock_waiters().await == number
        })
        .await;
    }

    pub async fn wait_until_someone_waits_for_a_lock(&self) {
        until("somebody waits for a lock", async || {
            self.database.has_lock_waiter().await
        })
        .await;
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.process.id().expect("the service runs").to_string();
        let killed = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Sends SIGKILL, and waits for the end.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Ends the service and keeps what it has written.
    pub async fn into_database(mut self) -> TestDatabase {
        self.kill().await;
        self.database
    }

    /// Waits for the end of the process; its exit code.
    pub async fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().await.unwrap().code()
    }
}

/// The service's program with these settings and no others of the environment.
pub fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_target-service"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TARGET_SERVICE__") {
            command.env_remove(name);
        }
    }
    command.env("TARGET_SERVICE__TELEMETRY__LOG__FILTER", "error");
    // Tests that count connections and statements count those of requests.
    command.env("TARGET_SERVICE__FLOW__SETTLEMENT", "false");
    command.env("TARGET_SERVICE__SURVEY__FOLDING", "false");
    command.env("TARGET_SERVICE__OUTBOX__RELAY", "false");
    command.env("TARGET_SERVICE__OUTBOX__CONSUMER", "false");
    for (key, value) in settings {
        command.env(
            format!("TARGET_SERVICE__{}", key.to_uppercase().replace('.', "__")),
            value,
        );
    }
    command.kill_on_drop(true);
    command
}
