//! The head of an answer: status, framing, and whether the connection can be used again.
//!
//! The framing follows RFC 9112, section 6.3.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::body::Framing;

/// More than this before the body is no answer that anyone means to send.
pub(super) const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;

/// What came is not an HTTP/1 answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    /// How many bytes it took.
    pub(super) length: usize,
    /// Empty unless wanted.
    pub(super) headers: HeaderMap,
}

impl AnswerHead {
    /// `None`: more bytes are needed.
    pub(super) fn parse(
        bytes: &[u8],
        method: &Method,
        keep_headers: bool,
    ) -> Result<Option<Self>, Malformed> {
        let mut slots = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Response::new(&mut slots);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() <= MOST_HEAD_BYTES => return Ok(None),
            _ => return Err(Malformed),
        };
        let status = parsed.code.ok_or(Malformed)?;
        let fields = Fields::read(parsed.headers)?;
        let framing = fields.framing(status, method)?;
        let persistent = if parsed.version == Some(1) {
            !fields.close
        } else {
            fields.keep_alive
        };
        let headers = if keep_headers {
            copied(parsed.headers)?
        } else {
            HeaderMap::new()
        };
        Ok(Some(Self {
            status,
            framing,
            keep_alive: persistent && framing != Framing::UntilClose,
            length,
            headers,
        }))
    }
}

/// The last transfer coding: the one that frames the body.
#[derive(Clone, Copy)]
enum Coding {
    Chunked,
    Other,
}

/// The fields that decide how the answer goes on.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    coding: Option<Coding>,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = text(header.value)?.parse().map_err(|_| Malformed)?;
                if fields
                    .length
                    .replace(length)
                    .is_some_and(|before| before != length)
                {
                    return Err(Malformed);
                }
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                let last = text(header.value)?
                    .rsplit(',')
                    .next()
                    .unwrap_or_default()
                    .trim();
                let chunked = last.eq_ignore_ascii_case("chunked");
                fields.coding = Some(if chunked {
                    Coding::Chunked
                } else {
                    Coding::Other
                });
            } else if header.name.eq_ignore_ascii_case("connection") {
                for option in text(header.value)?.split(',').map(str::trim) {
                    fields.close |= option.eq_ignore_ascii_case("close");
                    fields.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            }
        }
        Ok(fields)
    }

    fn framing(&self, status: u16, method: &Method) -> Result<Framing, Malformed> {
        let without_body = method == Method::HEAD || matches!(status, 100..=199 | 204 | 304);
        match (without_body, self.coding, self.length) {
            // Nobody asked for another protocol.
            _ if status == 101 => Err(Malformed),
            (true, ..) | (_, None, Some(0)) => Ok(Framing::None),
            (_, Some(Coding::Chunked), _) => Ok(Framing::chunked()),
            (_, Some(Coding::Other), _) | (_, None, None) => Ok(Framing::UntilClose),
            (_, None, Some(length)) => Ok(Framing::Length(length)),
        }
    }
}

fn text(value: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(value)
        .map(str::trim)
        .map_err(|_| Malformed)
}

fn copied(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, Malformed> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Malformed)?;
        map.append(
            name,
            HeaderValue::from_bytes(header.value).map_err(|_| Malformed)?,
        );
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<AnswerHead>, Malformed> {
        AnswerHead::parse(text.as_bytes(), &Method::GET, true)
    }

    fn framing(text: &str) -> Framing {
        parse(text).unwrap().unwrap().framing
    }

    #[test]
    fn the_framing_follows_the_rules_of_http() {
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            Framing::Length(5)
        );
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            Framing::None
        );
        assert_eq!(
            framing(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
            ),
            Framing::chunked()
        );
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n"), Framing::UntilClose);
        assert_eq!(framing("HTTP/1.1 204 No Content\r\n\r\n"), Framing::None);
        assert_eq!(
            framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
            Framing::None
        );
        let head = AnswerHead::parse(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            &Method::HEAD,
            false,
        );
        assert_eq!(head.unwrap().unwrap().framing, Framing::None);
    }

    #[test]
    fn a_connection_is_kept_by_version_and_wish() {
        let kept = |text: &str| parse(text).unwrap().unwrap().keep_alive;
        assert!(kept("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(!kept(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n"
        ));
        assert!(!kept("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
        assert!(kept(
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
        ));
        assert!(
            !kept("HTTP/1.1 200 OK\r\n\r\n"),
            "a body that ends with the connection ends it"
        );
    }

    #[test]
    fn garbage_is_refused_and_half_a_head_waits() {
        assert!(parse("SSH-2.0-OpenSSH_9.2\r\n").is_err());
        assert!(
            parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n").is_err()
        );
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n").is_err());
        assert!(parse("HTTP/1.1 101 Switching Protocols\r\n\r\n").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Le").unwrap().is_none());
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(MOST_HEAD_BYTES));
        assert!(parse(&endless).is_err());
    }

    #[test]
    fn headers_are_copied_only_when_wanted() {
        let text = "HTTP/1.1 201 Created\r\nLocation: /posts/7\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(
            parse(text).unwrap().unwrap().headers["location"],
            "/posts/7"
        );
        let dropped = AnswerHead::parse(text.as_bytes(), &Method::POST, false)
            .unwrap()
            .unwrap();
        assert!(dropped.headers.is_empty());
        assert_eq!(dropped.length, text.len());
    }
}
