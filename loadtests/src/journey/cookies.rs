//! Cookies of goose's own requests: they hang on the arrival, not on the user that carries it.

use std::time::Duration;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use reqwest::Url;
use reqwest::cookie::CookieStore;

use super::arrival;

/// Reads and writes the jar of the arrival in hand, so that all users can share one client.
struct ArrivalCookies;

impl CookieStore for ArrivalCookies {
    fn set_cookies(&self, cookies: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        if let Some(jar) = arrival::jar() {
            jar.set_cookies(cookies, url);
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        arrival::jar()?.cookies(url)
    }
}

/// The client behind `user.get(...)`; `timeout` bounds one of its requests.
pub(super) fn client_with_cookies(
    headers: &HeaderMap,
    timeout: Duration,
) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers.clone())
        .cookie_provider(Arc::new(ArrivalCookies))
        .timeout(timeout)
        .pool_max_idle_per_host(usize::MAX)
        .build()
}
