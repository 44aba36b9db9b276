//! Waits for something to become true, and fails when it never does.

use std::time::Duration;

/// Generous: it is only waited out by a test that fails.
const AT_MOST: Duration = Duration::from_secs(30);

pub async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(AT_MOST, wait).await.is_ok(),
        "it never came true that {what}"
    );
}
