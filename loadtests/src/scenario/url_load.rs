//! A load that is described by arguments alone: `squall run http://127.0.0.1:8080/ --rate 200 --duration 30s`.
//!
//! The arguments are written as a scenario and read like one, so that both obey the same rules.

use std::time::Duration;

use reqwest::Url;
use toml::{Table, Value};

use crate::units::format_duration;

use super::diagnostic::{Diagnostics, Location};
use super::document::Source;
use super::plan::{Options, Plan};
use super::resolve::resolve;

/// One request, again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlLoad {
    pub url: String,
    /// Arrivals per second.
    pub rate: f64,
    pub duration: Duration,
    pub method: String,
    /// `Name: value`, as curl takes them.
    pub headers: Vec<String>,
    pub body: Option<String>,
    /// Rules in goose's syntax.
    pub thresholds: Vec<String>,
}

impl Plan {
    /// Settles a load on one address.
    pub fn from_url(load: &UrlLoad, options: &Options) -> Result<Self, Diagnostics> {
        let text = load.as_scenario()?.to_string();
        resolve(&Source::argument("the command line", &text), &text, options)
    }
}

impl UrlLoad {
    fn as_scenario(&self) -> Result<Table, Diagnostics> {
        let url = Url::parse(&self.url).map_err(|error| {
            let message = format!("is no address ({error}): write http://host:port/path");
            Diagnostics::one(Location::whole(self.url.as_str()), message)
        })?;
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        base.set_fragment(None);
        let path = url.query().map_or_else(
            || url.path().to_owned(),
            |query| format!("{}?{query}", url.path()),
        );
        let mut step = table([
            ("method", self.method.to_ascii_uppercase().into()),
            ("path", path.into()),
        ]);
        step.insert("headers".into(), self.header_table()?.into());
        if let Some(body) = &self.body {
            step.insert("body".into(), body.as_str().into());
        }
        let phase = table([
            ("name", "load".into()),
            ("duration", format_duration(self.duration).into()),
            ("rate", self.rate.into()),
        ]);
        let journey = table([("name", "request".into()), ("steps", list([step]))]);
        let thresholds = self
            .thresholds
            .iter()
            .map(|rule| table([("rule", rule.as_str().into())]));
        Ok(table([
            ("name", "run".into()),
            (
                "title",
                format!(
                    "{} {} at {}/s",
                    self.method.to_ascii_uppercase(),
                    self.url,
                    self.rate
                )
                .into(),
            ),
            ("target", table([("base_url", base.as_str().into())]).into()),
            ("phases", list([phase])),
            ("journeys", list([journey])),
            ("thresholds", list(thresholds)),
        ]))
    }

    fn header_table(&self) -> Result<Table, Diagnostics> {
        self.headers
            .iter()
            .map(|header| {
                let (name, value) = header.split_once(':').ok_or_else(|| {
                    let at = Location::whole(format!("--header {header:?}"));
                    Diagnostics::one(at, "is not \"Name: value\"")
                })?;
                Ok((name.trim().to_owned(), value.trim().into()))
            })
            .collect()
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn list(tables: impl IntoIterator<Item = Table>) -> Value {
    Value::Array(tables.into_iter().map(Value::Table).collect())
}
