//! Asks the service whether it would take a configuration, without starting it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::error::EnvironmentError;
use super::programs::Programs;
use super::service::{FAULT_POINT, Surroundings, put_key, with_addresses};
use crate::scenario::LabSpec;
use serde::Deserialize;

/// The status of a refused configuration.
const REFUSED: i32 = 2;
/// Never connected to.
const NO_DATABASE: &str = "postgres://nobody@127.0.0.1:1/none";
const NO_GATEWAY: &str = "http://127.0.0.1:1";
const NO_REDIS: &str = "redis://127.0.0.1:1/";

/// Why the service does not take a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// `db.pool.max_size`; `None` when it is not about a key of the configuration.
    pub key: Option<String>,
    pub reason: String,
}

/// `None`: it takes the lab's configuration of it, with the addresses that the lab adds.
///
/// `dies_at`: a point at which it is to die later, which not every build does.
pub fn refusal(
    programs: &Programs,
    lab: &LabSpec,
    dies_at: Option<&str>,
) -> Result<Option<Refusal>, EnvironmentError> {
    let program = programs.target_service()?;
    let failed = |source| EnvironmentError::File {
        what: "writing",
        path: std::env::temp_dir(),
        source,
    };
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    let surroundings = Surroundings {
        database: NO_DATABASE.to_owned(),
        gateway: lab.gateway.as_ref().map(|_| NO_GATEWAY.to_owned()),
        redis: lab.redis.then(|| NO_REDIS.to_owned()),
    };
    let mut config = with_addresses(&lab.service, &surroundings, 0, 0);
    if let Some(point) = dies_at {
        put_key(&mut config, FAULT_POINT, point);
    }
    file.write_all(config.to_string().as_bytes())
        .map_err(failed)?;
    ask(&program, file.path())
}

fn ask(program: &Path, config: &Path) -> Result<Option<Refusal>, EnvironmentError> {
    let output = Command::new(program)
        .args(["check", "--json", "--config"])
        .arg(config)
        .output()
        .map_err(|source| EnvironmentError::Spawn {
            program: program.display().to_string(),
            source,
        })?;
    if output.status.success() {
        return Ok(None);
    }
    // Another status, or something else in its place, is no answer to the question.
    match serde_json::from_slice(&output.stdout) {
        Ok(refusal) if output.status.code() == Some(REFUSED) => Ok(Some(refusal)),
        _ => Err(EnvironmentError::Failed {
            program: program.display().to_string(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        }),
    }
}
