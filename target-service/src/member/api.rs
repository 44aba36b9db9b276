//! The HTTP of members.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Member, MemberError, Nickname, NicknameChange, Registration, RegistrationError};
use crate::clock::Clock;
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::{Json, Path, Query};
use crate::http::list::{CursorQuery, List};
use crate::http::{Code, FieldError, Problem, class};
use crate::ids::MemberId;
use crate::mail::MailError;
use crate::outbox::RelaySoon;

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Members {
    pub database: Database,
    pub clock: Clock,
    pub relay_soon: RelaySoon,
}

pub fn routes(members: Members) -> OpenApiRouter {
    let realtime = OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(find))
        .routes(routes!(rename))
        .layer(class::of(RouteClass::Realtime));
    OpenApiRouter::new()
        .routes(routes!(nickname_history))
        .merge(realtime)
        .with_state(members)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegisterBody {
    /// At most 254 characters; unique without regard to case.
    email: String,
    /// 1 to 10 characters as a reader counts them, without control characters.
    nickname: String,
    /// A calendar day from 1900-01-01 to today.
    #[schema(value_type = String, format = Date)]
    birth_date: String,
}

/// Registers a member.
#[utoipa::path(post, path = "/members", operation_id = "register_member", tag = "member", request_body = RegisterBody, responses(
    (status = 201, description = "The new member", body = Member, headers(("Location" = String, description = "Path of the member"))),
    Conflict, Invalid, Other,
))]
async fn register(
    State(members): State<Members>,
    ctx: RequestContext,
    Json(body): Json<RegisterBody>,
) -> Result<Response, Problem> {
    let now = members.clock.now();
    let today = members.clock.day_of(now);
    let registration = Registration::parse(&body.email, &body.nickname, &body.birth_date, today)?;
    let member = super::register(
        &members.database,
        &members.relay_soon,
        &ctx,
        &registration,
        now,
    )
    .await?;
    let location = format!("/members/{}", member.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(member)).into_response())
}

/// A member.
#[utoipa::path(get, path = "/members/{id}", operation_id = "find_member", tag = "member", params(("id" = MemberId, Path)), responses(
    (status = 200, description = "The member", body = Member),
    NotFound, Other,
))]
async fn find(
    State(members): State<Members>,
    ctx: RequestContext,
    Path(id): Path<MemberId>,
) -> Result<Json<Member>, Problem> {
    Ok(Json(super::find(&members.database, &ctx, id).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenameBody {
    /// 1 to 10 characters as a reader counts them, without control characters.
    nickname: String,
}

/// Changes the nickname.
#[utoipa::path(patch, path = "/members/{id}/nickname", operation_id = "rename_member", tag = "member", params(("id" = MemberId, Path)),
    request_body = RenameBody, responses(
    (status = 200, description = "The member", body = Member),
    NotFound, Invalid, Other,
))]
async fn rename(
    State(members): State<Members>,
    ctx: RequestContext,
    Path(id): Path<MemberId>,
    Json(body): Json<RenameBody>,
) -> Result<Json<Member>, Problem> {
    let nickname = Nickname::parse(&body.nickname)
        .map_err(|error| Problem::invalid_field("nickname", error.code(), error.to_string()))?;
    let member = super::rename(&members.database, &ctx, id, &nickname, &members.clock).await?;
    Ok(Json(member))
}

/// Every nickname that the member has had, newest first.
#[utoipa::path(get, path = "/members/{id}/nicknames", operation_id = "list_nicknames", tag = "member",
    params(("id" = MemberId, Path), CursorQuery), responses(
    (status = 200, description = "One page", body = List<NicknameChange>),
    NotFound, Invalid, Other,
))]
async fn nickname_history(
    State(members): State<Members>,
    ctx: RequestContext,
    Path(id): Path<MemberId>,
    Query(query): Query<CursorQuery>,
) -> Result<Json<List<NicknameChange>>, Problem> {
    let name = format!("members/{id}/nicknames");
    let (before, size) = (query.before(&name)?, query.size()?);
    let page = super::nickname_history(&members.database, &ctx, id, before, size).await?;
    Ok(Json(List::by_cursor(page, &name)))
}

impl From<MemberError> for Problem {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotFound => Self::new(Code::MemberNotFound),
            MemberError::EmailTaken => Self::new(Code::EmailTaken),
            MemberError::Mail(MailError::Down) => Self::new(Code::MailUnavailable),
            MemberError::Mail(MailError::Mailbox(error)) | MemberError::Database(error) => {
                error.into()
            }
        }
    }
}

impl From<RegistrationError> for Problem {
    fn from(error: RegistrationError) -> Self {
        let field = |field: &str, code: &'static str, detail: String| FieldError {
            field: field.to_owned(),
            code: code.into(),
            detail,
        };
        let email = error.email.map(|e| field("email", e.code(), e.to_string()));
        let nickname = error
            .nickname
            .map(|e| field("nickname", e.code(), e.to_string()));
        let birth_date = error
            .birth_date
            .map(|e| field("birth_date", e.code(), e.to_string()));
        Self::invalid(
            [email, nickname, birth_date]
                .into_iter()
                .flatten()
                .collect(),
        )
    }
}
