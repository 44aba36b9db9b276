//! One request of a journey, and its answer.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::http::Incoming;

/// A request, built step by step, for [`step`](fn@super::step).
///
/// A step succeeds when its answer is complete and its status is accepted: any below 400, or those
/// named by [`expect`](Self::expect).
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) expected: Vec<u16>,
    pub(super) keep: bool,
    /// What makes repeated requests one.
    pub(super) key: Option<Key>,
    /// Statuses beyond the usual ones that may pass by themselves.
    pub(super) passing: &'static [u16],
    /// One of many that ask the same: its failure is not the arrival's, and it is not repeated.
    pub(super) is_poll: bool,
}

/// An idempotency key, wherever in the request it stands.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Long and random enough to stand for nothing else in the request.
    pub(super) text: String,
    /// The code of the problem that says that nothing can be had under this key any more.
    pub(super) spent_by: Option<&'static str>,
}

impl Request {
    /// `path` begins with a slash and may hold a query.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            name: None,
            headers: Vec::new(),
            body: None,
            expected: Vec::new(),
            keep: true,
            key: None,
            passing: &[],
            is_poll: false,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    pub fn patch(path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// How figures and thresholds call it, such as `GET /posts/{id}`; by default method and path.
    /// Name what has ids in its path: names beyond the first 500 are counted together.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A JSON body, with its content type.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// The statuses that count as success; further calls add to them.
    pub fn expect(mut self, statuses: &[u16]) -> Self {
        self.expected.extend_from_slice(statuses);
        self
    }

    /// Reads the answer to its end and drops it: cheaper, and large answers take no memory.
    pub fn discard(mut self) -> Self {
        self.keep = false;
        self
    }

    pub(super) fn keyed(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    pub(super) fn passing(mut self, statuses: &'static [u16]) -> Self {
        self.passing = statuses;
        self
    }

    pub(super) fn poll(mut self) -> Self {
        self.is_poll = true;
        self
    }

    /// The same request under another key: the `renewals`-th after its own.
    pub(super) fn renewed(&self, renewals: u32) -> Cow<'_, Self> {
        let Some(key) = self.key.as_ref().filter(|_| renewals > 0) else {
            return Cow::Borrowed(self);
        };
        let renewed = format!("{}.{renewals}", key.text);
        let mut request = self.clone();
        for (_, value) in &mut request.headers {
            *value = value.replace(&key.text, &renewed);
        }
        if let Some(body) = &mut request.body {
            *body = String::from_utf8_lossy(body)
                .replace(&key.text, &renewed)
                .into_bytes();
        }
        Cow::Owned(request)
    }

    pub(super) fn accepts(&self, status: u16) -> bool {
        if self.expected.is_empty() {
            status < 400
        } else {
            self.expected.contains(&status)
        }
    }

    pub(super) fn shown_name(&self) -> Cow<'_, str> {
        match &self.name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{} {}", self.method, self.path)),
        }
    }
}

/// A complete and accepted answer.
#[derive(Debug)]
pub struct Answer(pub(super) Incoming);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Empty when the request was to [`discard`](Request::discard) its answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Empty when the request was to [`discard`](Request::discard) its answer.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0.body)
    }

    /// The `code` of an RFC 9457 problem document.
    pub(super) fn problem(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Problem {
            code: String,
        }
        self.json::<Problem>().ok().map(|problem| problem.code)
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_key_takes_the_place_of_the_old_one_wherever_it_stands() {
        let request = Request::post("/members/5/points/charge")
            .header("idempotency-key", "5-abc")
            .body(r#"{"amount":5,"idempotency_key":"5-abc"}"#)
            .keyed(Key {
                text: "5-abc".into(),
                spent_by: None,
            });
        assert_eq!(request.renewed(0).headers[0].1, "5-abc");
        let renewed = request.renewed(2);
        assert_eq!(renewed.headers[0].1, "5-abc.2");
        let body = renewed.body.as_deref().map(String::from_utf8_lossy);
        let wanted = r#"{"amount":5,"idempotency_key":"5-abc.2"}"#;
        assert_eq!(body.as_deref(), Some(wanted));
        assert_eq!(renewed.path, request.path);
        let keyless = Request::post("/posts").body("5-abc");
        assert_eq!(keyless.renewed(2).body, keyless.body);
    }
}
