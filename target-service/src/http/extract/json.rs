//! A JSON body.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::Value;
use serde_json::error::Category;
use tokio::time::timeout;

use super::fields;
use super::in_order::InOrder;
use crate::http::{Code, FieldError, Problem};

/// As an argument: the body, read as `T`. As an answer: `T` as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// How much of a body is read, and for how long; put into the request by the router.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// In bytes.
    pub max: usize,
    pub timeout: Duration,
}

/// So much of a body that is too large is read and thrown away: a client that has sent all of it before it
/// reads the answer gets to see the answer.
const DRAINED_TIMES_MAX: usize = 64;

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let limits = *request.extensions().get::<BodyLimits>().ok_or_else(|| {
            tracing::error!("a route is served outside of the body limits");
            Problem::new(Code::Internal)
        })?;
        let declared = declared_length(request.headers());
        let body = timeout(
            limits.timeout,
            read(request.into_body(), declared, limits.max),
        )
        .await
        .map_err(|_| Problem::new(Code::BodyTimeout))??;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let mut response = Response::new(Body::from(body));
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

/// `application/json` or a type that ends in `+json`, whatever parameters follow.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut body: Body, declared: Option<usize>, max: usize) -> Result<Bytes, Problem> {
    let mut read = BytesMut::with_capacity(declared.unwrap_or_default().min(max));
    let mut total = 0;
    if declared.is_some_and(|length| length > max * DRAINED_TIMES_MAX) {
        return Err(too_large(max));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Problem::new(Code::MalformedBody).with_detail(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        total += data.len();
        if total <= max {
            read.extend_from_slice(&data);
        } else if total > max * DRAINED_TIMES_MAX {
            break;
        }
    }
    if total > max {
        Err(too_large(max))
    } else {
        Ok(read.freeze())
    }
}

fn too_large(max: usize) -> Problem {
    Problem::new(Code::BodyTooLarge).with_detail(format!("a body has at most {max} bytes"))
}

/// The derived readers take a struct's fields from an array too, one by one; a body has names.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        let read: Result<Value, _> = serde_json::from_slice(body);
        return Err(read.map_or_else(|error| malformed(&error), |_| no_object()));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => match serde_json::from_slice(body) {
            Ok(InOrder(read)) => fields::refused(read, &stand_ins(), first_error::<T>),
            Err(error) => malformed(&error),
        },
        _ => malformed(&error),
    })
}

fn no_object() -> Problem {
    Problem::invalid_field(".", "wrong_type", "the body must be a JSON object")
}

fn first_error<T: DeserializeOwned>(fields: &[(String, Value)]) -> Option<FieldError> {
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
    let read: Result<T, serde_path_to_error::Error<serde_json::Error>> =
        serde_path_to_error::deserialize(MapDeserializer::new(fields));
    read.err().map(|error| fields::error(&error))
}

/// One of each type that a field of a body has.
fn stand_ins() -> [Value; 4] {
    [
        Value::from(""),
        Value::from(0),
        Value::from(false),
        Value::Null,
    ]
}

/// The message ends with line and column.
fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson).with_detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sized {
        size: i64,
    }

    fn refused(body: &[u8]) -> (Code, Value) {
        let problem = parse::<Sized>(body).unwrap_err();
        let document = serde_json::to_value(problem.clone().document()).unwrap();
        (problem.code(), document)
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_position() {
        for (body, position) in [
            (&b"{\"size\": 2"[..], "line 1 column 10"),
            (b"{\"more\": 1,\n]", "line 2 column 1"),
            (b"", "line 1 column 0"),
            (b"{\"size\": 1} 2", "line 1 column 13"),
            (b" [1,\n}", "line 2 column 1"),
        ] {
            let (code, document) = refused(body);
            assert_eq!(code, Code::MalformedJson);
            let detail = document["detail"].as_str().unwrap();
            assert!(detail.ends_with(position), "{detail}");
        }
    }

    #[test]
    fn only_an_object_is_a_body() {
        assert_eq!(
            parse::<Sized>(b" \n{\"size\": 7} ").unwrap(),
            Sized { size: 7 }
        );
        for body in [&b"[7]"[..], b" []", b"5", b"null", b"\"size\""] {
            let (code, document) = refused(body);
            assert_eq!(code, Code::Invalid);
            let detail = document["errors"][0]["detail"].as_str().unwrap();
            assert_eq!(detail, "the body must be a JSON object");
        }
    }

    #[test]
    fn details_name_no_types_of_rust() {
        let (_, document) = refused(b"{\"size\": \"7\"}");
        let detail = &document["errors"][0]["detail"];
        assert_eq!(
            detail,
            "invalid type: string \"7\", expected an integer of 64 bits"
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_are_malformed_and_not_invalid() {
        for body in [&b"[\"\xff\"]"[..], b"{\"size\": \"\xff\"}"] {
            assert_eq!(refused(body).0, Code::MalformedJson);
        }
    }

    #[test]
    fn a_type_with_parameters_is_the_type() {
        let json = |content_type: &str| {
            is_json(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                content_type.parse().unwrap(),
            )]))
        };
        assert!(json("application/json"));
        assert!(json("Application/JSON; charset=utf-8"));
        assert!(json("application/merge-patch+json"));
        assert!(!json("text/json"));
        assert!(!json("application/jsonp"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
