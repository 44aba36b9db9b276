//! Problem documents (RFC 9457).

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Code;

pub const CONTENT_TYPE_PROBLEM: &str = "application/problem+json";

/// Why a request was not done, on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
}

/// One field that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path in the body, or the parameter's name: `items[2].name`.
    pub field: String,
    /// What is wrong with it, as a stable name.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// What is wrong with it, for people.
    pub detail: String,
}

/// The document as clients see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// A name for the kind of problem, as a URI.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// Stable: programs may depend on it.
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Every field that is not valid; only with the code `invalid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
        }
    }

    /// Adds what is particular to this case.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// 422, naming every field that is not valid.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            code: Code::Invalid,
            detail: None,
            errors,
        }
    }

    /// 422 for one field.
    pub fn invalid_field(
        field: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self::invalid(vec![FieldError {
            field: field.into(),
            code: code.into(),
            detail: detail.into(),
        }])
    }

    pub fn code(&self) -> Code {
        self.code
    }

    pub fn document(self) -> ProblemDocument {
        let row = self.code.row();
        ProblemDocument {
            kind: format!("urn:problem:{}", row.code),
            title: row.title,
            status: row.status.as_u16(),
            code: row.code,
            detail: self.detail,
            errors: self.errors,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, row) = (self.code, self.code.row());
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = row.status;
        // For whoever counts the answers.
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_PROBLEM));
        if let Some(seconds) = row.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
