//! A request as the bytes that go on the wire.

use std::borrow::Cow;
use std::io::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{ExchangeFailure, Outgoing, Target};

/// What may not stand in a request line as it is.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'#');

/// Writes the head, and the body after it, over what `out` held. `standing` are the header lines
/// that every request carries, ready to be copied.
pub(super) fn write_request(
    out: &mut Vec<u8>,
    target: &Target,
    standing: &[u8],
    request: &Outgoing<'_>,
) -> Result<(), ExchangeFailure> {
    out.clear();
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.path_prefix.as_bytes());
    out.extend_from_slice(path(request.path).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(target.authority.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(standing);
    for (name, value) in request.headers {
        let name: HeaderName = name.parse().map_err(|_| ExchangeFailure::BadRequest)?;
        let value = HeaderValue::from_str(value).map_err(|_| ExchangeFailure::BadRequest)?;
        header_line(out, &name, &value);
    }
    if let Some(body) = request.body {
        let _ = write!(out, "content-length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(request.body.unwrap_or_default());
    Ok(())
}

/// Header lines as they stand in a request.
pub(super) fn header_lines(headers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers {
        header_line(&mut out, name, value);
    }
    out
}

fn header_line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Encodes what would break the request line; most paths are as they should be.
pub(super) fn path(path: &str) -> Cow<'_, str> {
    if path.is_empty() {
        Cow::Borrowed("/")
    } else {
        utf8_percent_encode(path, NOT_IN_PATHS).into()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn written(request: &Outgoing<'_>) -> Result<String, ExchangeFailure> {
        let target = Target::resolve("http://127.0.0.1:81/base").unwrap();
        let mut out = b"what was there before".to_vec();
        write_request(&mut out, &target, b"x-standing: 1\r\n", request)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn head_and_body_are_written_in_order() {
        let headers = [("Content-Type".to_owned(), "text/plain".to_owned())];
        let request = Outgoing {
            method: &Method::POST,
            path: "/a b?q=1",
            headers: &headers,
            body: Some(b"hello"),
            keep: false,
        };
        assert_eq!(
            written(&request).unwrap(),
            "POST /base/a%20b?q=1 HTTP/1.1\r\nhost: 127.0.0.1:81\r\nx-standing: 1\r\ncontent-type: text/plain\r\n\
             content-length: 5\r\n\r\nhello"
        );
    }

    #[test]
    fn a_value_cannot_smuggle_a_second_request_in() {
        let request = Outgoing {
            method: &Method::GET,
            path: "/x HTTP/1.1\r\n\r\nGET /y",
            headers: &[],
            body: None,
            keep: false,
        };
        assert_eq!(written(&request).unwrap().matches("\r\n\r\n").count(), 1);
        let headers = [("x-name".to_owned(), "a\r\nb: c".to_owned())];
        let request = Outgoing {
            method: &Method::GET,
            path: "/",
            headers: &headers,
            body: None,
            keep: false,
        };
        assert_eq!(written(&request).unwrap_err(), ExchangeFailure::BadRequest);
    }
}
