//! How the harness speaks to the admin listeners of the parts that it has started.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::EnvironmentError;

const LIMIT: Duration = Duration::from_secs(5);

/// Loopback only, so that no proxy of the user's environment may come between. It keeps no
/// connection that would need the runtime of an earlier call.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(LIMIT)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap_or_default()
}

/// The answer's document; a refusal is told in the part's own words.
pub async fn answer<T: DeserializeOwned>(
    what: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<T, EnvironmentError> {
    let failed = |error: reqwest::Error| EnvironmentError::ReadBack {
        what,
        reason: error.to_string(),
    };
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let text = answer.text().await.map_err(failed)?;
    let refused = |reason: String| EnvironmentError::ReadBack { what, reason };
    if !status.is_success() {
        return Err(refused(format!("{status}: {text}")));
    }
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}

/// A change that must be there within milliseconds, from a thread without a runtime: no client is
/// faster than a few lines on a connection of their own.
pub fn patch(
    what: &'static str,
    address: SocketAddr,
    path: &str,
    change: &Value,
) -> Result<(), EnvironmentError> {
    told(what, exchange(address, "PATCH", path, &change.to_string())).map(drop)
}

/// What is there at this moment, as quickly as a change is made.
pub fn read(
    what: &'static str,
    address: SocketAddr,
    path: &str,
) -> Result<String, EnvironmentError> {
    told(what, exchange(address, "GET", path, ""))
}

/// The body of a success.
fn told(what: &'static str, answer: io::Result<String>) -> Result<String, EnvironmentError> {
    let failed = |reason: String| EnvironmentError::ReadBack { what, reason };
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        Ok(body.to_owned())
    } else {
        Err(failed(format!("{status}: {body}")))
    }
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// For faults, which have threads of their own and no runtime.
pub fn block_on<T>(
    work: impl Future<Output = Result<T, EnvironmentError>>,
) -> Result<T, EnvironmentError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(EnvironmentError::Runtime)?.block_on(work)
}
