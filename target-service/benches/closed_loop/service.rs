//! The service in a process of its own, and its clients: as many connections as its pool has, each of which
//! asks again as soon as it is answered.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rand::RngExt as _;

use super::{CONNECTIONS, MEMBERS};

pub struct Service {
    process: Child,
    address: SocketAddr,
}

impl Service {
    /// With these settings besides: `("TELEMETRY__ENABLED", "false")`.
    pub fn start(url: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_target-service"))
            .arg("serve")
            .env("TARGET_SERVICE__DB__URL", url)
            .env(
                "TARGET_SERVICE__DB__POOL__MAX_SIZE",
                CONNECTIONS.to_string(),
            )
            .envs(
                settings
                    .iter()
                    .map(|(key, value)| (format!("TARGET_SERVICE__{key}"), value)),
            )
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let addresses: serde_json::Value =
            serde_json::from_str(&line).context("the service did not start")?;
        let address = addresses["service"]
            .as_str()
            .context("no address of the service")?
            .parse()?;
        Ok(Self { process, address })
    }

    /// Requests per second.
    pub async fn rate(&self, seconds: u32) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(seconds.into());
        let loops: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(ask_until(self.address, end)))
            .collect();
        let mut answered = 0;
        for requests in loops {
            answered += requests.await??;
        }
        Ok(f64::from(answered) / begun.elapsed().as_secs_f64())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection that asks again as soon as it is answered. Returns how often it was.
async fn ask_until(address: SocketAddr, end: Instant) -> anyhow::Result<u32> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answered = 0;
    while Instant::now() < end {
        let id = rand::rng().random_range(1..=MEMBERS);
        let request = http::Request::get(format!("/members/{id}"))
            .header("host", "bench")
            .body(Body::empty())?;
        let response = sender.send_request(request).await?;
        ensure!(
            response.status() == 200,
            "the service answered {}",
            response.status()
        );
        response.into_body().collect().await?;
        answered += 1;
    }
    Ok(answered)
}
