//! What can go wrong between the service and its Redis.

use std::time::Duration;

use redis::ErrorKind;
use thiserror::Error;

/// Cheap to clone, because one failure may be told to many who wait for the same thing.
#[derive(Debug, Clone, Error)]
pub enum RedisError {
    #[error("no Redis connection became free within {after:?}")]
    WaitTimeout { after: Duration },
    #[error("connecting to Redis took longer than {after:?}")]
    ConnectTimeout { after: Duration },
    #[error("Redis cannot be connected to: {0}")]
    Connect(#[source] redis::RedisError),
    #[error("Redis did not answer within {after:?}")]
    CommandTimeout { after: Duration },
    #[error("the connection to Redis was lost: {0}")]
    ConnectionLost(#[source] redis::RedisError),
    #[error("Redis refused a command: {0}")]
    Refused(#[source] redis::RedisError),
    #[error("Redis answered with something else than what was asked for: {0}")]
    Unexpected(#[source] redis::RedisError),
    #[error("the request's deadline has passed")]
    DeadlineExceeded,
    #[error("the Redis connections are being closed")]
    Closed,
}

impl RedisError {
    /// As a metric's label says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::WaitTimeout { .. } => "wait_timeout",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Connect(_) => "connect",
            Self::CommandTimeout { .. } => "command_timeout",
            Self::ConnectionLost(_) => "connection_lost",
            Self::Refused(_) => "refused",
            Self::Unexpected(_) => "unexpected",
            Self::DeadlineExceeded => "deadline",
            Self::Closed => "closed",
        }
    }

    /// Whether the command may have been carried out although it failed.
    pub fn is_uncertain(&self) -> bool {
        matches!(
            self,
            Self::CommandTimeout { .. }
                | Self::ConnectionLost(_)
                | Self::Unexpected(_)
                | Self::DeadlineExceeded
        )
    }
}

/// What a command on an open connection came to.
impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => {
                Self::Refused(error)
            }
            ErrorKind::UnexpectedReturnType => Self::Unexpected(error),
            // What cannot be parsed leaves nobody knowing where the next answer begins.
            _ => Self::ConnectionLost(error),
        }
    }
}
