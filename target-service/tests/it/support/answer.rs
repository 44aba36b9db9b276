//! An answer of the service.

use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null where the body is no JSON.
    pub body: Value,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().unwrap().to_owned())
    }

    /// That it is a problem document, complete, and this one.
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type").as_deref(),
            Some("application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.body["status"], status, "{self:?}");
        assert_eq!(self.body["code"], code, "{self:?}");
        assert!(
            self.body["type"].is_string() && self.body["title"].is_string(),
            "{self:?}"
        );
        assert_eq!(
            self.headers.contains_key("retry-after"),
            status == 503 || status == 429,
            "{self:?}"
        );
        assert_eq!(
            self.body["errors"].is_array(),
            code == "invalid",
            "{self:?}"
        );
    }

    /// Field and code of each field error.
    pub fn field_errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no field errors: {self:?}"));
        errors
            .iter()
            .map(|error| {
                (
                    error["field"].as_str().unwrap(),
                    error["code"].as_str().unwrap(),
                )
            })
            .collect()
    }
}
