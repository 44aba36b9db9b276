//! One exchange with the gateway over HTTP/1.1, each of its steps bounded.
//!
//! The client of hyper-util keeps idle connections, and bounds neither how many there are nor how long a call
//! waits for one. A bulkhead around it does both.
//! Invariant: an error that says that no connection was made means that no byte of the request was sent.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics::counter;
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower::util::MapResponse;

use super::config::{GatewayUrl, HttpConfig};
use super::error::AttemptError;
use crate::idempotency;
use crate::resilience::bulkhead::{self, Bulkhead, Place};
use crate::resilience::timeout::{Bound, Timeouts};

/// More is no answer of this gateway.
const MAX_BODY: usize = 64 * 1024;
/// Shorter than what servers usually allow, so that seldom a call is sent into a connection that is closing.
const IDLE_FOR: Duration = Duration::from_secs(10);
/// The wait is bounded by `payment.timeout.place`.
const NO_BOUND: Duration = Duration::from_hours(24);

type Connection = TokioIo<TcpStream>;
type Connector = MapResponse<HttpConnector, fn(Connection) -> Connection>;

#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub method: Method,
    pub path: String,
    pub key: Option<String>,
    /// JSON.
    pub body: Bytes,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

#[derive(Debug)]
pub(super) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    url: GatewayUrl,
    connections: Bulkhead,
    keep_alive: AtomicBool,
    timeouts: Arc<Timeouts>,
}

impl Transport {
    pub(super) fn new(url: &GatewayUrl, config: &HttpConfig, timeouts: Arc<Timeouts>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        count_connections(0);
        let counted: fn(Connection) -> Connection = |connection| {
            count_connections(1);
            connection
        };
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE_FOR)
                .build(connector.map_response(counted)),
            url: url.clone(),
            connections: Bulkhead::new("payment_http", places(config)),
            keep_alive: AtomicBool::new(config.keep_alive),
            timeouts,
        }
    }

    pub(super) fn apply(&self, config: &HttpConfig) {
        self.connections.apply(places(config));
        self.keep_alive.store(config.keep_alive, Ordering::Relaxed);
    }

    /// The right to one connection.
    pub(super) async fn place(&self, deadline: Option<Instant>) -> Result<Place, AttemptError> {
        let entering = self.connections.enter(None);
        let entered = self
            .timeouts
            .within(Bound::Place, deadline, entering)
            .await
            .map_err(AttemptError::NoConnection)?;
        Ok(entered?)
    }

    pub(super) async fn exchange(
        &self,
        outgoing: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<Answer, AttemptError> {
        let exchange = async {
            let response = self.send(self.request(outgoing)?, deadline).await?;
            let (head, body) = response.into_parts();
            Ok(Answer {
                status: head.status.as_u16(),
                retry_after: retry_after(&head.headers),
                body: self.read(head.status.as_u16(), body, deadline).await?,
            })
        };
        self.timeouts
            .within(Bound::Total, deadline, exchange)
            .await
            .unwrap_or_else(|error| Err(AttemptError::NotAnsweredInTime(error)))
    }

    fn request(&self, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>, AttemptError> {
        let not_made = |error: http::Error| AttemptError::NotConnected(error.into());
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.url.authority().clone())
            .path_and_query(outgoing.path.as_str())
            .build()
            .map_err(not_made)?;
        let mut request = Request::builder()
            .method(outgoing.method.clone())
            .uri(uri)
            .header(HOST, self.url.authority().as_str());
        if let Some(key) = &outgoing.key {
            request = request.header(idempotency::HEADER, key);
        }
        if !outgoing.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if !self.keep_alive.load(Ordering::Relaxed) {
            request = request.header(CONNECTION, HeaderValue::from_static("close"));
        }
        request
            .body(Full::new(outgoing.body.clone()))
            .map_err(not_made)
    }

    /// Connecting and waiting for the answer are told apart: after the first nothing was sent.
    async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        deadline: Option<Instant>,
    ) -> Result<Response<Incoming>, AttemptError> {
        let mut connection = capture_connection(&mut request);
        let mut answer = pin!(self.client.request(request));
        let connected = async {
            let mut connected = pin!(async {
                drop(connection.wait_for_connection_metadata().await);
            });
            select! {
                biased;
                answered = &mut answer => Some(answered),
                () = &mut connected => None,
            }
        };
        let early = self
            .timeouts
            .within(Bound::Connect, deadline, connected)
            .await
            .map_err(AttemptError::NotConnectedInTime)?;
        let answered = match early {
            Some(answered) => answered,
            None => self
                .timeouts
                .within(Bound::Read, deadline, answer)
                .await
                .map_err(AttemptError::NotAnsweredInTime)?,
        };
        answered.map_err(broken)
    }

    async fn read(
        &self,
        status: u16,
        mut incoming: Incoming,
        deadline: Option<Instant>,
    ) -> Result<Bytes, AttemptError> {
        let mut body = BytesMut::new();
        loop {
            let frame = self
                .timeouts
                .within(Bound::Gap, deadline, incoming.frame())
                .await
                .map_err(AttemptError::NotAnsweredInTime)?;
            let Some(frame) = frame else {
                return Ok(body.freeze());
            };
            let frame = frame.map_err(|error| AttemptError::Reset(error.into()))?;
            if let Ok(data) = frame.into_data() {
                body.extend_from_slice(&data);
            }
            if body.len() > MAX_BODY {
                let reason = format!("more than {MAX_BODY} bytes");
                return Err(AttemptError::Unreadable { status, reason });
            }
        }
    }
}

fn count_connections(opened: u64) {
    counter!("target_payment_gateway_connections_opened_total").increment(opened);
}

fn places(config: &HttpConfig) -> bulkhead::Config {
    bulkhead::Config {
        enabled: true,
        max_concurrent: config.max_connections,
        max_waiting: u32::MAX,
        max_wait: NO_BOUND,
    }
}

fn broken(error: ClientError) -> AttemptError {
    if error.is_connect() {
        AttemptError::NotConnected(error.into())
    } else {
        AttemptError::Reset(error.into())
    }
}

/// In seconds; a date is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
