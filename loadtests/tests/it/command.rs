//! Runs the `squall` command as a user does, and reads what it leaves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What one call of the command came to.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Everything it said, for the message of a failed assertion.
    pub fn all(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The command with these arguments, in a folder that holds no scenarios.
pub fn squall(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = squall(folder, arguments).output().unwrap();
    Ended {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs a scenario of its own to its end, in a folder that is gone after that.
pub fn run_scenario(text: &str) -> (Ended, Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    let ended = run(folder.path(), &["run", "x.toml", "--out", "out"]);
    let record = record(&folder.path().join("out"));
    (ended, record)
}

/// The record that a run wrote.
pub fn record(out: &Path) -> Value {
    let path: PathBuf = out.join("record.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Every phase of every round of every arm.
pub fn phases(record: &Value) -> Vec<&Value> {
    let array = |value: &'_ Value, key: &str| value[key].as_array().unwrap().len();
    let mut phases = Vec::new();
    for arm in 0..array(record, "arms") {
        let arm = &record["arms"][arm];
        for round in 0..array(arm, "rounds") {
            let round = &arm["rounds"][round];
            phases.extend(round["phases"].as_array().unwrap());
        }
    }
    phases
}

/// offered = ok + failed + unsent, in every phase.
pub fn assert_accounts_balance(record: &Value) {
    let phases = phases(record);
    assert!(!phases.is_empty());
    for phase in phases {
        let count = |name: &str| phase[name].as_u64().unwrap();
        assert_eq!(
            count("offered"),
            count("ok") + count("failed") + count("unsent"),
            "{phase}"
        );
    }
}
