//! A Redis of a test's own, which it may kill, pause and start again.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};

use super::until::until;

#[derive(Debug)]
pub struct TestRedis {
    port: AtomicU16,
    process: Mutex<Option<Child>>,
}

impl TestRedis {
    pub async fn start() -> Self {
        let redis = Self {
            port: AtomicU16::new(free_port()),
            process: Mutex::default(),
        };
        redis.run().await;
        redis
    }

    /// Again after [`Self::kill`], on the same port and with nothing in it.
    pub async fn run(&self) {
        let mut process = None;
        until("Redis answers", async || {
            let is_running = process
                .as_mut()
                .is_some_and(|process: &mut Child| process.try_wait().unwrap().is_none());
            if !is_running {
                process = Some(self.spawn());
            }
            self.answers().await
        })
        .await;
        *self.process() = process;
    }

    fn spawn(&self) -> Child {
        let port = self.port.load(Ordering::Relaxed).to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", ""];
        let start = |program: &&str| {
            Command::new(program)
                .args(arguments)
                .current_dir(std::env::temp_dir())
                .stdout(Stdio::null())
                .spawn()
                .ok()
        };
        let mut programs = ["redis-server", "valkey-server"].iter();
        let started = programs.find_map(start);
        started.expect("these tests need a redis-server on PATH: run `./squall test`")
    }

    async fn answers(&self) -> bool {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.is_ok()
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.load(Ordering::Relaxed))
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    pub fn kill(&self) {
        if let Some(mut process) = self.process().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Answers reads, and keeps writes waiting until [`Self::release_writes`].
    pub async fn hold_writes(&self) {
        let longer_than_any_test = 600_000;
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(longer_than_any_test).arg("WRITE");
        self.ask::<()>(&pause).await;
    }

    pub async fn until_a_write_is_held(&self) {
        until("a write is held", async || {
            let clients: String = self.ask(redis::cmd("CLIENT").arg("LIST")).await;
            clients.contains("flags=b")
        })
        .await;
    }

    pub async fn release_writes(&self) {
        self.ask::<()>(redis::cmd("CLIENT").arg("UNPAUSE")).await;
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command
            .query_async(&mut self.connect().await)
            .await
            .unwrap()
    }

    pub async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
