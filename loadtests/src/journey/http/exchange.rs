//! A user's HTTP client: one connection, kept as long as its server keeps it.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::measure::Outcome;

use super::connection::{Broken, Connection};
use super::request_bytes::{header_lines, write_request};
use super::secure::SecureClient;
use super::{ExchangeFailure, Incoming, Marks, Outgoing, Target};

/// What all users' clients share.
#[derive(Debug)]
pub struct Shared {
    target: Target,
    /// Header lines that every request carries.
    standing: Vec<u8>,
    /// For https.
    secure: Option<SecureClient>,
}

impl Shared {
    pub fn new(target: Target, headers: HeaderMap) -> Result<Self, reqwest::Error> {
        let standing = header_lines(&headers);
        let secure = if target.secure {
            Some(SecureClient::new(&target, headers)?)
        } else {
            None
        };
        Ok(Self {
            target,
            standing,
            secure,
        })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }
}

#[derive(Debug)]
pub struct HttpClient {
    shared: Arc<Shared>,
    user: u32,
    connection: Option<Connection>,
    /// The request being sent, its memory used again for the next.
    request: Vec<u8>,
}

impl HttpClient {
    pub fn new(shared: Arc<Shared>, user: u32) -> Self {
        Self {
            shared,
            user,
            connection: None,
            request: Vec::new(),
        }
    }

    /// Opens the connection ahead of the first request. Whether there is one now.
    pub async fn warm_up(&mut self) -> bool {
        if self.shared.secure.is_none() && self.connection.is_none() {
            self.connection = Connection::open(&self.shared.target, self.user).await.ok();
        }
        self.connection.is_some()
    }

    /// Drops the connection: an exchange on it was given up.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// One attempt, without a limit of time.
    ///
    /// A kept connection can be closed by its server in the moment it is used again. When it broke
    /// before any byte of the answer, and sending again is harmless because the method is
    /// idempotent, the request goes out once more on a new connection, within the same attempt
    /// (RFC 9112, section 9.3.1). On a connection opened for this very request nothing is repeated.
    pub async fn exchange(
        &mut self,
        request: Outgoing<'_>,
        marks: &impl Marks,
    ) -> Result<Incoming, ExchangeFailure> {
        let shared = Arc::clone(&self.shared);
        if let Some(secure) = &shared.secure {
            return secure.exchange(request, marks).await;
        }
        write_request(
            &mut self.request,
            &shared.target,
            &shared.standing,
            &request,
        )?;
        let kept = self.connection.take().filter(Connection::is_idle);
        let mut connection = match kept {
            Some(kept) => kept,
            None => Connection::open(&shared.target, self.user).await?,
        };
        loop {
            match connection
                .exchange(&self.request, request.method, request.keep, marks)
                .await
            {
                Ok((answer, reusable)) => {
                    self.connection = reusable.then_some(connection);
                    return Ok(answer);
                }
                Err(Broken::BeforeAnswer)
                    if connection.was_used() && is_idempotent(request.method) =>
                {
                    connection = Connection::open(&shared.target, self.user).await?;
                }
                Err(Broken::BeforeAnswer) => return Err(ExchangeFailure::Failed(Outcome::Reset)),
                Err(Broken::Failed(failure)) => return Err(failure),
            }
        }
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS | Method::TRACE
    )
}
