//! The answers with problems that operations document, for utoipa's `responses(...)`.

use utoipa::IntoResponses;

use super::ProblemDocument;

/// What is named in the path or the body does not exist.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
pub struct NotFound(pub ProblemDocument);

/// The request contradicts what is there already.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json")]
pub struct Conflict(pub ProblemDocument);

/// Fields are not valid or not known; `errors` names them.
#[derive(IntoResponses)]
#[response(status = 422, content_type = "application/problem+json")]
pub struct Invalid(pub ProblemDocument);

/// Any other problem.
#[derive(IntoResponses)]
#[response(status = "default", content_type = "application/problem+json")]
pub struct Other(pub ProblemDocument);
