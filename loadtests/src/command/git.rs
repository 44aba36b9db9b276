//! The state of the source tree that this program was built from: evidence must name its commit.
//!
//! It is read when the run begins. `./squall` builds before it runs, so that it is the state of the build;
//! who starts a program that was built earlier names a commit that may have come after it.

use std::path::Path;
use std::process::Command;

use crate::record::GitState;

/// `None` when the sources are no git checkout, or git is not there.
pub fn state() -> Option<GitState> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commit = git(checkout, &["rev-parse", "HEAD"])?.trim().to_owned();
    // What a run writes is no change of what was run.
    let changes = git(
        checkout,
        &[
            "status",
            "--porcelain",
            "--",
            ":/",
            ":(exclude,top)scenarios/evidence",
            ":(exclude,top)REPORT.md",
        ],
    )?;
    Some(GitState {
        commit,
        dirty: !changes.trim().is_empty(),
    })
}

fn git(checkout: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(checkout)
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
