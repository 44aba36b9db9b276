//! A response body that keeps its request's context until its last byte is handed to the connection.
//!
//! With `db.hold = "request"` the context keeps the database connection, so the connection is free only when
//! the client has taken the answer. For that the body must be handed over piece by piece: the server takes a
//! whole body at once into its buffer, however slowly the client reads.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::context::RequestContext;

const PIECE: usize = 16 * 1024;

/// For the routes whose connection is held through rendering and sending.
pub async fn hold_until_sent(request: Request, next: Next) -> Response {
    let ctx = request.extensions().get::<RequestContext>().cloned();
    let response = next.run(request).await;
    match ctx {
        Some(ctx) => response.map(|body| {
            Body::new(Held {
                body,
                rest: Bytes::new(),
                _ctx: ctx,
            })
        }),
        None => response,
    }
}

struct Held {
    body: Body,
    /// What is left of the piece that the inner body gave.
    rest: Bytes,
    _ctx: RequestContext,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::ids::RequestId;

    #[tokio::test]
    async fn the_body_comes_in_pieces_and_the_context_ends_with_the_last() {
        let kept = Arc::new(());
        let ctx = RequestContext::new(RequestId::generate(), None, Arc::default());
        ctx.keep(Arc::clone(&kept));
        let mut held = Held {
            body: Body::from(vec![7; PIECE + 1]),
            rest: Bytes::new(),
            _ctx: ctx,
        };
        assert_eq!(held.size_hint().exact(), Some(PIECE as u64 + 1));

        let first = held.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first.len(), held.is_end_stream()), (PIECE, false));
        assert_eq!(Arc::strong_count(&kept), 2);
        let last = held.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((last.len(), held.is_end_stream()), (1, true));
        drop(held);
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
