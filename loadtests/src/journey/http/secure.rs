//! https through reqwest, with its pool, TLS and HTTP/2.

use futures_util::StreamExt as _;
use http::HeaderMap;

use crate::measure::Outcome;

use super::request_bytes::path;
use super::{ExchangeFailure, Incoming, Marks, Outgoing, Resource, Target};

#[derive(Debug)]
pub(super) struct SecureClient {
    client: reqwest::Client,
    base_url: String,
}

impl SecureClient {
    pub(super) fn new(target: &Target, headers: HeaderMap) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            client,
            base_url: target.base_url.clone(),
        })
    }

    pub(super) async fn exchange(
        &self,
        request: Outgoing<'_>,
        marks: &impl Marks,
    ) -> Result<Incoming, ExchangeFailure> {
        let url = format!("{}{}", self.base_url, path(request.path));
        let mut builder = self.client.request(request.method.clone(), url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.body(body.to_vec());
        }
        let built = builder.build().map_err(|_| ExchangeFailure::BadRequest)?;
        marks.sent();
        let response = self
            .client
            .execute(built)
            .await
            .map_err(|error| failure(&error))?;
        marks.first_byte();
        let mut answer = Incoming {
            status: response.status().as_u16(),
            ..Incoming::default()
        };
        if request.keep {
            answer.headers = response.headers().clone();
        }
        let mut body = response.bytes_stream();
        while let Some(part) = body.next().await {
            let part = part.map_err(|_| ExchangeFailure::Failed(Outcome::BodyCut))?;
            if request.keep {
                answer.body.extend_from_slice(&part);
            }
        }
        marks.last_byte();
        Ok(answer)
    }
}

fn failure(error: &reqwest::Error) -> ExchangeFailure {
    if let Some(resource) = io_cause(error).and_then(Resource::missing_by) {
        return ExchangeFailure::Exhausted(resource);
    }
    ExchangeFailure::Failed(classify(error))
}

/// Which of our outcomes a reqwest error is.
fn classify(error: &reqwest::Error) -> Outcome {
    if error.is_timeout() {
        return Outcome::Timeout;
    }
    if error.is_connect() {
        return Outcome::Connect;
    }
    if error.is_body() || error.is_decode() {
        return Outcome::BodyCut;
    }
    let parse = causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse);
    if parse {
        Outcome::Protocol
    } else {
        Outcome::Reset
    }
}

fn io_cause(error: &reqwest::Error) -> Option<&std::io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}
