//! Journeys written in TOML: checked when the load is prepared, then carried out step by step.

use std::collections::BTreeSet;
use std::sync::Arc;

use goose::goose::{GooseUser, TransactionError, TransactionFunction, TransactionResult};
use http::{HeaderName, Method};

use crate::scenario::{Expectation, Extract, JourneyDefinition, StepDefinition, Template};

use super::arrival;
use super::error::JourneyError;
use super::request::{Answer, Request};
use super::step::step_checked;
use super::template::{Values, fill};

struct PreparedStep {
    name: String,
    method: Method,
    path: Template,
    headers: Vec<(String, Template)>,
    body: Option<Template>,
    expect: Expectation,
    extract: Vec<(String, Extract)>,
}

/// The definition as a goose transaction.
///
/// # Errors
/// A scenario file has been checked for all of it, with its lines; other definitions have not.
/// Everything that can be wrong with it: templates, variables that no earlier step extracts, JSON
/// pointers, header names, methods.
pub(super) fn prepare(definition: &JourneyDefinition) -> Result<TransactionFunction, JourneyError> {
    let mut known = BTreeSet::new();
    let mut steps = Vec::new();
    for step in &definition.steps {
        steps.push(prepare_step(&definition.name, step, &known)?);
        known.extend(step.extract.keys().cloned());
    }
    let steps: Arc<[PreparedStep]> = steps.into();
    Ok(Arc::new(move |user| {
        Box::pin(carry_out(user, Arc::clone(&steps)))
    }))
}

fn prepare_step(
    journey: &str,
    step: &StepDefinition,
    known: &BTreeSet<String>,
) -> Result<PreparedStep, JourneyError> {
    let wrong = |problem: String| JourneyError::Step {
        journey: journey.to_owned(),
        step: step.name.clone(),
        problem,
    };
    let template = |part, text: &str| {
        Template::parse(text, known).map_err(|problem| JourneyError::Template {
            journey: journey.to_owned(),
            step: step.name.clone(),
            part,
            problem,
        })
    };
    let mut headers = Vec::new();
    for (name, value) in &step.headers {
        name.parse::<HeaderName>()
            .map_err(|_| wrong(format!("{name:?} is no header name")))?;
        headers.push((name.clone(), template("headers", value)?));
    }
    for from in step.extract.values() {
        check_extract(from).map_err(wrong)?;
    }
    if !step.path.starts_with('/') && !step.path.starts_with("{{") {
        return Err(wrong(format!(
            "the path {:?} must begin with a slash",
            step.path
        )));
    }
    Ok(PreparedStep {
        name: step.name.clone(),
        method: step
            .method
            .parse()
            .map_err(|_| wrong(format!("{:?} is no method", step.method)))?,
        path: template("path", &step.path)?,
        headers,
        body: step
            .body
            .as_deref()
            .map(|body| template("body", body))
            .transpose()?,
        expect: step.expect.clone(),
        extract: step
            .extract
            .iter()
            .map(|(name, from)| (name.clone(), from.clone()))
            .collect(),
    })
}

fn check_extract(from: &Extract) -> Result<(), String> {
    match from {
        Extract::Json(pointer) if !pointer.is_empty() && !pointer.starts_with('/') => Err(format!(
            "{pointer:?} is no JSON pointer: it begins with a slash, as in \"/items/0/id\""
        )),
        Extract::Header(name) if name.parse::<HeaderName>().is_err() => {
            Err(format!("{name:?} is no header name"))
        }
        _ => Ok(()),
    }
}

async fn carry_out(user: &mut GooseUser, steps: Arc<[PreparedStep]>) -> TransactionResult {
    let mut values = Values::default();
    for prepared in steps.iter() {
        let request = prepared.request(&values);
        let (_, extracted) = step_checked(user, request, |answer| prepared.read(answer)).await?;
        for (name, value) in extracted {
            values.set(name, value);
        }
    }
    Ok::<(), Box<TransactionError>>(())
}

impl PreparedStep {
    fn request(&self, values: &Values) -> Request {
        let bits = || arrival::draw(rand::Rng::next_u64);
        let fill = |template: &Template| fill(template, values, arrival::seq(), bits);
        let mut request =
            Request::new(self.method.clone(), fill(&self.path)).named(self.name.clone());
        request = request.expect(&self.expect.status);
        for (name, value) in &self.headers {
            request = request.header(name, fill(value));
        }
        if let Some(body) = &self.body {
            request = request.body(fill(body));
        }
        if self.extract.is_empty() && self.expect.body_contains.is_none() {
            request.discard()
        } else {
            request
        }
    }

    /// What is extracted; `None` when the answer is not as expected.
    fn read(&self, answer: &Answer) -> Option<Vec<(&str, String)>> {
        if let Some(text) = &self.expect.body_contains
            && !answer.text().contains(text)
        {
            return None;
        }
        let needs_json = self
            .extract
            .iter()
            .any(|(_, from)| matches!(from, Extract::Json(_)));
        let body: serde_json::Value = if needs_json {
            answer.json().ok()?
        } else {
            serde_json::Value::Null
        };
        let value = |from: &Extract| match from {
            Extract::Json(pointer) => match body.pointer(pointer)? {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Null => None,
                other => Some(other.to_string()),
            },
            Extract::Header(name) => answer.headers().get(name)?.to_str().ok().map(str::to_owned),
        };
        self.extract
            .iter()
            .map(|(name, from)| Some((name.as_str(), value(from)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::journey::http::Incoming;

    fn step(path: &str, extract: &[(&str, Extract)]) -> StepDefinition {
        StepDefinition {
            name: path.into(),
            method: "GET".into(),
            path: path.into(),
            headers: BTreeMap::new(),
            body: None,
            expect: Expectation::default(),
            extract: extract
                .iter()
                .map(|(name, from)| ((*name).to_owned(), from.clone()))
                .collect(),
        }
    }

    fn error(steps: Vec<StepDefinition>) -> String {
        prepare(&JourneyDefinition {
            name: "j".into(),
            steps,
        })
        .map(|_| ())
        .unwrap_err()
        .to_string()
    }

    #[test]
    fn a_variable_must_have_been_extracted_before() {
        let id = [("id", Extract::Json("/id".into()))];
        let good = JourneyDefinition {
            name: "j".into(),
            steps: vec![step("/a", &id), step("/a/{{id}}", &[])],
        };
        assert!(prepare(&good).is_ok());
        let text = error(vec![step("/a/{{id}}", &id)]);
        assert!(
            text.contains("no earlier step") && text.contains("/a/{{id}}") && text.contains("path"),
            "{text}"
        );
        let text = error(vec![step("/a", &id), step("/a/{{ID}}", &[])]);
        assert!(text.contains("it is one of id,"), "{text}");
    }

    #[test]
    fn pointers_names_and_methods_are_checked() {
        assert!(
            error(vec![step("/", &[("id", Extract::Json("id".into()))])]).contains("JSON pointer")
        );
        assert!(
            error(vec![step("/", &[("id", Extract::Header("a b".into()))])])
                .contains("header name")
        );
        assert!(error(vec![step("posts", &[])]).contains("slash"));
        assert!(
            error(vec![StepDefinition {
                method: "GE T".into(),
                ..step("/", &[])
            }])
            .contains("method")
        );
    }

    #[test]
    fn answers_are_read_or_found_wanting() {
        let mut definition = step("/", &[("id", Extract::Json("/items/0/id".into()))]);
        definition.expect.body_contains = Some("items".into());
        let prepared = prepare_step("j", &definition, &BTreeSet::new()).unwrap();
        let answer = |body: &str| {
            Answer(Incoming {
                status: 200,
                body: body.into(),
                ..Incoming::default()
            })
        };
        assert_eq!(
            prepared.read(&answer(r#"{"items": [{"id": 7}]}"#)),
            Some(vec![("id", "7".to_owned())])
        );
        assert_eq!(prepared.read(&answer(r#"{"items": []}"#)), None);
        assert_eq!(prepared.read(&answer("items, but no JSON")), None);
        assert_eq!(prepared.read(&answer(r#"{"id": 7}"#)), None);
    }
}
