//! The metrics of single exchanges, by OpenTelemetry's names for clients.

use std::borrow::Cow;

use metrics::histogram;
use tokio::time::Instant;

use super::Operation;
use super::error::AttemptError;

/// Times one exchange, also one whose caller leaves.
pub(super) struct Exchange {
    operation: Operation,
    begun: Instant,
    status: Option<u16>,
    error: &'static str,
}

impl Exchange {
    pub(super) fn begin(operation: Operation) -> Self {
        Self {
            operation,
            begun: Instant::now(),
            status: None,
            error: "cancelled",
        }
    }

    pub(super) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    pub(super) fn ended<T>(&mut self, result: &Result<T, AttemptError>) {
        self.error = result.as_ref().err().map_or("", AttemptError::kind);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let status = self
            .status
            .map_or(Cow::Borrowed(""), |status| status.to_string().into());
        histogram!(
            "http_client_request_duration_seconds",
            "http_request_method" => self.operation.method(),
            "url_template" => self.operation.template(),
            "http_response_status_code" => status,
            "error_type" => self.error,
        )
        .record(self.begun.elapsed());
    }
}
