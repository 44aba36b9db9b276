//! What becomes of work whose client has gone (`request.abandoned`).
//!
//! hyper drops a handler when its client disconnects, which cures a service of wasted work by accident. A
//! server with a thread for each request has no such luck: with `continue` the work runs in a task of its own.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use tokio_util::task::TaskTracker;

use super::config::Abandoned;
use super::error::Code;
use super::problem::Problem;

#[derive(Debug, Clone)]
pub struct Abandonment {
    pub policy: Abandoned,
    /// Every request's work, so that a shutdown can wait for what nobody else waits for.
    pub work: TaskTracker,
}

pub async fn abandon(
    State(abandonment): State<Abandonment>,
    request: Request,
    next: Next,
) -> Response {
    let mut client = Client { is_waiting: true };
    let response = match abandonment.policy {
        Abandoned::Cancel => next.run(request).await,
        Abandoned::Continue => {
            let work = abandonment.work.spawn(next.run(request));
            work.await
                .unwrap_or_else(|_| Problem::new(Code::Internal).into_response())
        }
    };
    client.is_waiting = false;
    response
}

/// Counts a client that goes before its answer is there.
struct Client {
    is_waiting: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.is_waiting {
            counter!("target_http_requests_abandoned_total").increment(1);
        }
    }
}
