//! A client's connection as hyper sees it.
//!
//! hyper answers a request that it cannot read by itself: a status, no body, no problem document, and no way
//! to say otherwise. Those answers, and no others, stop here, so that the server can write its own.
//! They are told apart by what none of the service's has: an error's status without a content type. hyper
//! reads a request only when all of the answer before is written, so that they come in a write of their own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    withheld: Option<StatusCode>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            withheld: None,
        }
    }

    /// The stream, and the status of the answer that has been kept from it.
    pub(super) fn into_parts(self) -> (TcpStream, Option<StatusCode>) {
        (self.stream, self.withheld)
    }
}

/// The status, if these bytes are an answer of hyper's own.
fn status_of_hypers_own(written: &[u8]) -> Option<StatusCode> {
    let version = written.strip_prefix(b"HTTP/1.")?;
    let status = StatusCode::from_bytes(version.get(2..5)?).ok()?;
    let is_of_parser = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    if !is_of_parser || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = std::str::from_utf8(written).ok()?.to_ascii_lowercase();
    (!text.contains("\r\ncontent-type:")).then_some(status)
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(status) = status_of_hypers_own(bytes) {
            self.withheld = Some(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices {
            return self.poll_write(cx, bytes);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_errors_head_without_content_type_is_hypers_own() {
        let status = |text: &str| status_of_hypers_own(text.as_bytes()).map(|s| s.as_u16());
        for (first_line, expected) in [
            ("HTTP/1.1 400 Bad Request", Some(400)),
            ("HTTP/1.0 431 Request Header Fields Too Large", Some(431)),
            ("HTTP/1.1 414 URI Too Long", Some(414)),
            ("HTTP/1.1 404 Not Found", None),
            ("HTTP/1.1 200 OK", None),
            ("HTTP/1.", None),
        ] {
            let own = format!("{first_line}\r\ncontent-length: 0\r\n\r\n");
            assert_eq!(status(&own), expected, "{own}");
            let answer = format!("{first_line}\r\ncontent-type: application/problem+json\r\n\r\n");
            assert_eq!(status(&answer), None, "{answer}");
        }
        assert_eq!(status("HTTP/1.1 400 Bad Request\r\n\r\n{}"), None);
    }
}
