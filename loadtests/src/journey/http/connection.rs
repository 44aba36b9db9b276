//! One HTTP/1.1 connection: a request out, an answer in, nothing shared and nothing spawned.

use std::io::{self, ErrorKind};

use http::Method;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::measure::Outcome;

use super::answer_head::AnswerHead;
use super::{ExchangeFailure, Incoming, Marks, Resource, Target};

/// Enough for most answers in one read; grows for heads, never for bodies.
const READ_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read and not yet used.
    inbox: Vec<u8>,
    /// Whether an answer has come over it before.
    used: bool,
}

/// How an exchange broke, and whether the answer had begun.
#[derive(Debug)]
pub(super) enum Broken {
    /// No byte of the answer had come: an old connection may just have been closed by its server.
    BeforeAnswer,
    Failed(ExchangeFailure),
}

impl Connection {
    pub(super) async fn open(target: &Target, user: u32) -> Result<Self, ExchangeFailure> {
        let opened = connect(target, user).await;
        let stream = opened.map_err(|error| match Resource::missing_by(&error) {
            Some(resource) => ExchangeFailure::Exhausted(resource),
            None => ExchangeFailure::Failed(Outcome::Connect),
        })?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
            used: false,
        })
    }

    /// Whether it can carry another request: its server has neither closed it nor said anything unasked.
    pub(super) fn is_idle(&self) -> bool {
        let mut unasked = [0; 1];
        // Costs a system call only when the system has already announced something.
        let quiet = self.stream.try_read(&mut unasked);
        self.inbox.is_empty()
            && matches!(quiet, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    pub(super) fn was_used(&self) -> bool {
        self.used
    }

    /// Sends and receives. Returns the answer and whether the connection can be used again.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        method: &Method,
        keep: bool,
        marks: &impl Marks,
    ) -> Result<(Incoming, bool), Broken> {
        marks.sent();
        let written = self.stream.write_all(request).await;
        // A server may refuse a body before it has all of it: its answer is then waiting to be read.
        if written.is_err() && !self.answer_is_waiting().await {
            return Err(Broken::BeforeAnswer);
        }
        let head = self.head(method, keep, marks).await?;
        let mut answer = Incoming {
            status: head.status,
            headers: head.headers,
            body: Vec::new(),
        };
        let mut framing = head.framing;
        self.inbox.drain(..head.length);
        loop {
            let kept = keep.then_some(&mut answer.body);
            let taken = framing.advance(&self.inbox, kept).map_err(|_| protocol())?;
            self.inbox.drain(..taken);
            if framing.is_done() {
                break;
            }
            match self.read_more().await {
                Ok(0) if framing == super::body::Framing::UntilClose => break,
                Ok(0) | Err(_) => {
                    return Err(Broken::Failed(ExchangeFailure::Failed(Outcome::BodyCut)));
                }
                Ok(_) => {}
            }
        }
        marks.last_byte();
        self.used = true;
        // Bytes beyond the answer would be taken for the next one.
        Ok((answer, head.keep_alive && self.inbox.is_empty()))
    }

    /// Reads up to the end of the head that is not interim.
    async fn head(
        &mut self,
        method: &Method,
        keep: bool,
        marks: &impl Marks,
    ) -> Result<AnswerHead, Broken> {
        let mut begun = false;
        loop {
            if begun {
                match AnswerHead::parse(&self.inbox, method, keep) {
                    Ok(Some(head)) if (100..200).contains(&head.status) => {
                        self.inbox.drain(..head.length);
                        continue;
                    }
                    Ok(Some(head)) => return Ok(head),
                    Ok(None) => {}
                    Err(_) => return Err(protocol()),
                }
            }
            match self.read_more().await {
                Ok(0) if begun => return Err(protocol()),
                Ok(0) => return Err(Broken::BeforeAnswer),
                Ok(_) if !begun => {
                    marks.first_byte();
                    begun = true;
                }
                Ok(_) => {}
                Err(_) if !begun => return Err(Broken::BeforeAnswer),
                Err(_) => return Err(Broken::Failed(ExchangeFailure::Failed(Outcome::Reset))),
            }
        }
    }

    async fn answer_is_waiting(&mut self) -> bool {
        matches!(self.stream.peek(&mut [0; 1]).await, Ok(1))
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        self.inbox.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.inbox).await
    }
}

fn protocol() -> Broken {
    Broken::Failed(ExchangeFailure::Failed(Outcome::Protocol))
}

async fn connect(target: &Target, user: u32) -> io::Result<TcpStream> {
    let socket = if target.address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    if let Some(source) = target.source(user) {
        socket.bind((source, 0).into())?;
    }
    let stream = socket.connect(target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
