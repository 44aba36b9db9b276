//! `[[journeys]]`: what one arrival does at any HTTP service, without Rust.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::document::{Node, Value};
use crate::scenario::names;
use crate::scenario::reader::Section;
use crate::scenario::template::{TAKEN, Template};
use crate::scenario::trial::{Expectation, Extract, JourneyDefinition, StepDefinition};
use crate::scenario::values::{FromNode, Name};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(crate) fn read(root: &mut Section<'_>) -> Vec<JourneyDefinition> {
    let sections = root.sections("journeys", "[[journeys]]");
    let places: Vec<_> = sections
        .iter()
        .map(|section| section.at().clone())
        .collect();
    let read: Vec<_> = sections.into_iter().map(read_journey).collect();
    let named = read.iter().zip(&places);
    let named = named.filter_map(|(journey, at)| Some((journey.as_ref()?.name.as_str(), at)));
    names::report_repeated("journey", named, root.problems());
    read.into_iter().flatten().collect()
}

fn read_journey(mut section: Section<'_>) -> Option<JourneyDefinition> {
    let name = section.required::<Name>("name", "\"browse_shop\"");
    let sections = section.sections("steps", "a step");
    if sections.is_empty() {
        section.missing("steps", "[{ method = \"GET\", path = \"/\" }]");
    }
    let mut known = BTreeSet::new();
    let steps = sections.into_iter().map(|step| read_step(step, &mut known));
    let steps: Vec<_> = steps.collect();
    section.close();
    Some(JourneyDefinition {
        name: name?.0,
        steps: steps.into_iter().collect::<Option<_>>()?,
    })
}

/// `known`: the variables that the steps before have extracted; this one's are added.
fn read_step(mut section: Section<'_>, known: &mut BTreeSet<String>) -> Option<StepDefinition> {
    for key in ["path", "headers", "body"] {
        if let Some(node) = section.node(key) {
            check_templates(&section, key, node, known);
        }
    }
    let extracted = section.entries("extract").iter();
    known.extend(extracted.map(|entry| entry.key.clone()));
    let method = section
        .optional::<Method>("method")
        .map_or("GET", |method| method.0);
    let path = section.required::<Path>("path", "\"/items/{{id}}\"");
    let name = section.optional::<String>("name");
    let mut headers = read_headers(&mut section);
    let body = section.optional::<Body>("body");
    if body.as_ref().is_some_and(|body| body.json) {
        headers
            .entry("content-type".to_owned())
            .or_insert_with(|| "application/json".to_owned());
    }
    let expect = section
        .section("expect", "expect of a step")
        .map(read_expectation)
        .unwrap_or_default();
    let extract = read_extracts(&mut section);
    section.close();
    let path = path?.0;
    Some(StepDefinition {
        name: name.unwrap_or_else(|| format!("{method} {path}")),
        method: method.to_owned(),
        path,
        headers,
        body: body.map(|body| body.text),
        expect,
        extract,
    })
}

/// Every text in it, however deep, at its own place.
fn check_templates(section: &Section<'_>, key: &str, node: &Node, known: &BTreeSet<String>) {
    let check = |node: &Node| check_templates(section, key, node, known);
    match &node.value {
        Value::Text(text) => {
            if let Err(complaint) = Template::parse(text, known) {
                section.complain(key, node, &complaint);
            }
        }
        Value::Array(nodes) => nodes.iter().for_each(check),
        Value::Table(table) => {
            for entry in &table.entries {
                // Names of headers are no texts of the journey's.
                if key == "body"
                    && let Err(complaint) = Template::parse(&entry.key, known)
                {
                    let message = format!("the key \"{}\" {complaint}", entry.key);
                    section.problems().report(&entry.key_at, message);
                }
                check(&entry.node);
            }
        }
        _ => {}
    }
}

/// Header names in lower case, with their values.
pub(crate) fn read_headers(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for entry in section.entries("headers") {
        let name = http::HeaderName::from_bytes(entry.key.as_bytes());
        match (name, HeaderText::from_node(&entry.node)) {
            (Ok(name), Ok(value)) => {
                headers.insert(name.to_string(), value.0);
            }
            (Err(_), _) => section.problems().report(
                &entry.key_at,
                format!("\"{}\" is not the name of a header", entry.key),
            ),
            (_, Err(complaint)) => section.complain(&entry.key, &entry.node, &complaint),
        }
    }
    headers
}

fn read_expectation(mut section: Section<'_>) -> Expectation {
    let status = section
        .optional::<Statuses>("status")
        .map(|statuses| statuses.0)
        .unwrap_or_default();
    let body_contains = section.optional("body_contains");
    section.close();
    Expectation {
        status,
        body_contains,
    }
}

fn read_extracts(section: &mut Section<'_>) -> BTreeMap<String, Extract> {
    let mut extracts = BTreeMap::new();
    for entry in section.entries("extract") {
        if let Err(complaint) = names::check_variable(&entry.key) {
            let message = format!("the variable \"{}\" has a name that {complaint}", entry.key);
            section.problems().report(&entry.key_at, message);
        }
        if TAKEN.contains(&entry.key.as_str()) {
            let message = format!(
                "{{{{{}}}}} has a meaning of its own: choose another name",
                entry.key
            );
            section.problems().report(&entry.key_at, message);
        }
        match Extract::from_node(&entry.node) {
            Ok(extract) => {
                extracts.insert(entry.key.clone(), extract);
            }
            Err(complaint) => section.complain(&entry.key, &entry.node, &complaint),
        }
    }
    extracts
}

struct Method(&'static str);

impl FromNode for Method {
    fn from_node(node: &Node) -> Result<Self, String> {
        let written = String::from_node(node)?;
        METHODS
            .iter()
            .find(|method| **method == written)
            .map(|method| Self(method))
            .ok_or_else(|| format!("is \"{written}\": it is one of {}", METHODS.join(", ")))
    }
}

struct Path(String);

impl FromNode for Path {
    fn from_node(node: &Node) -> Result<Self, String> {
        let path = String::from_node(node)?;
        if !path.starts_with('/') && !path.starts_with("{{") {
            return Err(format!(
                "is \"{path}\": it must begin with \"/\"; the host is [target] base_url"
            ));
        }
        if outside_braces(&path).any(|c| c.is_whitespace() || c.is_control()) {
            return Err("holds a space or control character: encode it, such as %20".to_owned());
        }
        Ok(Self(path))
    }
}

/// What is sent as it is written.
fn outside_braces(text: &str) -> impl Iterator<Item = char> {
    text.split("{{").enumerate().flat_map(|(index, part)| {
        let filled_in = part.find("}}").filter(|_| index > 0);
        part[filled_in.map_or(0, |end| end + 2)..].chars()
    })
}

struct HeaderText(String);

impl FromNode for HeaderText {
    fn from_node(node: &Node) -> Result<Self, String> {
        let text = node
            .text()
            .ok_or_else(|| format!("must be a text, not {}", node.kind()))?;
        http::HeaderValue::from_str(text)
            .map_err(|_| "holds characters that a header cannot carry".to_owned())?;
        Ok(Self(text.to_owned()))
    }
}

/// A text as it is, or a table or list that is sent as JSON.
struct Body {
    text: String,
    json: bool,
}

impl FromNode for Body {
    fn from_node(node: &Node) -> Result<Self, String> {
        let (text, json) = match &node.value {
            Value::Text(text) => (text.clone(), false),
            Value::Table(_) | Value::Array(_) => (node.to_json().to_string(), true),
            _ => {
                return Err(format!(
                    "must be a text, or a table that is sent as JSON, not {}",
                    node.kind()
                ));
            }
        };
        Ok(Self { text, json })
    }
}

struct Statuses(Vec<u16>);

impl FromNode for Statuses {
    fn from_node(node: &Node) -> Result<Self, String> {
        let one = |node: &Node| match node.value {
            Value::Integer(status) if (100..=599).contains(&status) => Ok(status as u16),
            Value::Integer(status) => Err(format!("is {status}: a status is between 100 and 599")),
            _ => Err(format!(
                "must be a status such as 200, or a list of them, not {}",
                node.kind()
            )),
        };
        match &node.value {
            Value::Array(nodes) => nodes.iter().map(one).collect::<Result<_, _>>().map(Self),
            _ => one(node).map(|status| Self(vec![status])),
        }
    }
}

impl FromNode for Extract {
    fn from_node(node: &Node) -> Result<Self, String> {
        const FORM: &str = "write a JSON pointer such as \"/id\", or { header = \"location\" }";
        let pointer = |text: &str| {
            let valid = text.is_empty() || text.starts_with('/');
            valid
                .then(|| Self::Json(text.to_owned()))
                .ok_or_else(|| format!("is \"{text}\": {FORM}"))
        };
        match &node.value {
            Value::Text(text) => pointer(text),
            Value::Table(table) => match table.entries.as_slice() {
                [entry] if entry.key == "header" => {
                    let name = String::from_node(&entry.node)?;
                    http::HeaderName::from_bytes(name.as_bytes())
                        .map_err(|_| format!("is \"{name}\", which is not the name of a header"))?;
                    Ok(Self::Header(name))
                }
                [entry] if entry.key == "json" => pointer(&String::from_node(&entry.node)?),
                _ => Err(format!("is unknown: {FORM}")),
            },
            _ => Err(format!("must be a text, not {}: {FORM}", node.kind())),
        }
    }
}
