//! Reads the configuration: defaults, then a TOML file, then the environment.
//!
//! `TARGET_SERVICE__DB__POOL__MAX_SIZE=20` is `db.pool.max_size = 20`.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize as _;
use toml::{Table, Value};

use super::Config;
use super::error::{ConfigError, NO_TOML};

const PREFIX: &str = "TARGET_SERVICE__";

/// `variables` are those of the environment; the ones of other programs are passed over.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut table = match file {
        Some(file) => read(file)?,
        None => Table::new(),
    };
    let mut config = parse(&table).map_err(|(key, reason)| ConfigError::Variable {
        variable: key,
        reason,
    })?;
    for (name, value) in ours(variables)? {
        let refuse = |reason: String| ConfigError::Variable {
            variable: name.clone(),
            reason,
        };
        set(&mut table, &path(&name), literal(&value)).map_err(refuse)?;
        // After each one, so that an error is the last one's.
        config = parse(&table).map_err(|(key, reason)| refuse(format!("{key}: {reason}")))?;
    }
    check(&config)?;
    Ok(config)
}

fn read(file: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Read {
        file: file.to_owned(),
        error,
    })?;
    let refuse = |key: String, error: toml::de::Error| ConfigError::File {
        file: file.to_owned(),
        key,
        error: Box::new(error),
    };
    let deserializer =
        toml::Deserializer::parse(&text).map_err(|error| refuse(NO_TOML.to_owned(), error))?;
    // Read from the text itself, because only this way an error knows its line.
    serde_path_to_error::deserialize::<_, Config>(deserializer)
        .map_err(|error| refuse(error.path().to_string(), error.into_inner()))?;
    text.parse()
        .map_err(|error| refuse(NO_TOML.to_owned(), error))
}

fn parse(table: &Table) -> Result<Config, (String, String)> {
    let deserializer = Value::Table(table.clone());
    let mut track = serde_path_to_error::Track::new();
    Config::deserialize(serde_path_to_error::Deserializer::new(
        deserializer,
        &mut track,
    ))
    .map_err(|error| (track.path().to_string(), error.message().to_owned()))
}

fn check(config: &Config) -> Result<(), ConfigError> {
    config.knobs()?;
    config.telemetry.log.filter()?;
    if !config.admin.listen.ip().is_loopback() {
        return Err(ConfigError::AdminNotLoopback(config.admin.listen));
    }
    if config.http.max_body == 0 {
        return Err(ConfigError::NoBody);
    }
    Ok(())
}

/// Sorted, so that the same environment always gives the same error.
fn ours(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut ours = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let value = value.into_string().map_err(|_| ConfigError::Variable {
            variable: name.to_owned(),
            reason: "the value is not UTF-8".to_owned(),
        })?;
        ours.push((name.to_owned(), value));
    }
    ours.sort();
    Ok(ours)
}

fn path(variable: &str) -> Vec<String> {
    variable[PREFIX.len()..]
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Numbers and booleans are themselves, everything else is a string.
fn literal(value: &str) -> Value {
    if let Ok(number) = value.parse() {
        return Value::Integer(number);
    }
    if let Ok(truth) = value.parse() {
        return Value::Boolean(truth);
    }
    // Not `inf` or `nan`, which are words.
    let is_fraction = value.bytes().any(|byte| byte.is_ascii_digit());
    if let (true, Ok(number)) = (is_fraction, value.parse()) {
        return Value::Float(number);
    }
    Value::String(value.to_owned())
}

fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return Ok(());
    }
    match table
        .entry(key.clone())
        .or_insert_with(|| Value::Table(Table::new()))
    {
        Value::Table(inner) => set(inner, rest, value),
        _ => Err(format!("`{key}` is a value and has no keys")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let file = file(text);
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        load(Some(file.path()), variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
        let config = load_with(
            "[db]\npool.max_size = 20\nstatement_timeout = \"250ms\"\n",
            &[
                ("TARGET_SERVICE__DB__POOL__MAX_SIZE", "30"),
                ("UNRELATED__KEY", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.db.pool.max_size, 30);
        assert_eq!(config.db.statement_timeout, Duration::from_millis(250));
        assert_eq!(config.http.max_body, 65_536);
    }

    #[test]
    fn a_fraction_in_the_environment_is_a_number() {
        let share = "TARGET_SERVICE__PAYMENT__BREAKER__ERROR_SHARE";
        for (written, expected) in [("0.25", 0.25), ("1", 1.0), ("5e-1", 0.5)] {
            let config = load_with("", &[(share, written)]).unwrap();
            assert!((config.payment.breaker.error_share - expected).abs() < 1e-12);
        }
        assert!(load_with("", &[(share, "inf")]).is_err());
    }

    #[test]
    fn an_unknown_key_is_refused_with_file_line_and_path() {
        let error = load_with("[db.pool]\nmin_size = 1\nmaximum = 20\n", &[]).unwrap_err();
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains("db.pool.maximum"), "{error}");
        assert!(error.contains("max_size"), "{error}");
    }

    #[test]
    fn a_wrong_unit_is_refused_with_line_and_path() {
        let error = load_with("\n[http]\nshutdown_grace = \"5 seconds\"\n", &[]).unwrap_err();
        assert!(
            error.contains("line 3") && error.contains("http.shutdown_grace"),
            "{error}"
        );
    }

    #[test]
    fn a_variable_is_refused_by_its_name() {
        for (name, value) in [
            ("TARGET_SERVICE__DB__POOL__MAXIMUM", "20"),
            ("TARGET_SERVICE__DB__POOL__MAX_SIZE", "many"),
            ("TARGET_SERVICE__DB__POOL", "20"),
            ("TARGET_SERVICE__DB__STATEMENT_TIMEOUT__X", "20"),
            ("TARGET_SERVICE__", "20"),
        ] {
            let error = load_with("db.statement_timeout = \"1s\"", &[(name, value)]).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn values_that_make_no_sense_together_are_refused() {
        for text in [
            "db.pool.max_size = 0",
            "db.pool = { max_size = 5, min_size = 6 }",
            "admin.listen = \"0.0.0.0:0\"",
            "http.max_body = 0",
            "telemetry.log.filter = \"a=b=c\"",
            "calendar.time_zone = \"Mars/Olympus\"",
            "db.url = \"mysql://h/db\"",
            "payment.gateway.url = \"ftp://h\"",
            "payment.breaker.error_share = -0.5",
            "payment.breaker.half_open_calls = 0",
            "payment.rate_limit.burst = 0",
            "payment.throttle.multiplier = 0.5",
            "payment.retry.max_retries = 11",
            "payment.retry.budget.ratio = 1.5",
            "payment.http.max_connections = 0",
            "payment.queue.rate = 0",
            "payment.reconcile.attempts = 0",
        ] {
            let error = load_with(text, &[]).unwrap_err();
            let key = text.split([' ', '=']).next().unwrap().trim();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_refusal_is_told_apart_into_its_key_and_its_reason() {
        let refusal = |text: &str, variables: &[(&str, &str)]| {
            let file = file(text);
            let variables = variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()));
            let error = load(Some(file.path()), variables).unwrap_err();
            (error.key().map(str::to_owned), error.reason())
        };
        for (text, key, reason) in [
            (
                "db.pool.maximum = 20",
                "db.pool.maximum",
                "unknown field `maximum`",
            ),
            (
                "\n[http]\nshutdown_grace = 5",
                "http.shutdown_grace",
                "invalid type",
            ),
            ("db.pool.max_size = 0", "db.pool.max_size", ""),
            (
                "admin.listen = \"0.0.0.0:0\"",
                "admin.listen",
                "0.0.0.0:0 is no loopback",
            ),
            ("http.max_body = 0", "http.max_body", "a body of 0 bytes"),
        ] {
            let (found, why) = refusal(text, &[]);
            assert_eq!(found.as_deref(), Some(key), "{why}");
            assert!(why.starts_with(reason) && !why.contains('\n'), "{why}");
        }
        let (key, why) = refusal("db", &[]);
        assert_eq!(key, None, "{why}");
        let (key, why) = refusal("", &[("TARGET_SERVICE__DB__POOL__MAXIMUM", "20")]);
        assert_eq!(key, None);
        assert!(
            why.starts_with("TARGET_SERVICE__DB__POOL__MAXIMUM"),
            "{why}"
        );
    }

    #[test]
    fn a_file_that_is_a_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(Some(folder.path()), []).unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    }
}
