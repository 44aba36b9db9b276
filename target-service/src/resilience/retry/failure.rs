//! Which failures are worth another attempt.
//!
//! Two questions decide: may it go better the next time, and may it be done twice? A connection that was
//! never opened and a 429 have done nothing yet. After a timeout, a reset or a 5xx the work may have been
//! done, so only a call that is safe to repeat is repeated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an attempt failed by, as far as a retry is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: nothing was sent.
    Connect,
    /// No answer in time: nobody knows whether the work was done.
    Timeout,
    /// The connection broke after the call was sent: nobody knows either.
    Reset,
    /// The dependency answered with an error.
    Status {
        status: u16,
        /// Its `Retry-After`: not before.
        retry_after: Option<Duration>,
    },
    /// This service refused the call itself (breaker open, no place, throttled, deadline passed), or could
    /// not understand the answer. Trying again changes nothing, and defeats what refused.
    Final,
}

/// Implemented by the errors of what is retried.
pub trait Classify {
    fn failure(&self) -> Failure;
}

/// Whether the dependency makes sure that a repeated call has the effect of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// A read, or a call with an idempotency key that the dependency honours.
    Safe,
    /// Repeated only when the first one has certainly done nothing.
    Unsafe,
}

/// Which failures are tried again at all. 4xx other than 429 never are: the same request gets the same
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Conditions {
    /// Default true.
    pub connect: bool,
    /// Only calls that are safe to repeat. Each one costs the caller another timeout. Default true.
    pub timeout: bool,
    /// Only calls that are safe to repeat. Default true.
    pub reset: bool,
    /// 5xx other than 501 and 505. Only calls that are safe to repeat. Default true.
    pub server_error: bool,
    /// 429, after its `Retry-After` or, without one, the backoff. Default true.
    pub too_many_requests: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            connect: true,
            timeout: true,
            reset: true,
            server_error: true,
            too_many_requests: true,
        }
    }
}

impl Conditions {
    pub(super) fn allow(self, failure: Failure, repeat: Repeat) -> bool {
        let safe = repeat == Repeat::Safe;
        match failure {
            Failure::Connect => self.connect,
            Failure::Timeout => self.timeout && safe,
            Failure::Reset => self.reset && safe,
            Failure::Status { status: 429, .. } => self.too_many_requests,
            // Not implemented, and not in this version of HTTP: it will not be at the next attempt either.
            Failure::Status {
                status: 501 | 505, ..
            }
            | Failure::Final => false,
            Failure::Status { status, .. } => self.server_error && safe && status >= 500,
        }
    }
}

impl Failure {
    pub(super) fn retry_after(self) -> Duration {
        match self {
            Self::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Failure {
        Failure::Status {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn a_call_that_is_safe_to_repeat_is_repeated_after_what_may_pass() {
        let all = Conditions::default();
        for (failure, worth) in [
            (Failure::Connect, true),
            (Failure::Timeout, true),
            (Failure::Reset, true),
            (status(429), true),
            (status(500), true),
            (status(503), true),
            (status(501), false),
            (status(505), false),
            (status(400), false),
            (status(404), false),
            (status(409), false),
            (status(422), false),
            (status(302), false),
            (Failure::Final, false),
        ] {
            assert_eq!(all.allow(failure, Repeat::Safe), worth, "{failure:?}");
        }
    }

    #[test]
    fn any_other_call_only_after_what_has_done_nothing() {
        let all = Conditions::default();
        for (failure, worth) in [
            (Failure::Connect, true),
            (status(429), true),
            (Failure::Timeout, false),
            (Failure::Reset, false),
            (status(500), false),
            (status(503), false),
        ] {
            assert_eq!(all.allow(failure, Repeat::Unsafe), worth, "{failure:?}");
        }
    }

    #[test]
    fn what_is_switched_off_is_not_repeated() {
        let none = Conditions {
            connect: false,
            timeout: false,
            reset: false,
            server_error: false,
            too_many_requests: false,
        };
        for failure in [
            Failure::Connect,
            Failure::Timeout,
            Failure::Reset,
            status(429),
            status(503),
        ] {
            assert!(!none.allow(failure, Repeat::Safe), "{failure:?}");
        }
    }
}
