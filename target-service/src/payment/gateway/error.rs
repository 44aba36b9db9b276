//! Why a call to the gateway gave no outcome, and whether it may have been done all the same.

use std::error::Error as StdError;
use std::time::Duration;

use thiserror::Error;

use crate::resilience::adaptive_throttle::Throttled;
use crate::resilience::bulkhead::BulkheadError;
use crate::resilience::circuit_breaker::BreakerError;
use crate::resilience::rate_limit::RateLimitError;
use crate::resilience::retry::{Classify, Failure, GaveUp};
use crate::resilience::timeout::{Bound, TimedOut};

/// What became of a call as far as its caller is concerned.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// None of its attempts can have had an effect.
    #[error("nothing was done: {0}")]
    NothingDone(#[source] CallError),
    /// At least one attempt may have been done, or may still be.
    #[error("the outcome is not known: {0}")]
    Unknown(#[source] CallError),
}

#[derive(Debug, Error)]
pub enum CallError {
    #[error("the caller's deadline has passed")]
    Deadline,
    #[error(transparent)]
    Throttled(#[from] Throttled),
    #[error(transparent)]
    GaveUp(#[from] GaveUp<AttemptError>),
}

#[derive(Debug, Error)]
pub enum AttemptError {
    #[error(transparent)]
    NoPlace(#[from] BulkheadError),
    #[error("no connection became free: {0}")]
    NoConnection(#[source] TimedOut),
    #[error(transparent)]
    NoToken(#[from] RateLimitError),
    #[error(transparent)]
    Broken(#[from] BreakerError),
    #[error("no connection was made: {0}")]
    NotConnectedInTime(#[source] TimedOut),
    #[error("no connection was made: {0}")]
    NotConnected(#[source] Box<dyn StdError + Send + Sync>),
    #[error("no answer came: {0}")]
    NotAnsweredInTime(#[source] TimedOut),
    #[error("the connection broke: {0}")]
    Reset(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the gateway answered {status}")]
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("the gateway answered {status} with what cannot be understood: {reason}")]
    Unreadable { status: u16, reason: String },
}

/// What an attempt tells about the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    Failing,
    /// It was not asked, or not waited for.
    Untold,
}

impl AttemptError {
    /// Whether the gateway may have worked on it. An answer that cannot be understood proves nothing.
    pub(super) fn may_have_been_done(&self) -> bool {
        match self {
            Self::NotAnsweredInTime(_) | Self::Reset(_) | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status != 429,
            Self::NoPlace(_)
            | Self::NoConnection(_)
            | Self::NoToken(_)
            | Self::Broken(_)
            | Self::NotConnectedInTime(_)
            | Self::NotConnected(_) => false,
        }
    }

    /// For the circuit breaker. A 429 is the healthy answer of a gateway that permits only so many calls.
    pub(super) fn health(&self) -> Health {
        match self {
            Self::NoPlace(_) | Self::NoConnection(_) | Self::NoToken(_) | Self::Broken(_) => {
                Health::Untold
            }
            Self::NotConnectedInTime(error) | Self::NotAnsweredInTime(error)
                if error.bound == Bound::Deadline =>
            {
                Health::Untold
            }
            Self::Status { status, .. } if *status < 500 => Health::Well,
            _ => Health::Failing,
        }
    }

    /// For the adaptive throttle: whether the gateway had no room for it.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 429 | 503),
            Self::Unreadable { .. } => false,
            _ => self.health() == Health::Failing,
        }
    }

    /// A label from a bounded set.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NoPlace(_) | Self::NoConnection(_) | Self::NoToken(_) | Self::Broken(_) => {
                "not_sent"
            }
            Self::NotConnectedInTime(_) => "connect_timeout",
            Self::NotConnected(_) => "connect",
            Self::NotAnsweredInTime(_) => "timeout",
            Self::Reset(_) => "reset",
            Self::Status { .. } => "",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl Classify for AttemptError {
    fn failure(&self) -> Failure {
        match self {
            Self::NotConnectedInTime(error) if error.bound != Bound::Deadline => Failure::Connect,
            Self::NotConnected(_) => Failure::Connect,
            Self::NotAnsweredInTime(error) if error.bound != Bound::Deadline => Failure::Timeout,
            Self::Reset(_) => Failure::Reset,
            Self::Status {
                status,
                retry_after,
            } => Failure::Status {
                status: *status,
                retry_after: *retry_after,
            },
            _ => Failure::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed_out(bound: Bound) -> TimedOut {
        TimedOut {
            bound,
            after: Duration::from_secs(1),
        }
    }

    fn status(status: u16) -> AttemptError {
        AttemptError::Status {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn only_what_was_surely_not_worked_on_counts_as_nothing_done() {
        use AttemptError::{NoPlace, NotAnsweredInTime, NotConnectedInTime};
        for (error, may_have_been_done) in [
            (NoPlace(BulkheadError::Full), false),
            (NotConnectedInTime(timed_out(Bound::Connect)), false),
            (NotConnectedInTime(timed_out(Bound::Deadline)), false),
            (NotAnsweredInTime(timed_out(Bound::Read)), true),
            (NotAnsweredInTime(timed_out(Bound::Deadline)), true),
            (AttemptError::Reset("reset".into()), true),
            (status(429), false),
            (status(500), true),
            (status(302), true),
        ] {
            assert_eq!(error.may_have_been_done(), may_have_been_done, "{error}");
        }
    }

    #[test]
    fn the_callers_own_deadline_says_nothing_about_the_gateway() {
        let near = AttemptError::NotAnsweredInTime(timed_out(Bound::Deadline));
        assert_eq!(
            (near.health(), near.failure()),
            (Health::Untold, Failure::Final)
        );
        let slow = AttemptError::NotAnsweredInTime(timed_out(Bound::Read));
        assert_eq!(
            (slow.health(), slow.failure()),
            (Health::Failing, Failure::Timeout)
        );
        assert_eq!(status(429).health(), Health::Well);
        assert!(status(429).is_refusal() && !status(500).is_refusal());
    }
}
