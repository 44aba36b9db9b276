//! `HAProxy` in front of several instances of the service.
//!
//! Each request goes to the next instance, also of one connection, unless clients stick. An instance that
//! does not answer its health check for a second gets nothing until it does again; a request that found
//! nobody listening goes to another one, because nothing of it was sent.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::admin_client::client;
use super::error::EnvironmentError;
use super::port;
use super::process::ServerProcess;
use super::run::{Run, arguments};

const NAME: &str = "balancer";
const READY_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Balancer {
    process: ServerProcess,
    address: String,
}

impl Balancer {
    /// Starts it and waits until it passes requests on.
    pub async fn start(
        run: &Run,
        instances: &[&str],
        sticky: bool,
    ) -> Result<Self, EnvironmentError> {
        port::start_on_free(async |port| Self::start_on(run, instances, sticky, port).await).await
    }

    async fn start_on(
        run: &Run,
        instances: &[&str],
        sticky: bool,
        port: u16,
    ) -> Result<Self, EnvironmentError> {
        let address = format!("127.0.0.1:{port}");
        let file = run.directory().path().join("haproxy.cfg");
        fs::write(&file, configuration(&address, instances, sticky))
            .map_err(EnvironmentError::file("writing", &file))?;
        let mut launch = run.launch(NAME, &run.programs().haproxy()?);
        // In the foreground, so that its process is the one that was started.
        launch.arguments = arguments([&"-db", &"-f", &file]);
        let process = run.start(launch)?;
        let (client, url) = (client(), format!("http://{address}/healthz"));
        let passes_on = async || match client.get(&url).send().await {
            Ok(answer) => answer.status().is_success(),
            Err(_) => false,
        };
        process.wait_until_ready(READY_LIMIT, passes_on).await?;
        Ok(Self { process, address })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }
}

/// Timeouts are longer than any client's: who gives up first is what scenarios are about.
fn configuration(address: &str, instances: &[&str], sticky: bool) -> String {
    let mut text = format!(
        "global
    log stderr format raw local0 warning
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    timeout http-keep-alive 10m
    retries 2
    option redispatch 1
frontend clients
    bind {address}
    default_backend instances
backend instances
    balance roundrobin
    http-reuse always
    option httpchk GET /healthz
    default-server check inter 500ms fall 2 rise 1
"
    );
    if sticky {
        text.push_str("    cookie INSTANCE insert indirect nocache\n");
    }
    for (number, instance) in (1..).zip(instances) {
        let cookie = if sticky {
            format!(" cookie {number}")
        } else {
            String::new()
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    server service-{number} {instance}{cookie}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sticky_clients_get_a_cookie() {
        let of = |sticky| configuration("127.0.0.1:1", &["127.0.0.1:2", "127.0.0.1:3"], sticky);
        assert!(of(false).contains("server service-2 127.0.0.1:3\n"));
        assert!(!of(false).contains("cookie"));
        assert!(of(true).contains("server service-2 127.0.0.1:3 cookie 2\n"));
    }
}
