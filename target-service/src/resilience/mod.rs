//! Techniques that keep one dependency's trouble from becoming everybody's.
//!
//! | part | what it bounds | what it says when it refuses |
//! |---|---|---|
//! | [`timeout`] | how long one step takes | [`timeout::TimedOut`], with the bound |
//! | [`backoff`] | how soon the next attempt comes | |
//! | [`retry`] | how many attempts there are: condition, count, deadline, budget | [`retry::GaveUp`], with the reason |
//! | [`circuit_breaker`] | calls to a dependency that is down | [`circuit_breaker::BreakerError`] |
//! | [`bulkhead`] | calls under way at once | [`bulkhead::BulkheadError`] |
//! | [`rate_limit`] | calls per second | [`rate_limit::RateLimitError`] |
//! | [`adaptive_throttle`] | calls that would most likely be refused | [`adaptive_throttle::Throttled`] |
//! | [`single_flight`] | how many do the same work at once | |
//! | [`places`] | what a bulkhead and the database's pool count with: places whose number can change | |
//!
//! Each part owns its `Config`, can be switched off by it, takes another one while it runs (`apply`), and
//! shows what it does as metrics, under the name of its dependency. None of them knows another, HTTP or the
//! application's configuration: who calls a dependency puts them together.
//!
//! # One outgoing call
//!
//! From the outside to the inside:
//!
//! ```text
//! adaptive throttle { retry { bulkhead { rate limit { breaker { timeout { send } } } } } }
//! ```
//!
//! - **Adaptive throttle** outside, once per call. It costs one random draw and nothing is held yet; inside
//!   the retry, its refusal would be one more thing to retry.
//! - **Retry** around all that one attempt needs. Its deadline bounds every wait inside, because each part
//!   that waits is given the same deadline.
//! - **Bulkhead** inside the retry. Outside it, calls that sleep before their next attempt would hold the
//!   places: in a brownout all of them, while the dependency has nothing to do. What bounds the sleepers is
//!   the budget. Its price: a retry queues again, behind calls that came meanwhile.
//! - **Rate limit** inside the bulkhead, the last wait before sending: what is sent has the pace of the
//!   tokens. Outside, calls with a token could wait for places and then be sent all at once. Inside the
//!   retry, because the provider counts attempts.
//! - **Breaker** after everything that waits or refuses here. So a wait is no slow call, a local refusal no
//!   failure, and a probe's permit is held no longer than the probe takes. Open, it fails fast: it is also
//!   asked before the first wait, and takes no place and no token then; who waits already gives them back.
//! - **Timeout** innermost, because a timeout is the failure that the breaker most needs to see. One that
//!   ended with the caller's own deadline ([`timeout::Bound::Deadline`]) says nothing about the dependency:
//!   drop the permit without an outcome.
//!
//! An error of a part of this module is [`retry::Failure::Final`], but for a timeout of the dependency's own.

pub mod adaptive_throttle;
pub mod backoff;
mod bucket;
pub mod bulkhead;
pub mod circuit_breaker;
pub mod places;
pub mod rate_limit;
#[cfg(test)]
mod recorded;
pub mod retry;
pub mod single_flight;
pub mod timeout;
mod window;

#[cfg(test)]
mod tests;
