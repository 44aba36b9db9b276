//! The parameters of a query string.

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::fields;
use crate::http::{Code, FieldError, Problem};

#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    // The form decoder would put replacement characters where bytes are no UTF-8.
    percent_decode_str(query)
        .decode_utf8()
        .map_err(|error| Problem::new(Code::MalformedQuery).with_detail(error.to_string()))?;
    let parameters = form_urlencoded::parse(query.as_bytes());
    T::deserialize(serde_urlencoded::Deserializer::new(parameters)).map_err(|_| {
        let stand_ins = [String::new(), "1".to_owned()];
        let parameters = parameters.into_owned().collect();
        fields::refused(parameters, &stand_ins, first_error::<T>)
    })
}

fn first_error<T: DeserializeOwned>(parameters: &[(String, String)]) -> Option<FieldError> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let parameters = form_urlencoded::parse(query.as_bytes());
    let read: Result<T, _> =
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(parameters));
    read.err().map(|error| fields::error(&error))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Paging {
        size: Option<u8>,
        cursor: Option<String>,
    }

    fn refused(query: &str) -> Value {
        serde_json::to_value(parse::<Paging>(query).unwrap_err().document()).unwrap()
    }

    #[test]
    fn parameters_are_decoded() {
        let paging = parse::<Paging>("size=7&cursor=a%20b%2B").unwrap();
        assert_eq!(
            paging,
            Paging {
                size: Some(7),
                cursor: Some("a b+".to_owned())
            }
        );
        assert_eq!(
            parse::<Paging>("").unwrap(),
            Paging {
                size: None,
                cursor: None
            }
        );
    }

    #[test]
    fn a_parameter_that_is_unknown_wrong_or_there_twice_is_named() {
        for (query, field) in [
            ("pages=2", "pages"),
            ("size=many", "size"),
            ("size=300", "size"),
            ("size=1&size=2", "size"),
        ] {
            let document = refused(query);
            assert_eq!(
                (&document["code"], &document["errors"][0]["field"]),
                (&"invalid".into(), &field.into())
            );
        }
    }

    #[test]
    fn every_parameter_that_is_not_valid_is_named() {
        let document = refused("size=many&pages=2&cursor=a&cursor=b");
        let errors = document["errors"].as_array().unwrap();
        let named: Vec<_> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, ["size", "pages", "cursor"]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_malformed() {
        assert_eq!(refused("cursor=%FF")["code"], "malformed_query");
    }
}
