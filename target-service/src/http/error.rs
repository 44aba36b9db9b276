//! The one table of errors that a client can meet: stable code, status, title, and when to try again.

use http::StatusCode;

use super::problem::Problem;
use crate::database::DatabaseError;
use crate::lock::LockError;
use crate::redis::RedisError;

/// Seconds after which trying again makes sense, for what is over soon.
const SOON: Option<u32> = Some(1);

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub code: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
    /// Seconds.
    pub retry_after: Option<u32>,
}

macro_rules! codes {
    ($($name:ident => $code:literal, $status:ident, $title:literal, $retry_after:expr;)*) => {
        /// A stable name for what went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        code: $code,
                        status: StatusCode::$status,
                        title: $title,
                        retry_after: $retry_after,
                    }),*
                }
            }
        }
    };
}

codes! {
    // The request itself.
    MalformedRequest => "malformed_request", BAD_REQUEST, "The request is not valid HTTP", None;
    UriTooLong => "uri_too_long", URI_TOO_LONG, "The request's address is too long", None;
    HeadersTooLarge => "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too many or too long", None;
    MalformedJson => "malformed_json", BAD_REQUEST, "The body is not valid JSON", None;
    MalformedBody => "malformed_body", BAD_REQUEST, "The body could not be read", None;
    MalformedPath => "malformed_path", BAD_REQUEST, "The path is malformed", None;
    MalformedQuery => "malformed_query", BAD_REQUEST, "The query string is malformed", None;
    MalformedDeadline => "malformed_deadline", BAD_REQUEST, "X-Request-Deadline-Ms is not a number of milliseconds", None;
    RouteNotFound => "route_not_found", NOT_FOUND, "There is nothing at this path", None;
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not answer to this method", None;
    BodyTimeout => "body_timeout", REQUEST_TIMEOUT, "The body came too slowly", None;
    HeaderTimeout => "header_timeout", REQUEST_TIMEOUT, "The request's headers came too slowly", None;
    BodyTooLarge => "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large", None;
    UnsupportedMediaType => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json", None;
    Invalid => "invalid", UNPROCESSABLE_ENTITY, "Fields of the request are not valid", None;

    // The domains.
    MemberNotFound => "member_not_found", NOT_FOUND, "There is no such member", None;
    PostNotFound => "post_not_found", NOT_FOUND, "There is no such post", None;
    EmailTaken => "email_taken", CONFLICT, "This e-mail address is registered already", None;
    OrderNotFound => "order_not_found", NOT_FOUND, "There is no such order", None;
    SeatNotFound => "seat_not_found", NOT_FOUND, "There is no such seat", None;
    CouponNotFound => "coupon_not_found", NOT_FOUND, "There is no such coupon", None;
    SoldOut => "sold_out", CONFLICT, "All coupons have been issued", None;
    AlreadyIssued => "already_issued", CONFLICT, "The member has this coupon already", None;
    CouponsContended => "coupons_contended", SERVICE_UNAVAILABLE, "Too many asked for this coupon at once", SOON;
    SurveyNotFound => "survey_not_found", NOT_FOUND, "There is no such survey", None;
    MailUnavailable => "mail_unavailable", SERVICE_UNAVAILABLE, "Mails cannot be sent at the moment", SOON;
    InsufficientPoints => "insufficient_points", CONFLICT, "The member does not have so many points", None;
    SeatHeld => "seat_held", CONFLICT, "Somebody else holds this seat", None;
    SeatSold => "seat_sold", CONFLICT, "This seat is sold", None;
    OrderNotGranted => "order_not_granted", CONFLICT, "The order had ended before it was paid; the payment is given back", None;
    IdempotencyKeyReused => "idempotency_key_reused", UNPROCESSABLE_ENTITY, "This idempotency key was used for another request", None;
    PaymentDeclined => "payment_declined", PAYMENT_REQUIRED, "The payment was declined", None;
    PaymentFailed => "payment_failed", GATEWAY_TIMEOUT, "The payment failed: the gateway did not answer in time", None;
    PointsContended => "points_contended", SERVICE_UNAVAILABLE, "Too many changed the points of this member at once", SOON;
    LikesContended => "likes_contended", SERVICE_UNAVAILABLE, "Too many changed the likes of this post at once", SOON;
    IdempotencyKeyMissing => "idempotency_key_missing", BAD_REQUEST, "The header Idempotency-Key is missing", None;
    PaymentNotFound => "payment_not_found", NOT_FOUND, "There is no such payment", None;
    PaymentInProgress => "payment_in_progress", CONFLICT, "A payment with this idempotency key is under way", None;
    PaymentNotRefundable => "payment_not_refundable", CONFLICT, "The payment is in no state to be given back", None;
    PaymentNotCharged => "payment_not_charged", PAYMENT_REQUIRED, "The payment was not made", None;
    GatewayUnavailable => "gateway_unavailable", SERVICE_UNAVAILABLE, "Payments cannot be made at the moment", SOON;

    // The service's own state.
    NotReady => "not_ready", SERVICE_UNAVAILABLE, "The service is not ready for work", SOON;
    Overloaded => "overloaded", SERVICE_UNAVAILABLE, "The service has as much work as it takes on", SOON;
    PoolExhausted => "pool_exhausted", SERVICE_UNAVAILABLE, "All database connections are in use", SOON;
    DatabaseUnavailable => "database_unavailable", SERVICE_UNAVAILABLE, "The database cannot be reached", SOON;
    QueryTimeout => "query_timeout", SERVICE_UNAVAILABLE, "A database query took too long", SOON;
    LockHeld => "lock_held", SERVICE_UNAVAILABLE, "Somebody else is at it", SOON;
    LockLost => "lock_lost", SERVICE_UNAVAILABLE, "The lock was lost before the work was done", SOON;
    LockUnavailable => "lock_unavailable", SERVICE_UNAVAILABLE, "Locks cannot be had at the moment", SOON;
    LockTimeout => "lock_timeout", SERVICE_UNAVAILABLE, "Somebody else holds what the request needs", SOON;
    Deadlock => "deadlock", SERVICE_UNAVAILABLE, "Others waited for this request, and it for them", SOON;
    ShuttingDown => "shutting_down", SERVICE_UNAVAILABLE, "The service is shutting down", SOON;
    DeadlineExceeded => "deadline_exceeded", GATEWAY_TIMEOUT, "The request's deadline has passed", None;
    Internal => "internal", INTERNAL_SERVER_ERROR, "The service failed", None;
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        let code = match &error {
            DatabaseError::PoolTimeout { .. } => Code::PoolExhausted,
            DatabaseError::StatementTimeout => Code::QueryTimeout,
            DatabaseError::LockTimeout => Code::LockTimeout,
            DatabaseError::Deadlock => Code::Deadlock,
            DatabaseError::DeadlineExceeded => Code::DeadlineExceeded,
            DatabaseError::Closed => Code::ShuttingDown,
            DatabaseError::ConnectTimeout { .. }
            | DatabaseError::Connect(_)
            | DatabaseError::ConnectionLost(_)
            | DatabaseError::Unresponsive { .. } => {
                // Counted by its code. A line for each would be a second load when everything fails.
                tracing::debug!(%error, "the database is unavailable");
                Code::DatabaseUnavailable
            }
            // What the database says of a statement is for the log, not for clients.
            DatabaseError::Query(_) => {
                tracing::error!(%error, "a statement failed");
                Code::Internal
            }
        };
        Problem::new(code)
    }
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        Problem::new(match error {
            LockError::Held => Code::LockHeld,
            LockError::TimedOut { .. } => Code::LockTimeout,
            LockError::Unavailable(RedisError::DeadlineExceeded) => Code::DeadlineExceeded,
            LockError::Unavailable(_) | LockError::NoRedis => Code::LockUnavailable,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn codes_are_unique_and_written_alike() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.row().code).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in codes {
            assert!(
                code.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code}"
            );
        }
    }

    #[test]
    fn what_is_unavailable_says_when_to_try_again_and_nothing_else_does() {
        for code in Code::ALL {
            let row = code.row();
            let is_temporary = matches!(
                row.status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
            );
            assert_eq!(row.retry_after.is_some(), is_temporary, "{}", row.code);
        }
    }

    #[test]
    fn each_failure_of_the_database_has_its_answer() {
        let after = Duration::from_secs(1);
        let lost = || Arc::new(sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into()));
        for (error, code) in [
            (DatabaseError::PoolTimeout { after }, Code::PoolExhausted),
            (
                DatabaseError::ConnectTimeout { after },
                Code::DatabaseUnavailable,
            ),
            (DatabaseError::Connect(lost()), Code::DatabaseUnavailable),
            (
                DatabaseError::ConnectionLost(lost()),
                Code::DatabaseUnavailable,
            ),
            (
                DatabaseError::Unresponsive { after },
                Code::DatabaseUnavailable,
            ),
            (DatabaseError::StatementTimeout, Code::QueryTimeout),
            (DatabaseError::LockTimeout, Code::LockTimeout),
            (DatabaseError::Deadlock, Code::Deadlock),
            (DatabaseError::DeadlineExceeded, Code::DeadlineExceeded),
            (DatabaseError::Closed, Code::ShuttingDown),
            (
                DatabaseError::Query(Arc::new(sqlx::Error::RowNotFound)),
                Code::Internal,
            ),
        ] {
            let shown = format!("{error:?}");
            assert_eq!(Problem::from(error).code(), code, "{shown}");
        }
    }
}
