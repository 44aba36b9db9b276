//! How the harness speaks to the admin listeners of the parts that it has started.

use std::time::Duration;

use serde::de::DeserializeOwned;

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

/// For faults, which have threads of their own and no runtime.
pub fn block_on<T>(
    work: impl Future<Output = Result<T, EnvironmentError>>,
) -> Result<T, EnvironmentError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(EnvironmentError::Runtime)?.block_on(work)
}
