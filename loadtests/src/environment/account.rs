//! The user account that servers run under.
//!
//! PostgreSQL refuses to run as root, so that root's servers run as another user;
//! everybody else's run as themselves.

use nix::unistd::{Gid, Uid, User, chown, geteuid};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::EnvironmentError;

/// Accounts that exist on the systems we know, in the order of preference.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// `None`: the account of the harness itself.
    other: Option<(Uid, Gid)>,
}

impl Account {
    /// The harness's own account.
    pub const OWN: Self = Self { other: None };

    /// The account for servers that refuse root.
    pub fn unprivileged() -> Result<Self, EnvironmentError> {
        if !geteuid().is_root() {
            return Ok(Self::OWN);
        }
        CANDIDATES
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self {
                other: Some((user.uid, user.gid)),
            })
            .ok_or(EnvironmentError::NoAccount)
    }

    pub fn is_own(self) -> bool {
        self.other.is_none()
    }

    /// Makes `command` run under this account.
    pub fn apply(self, command: &mut Command) {
        if let Some((uid, gid)) = self.other {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
    }

    /// Gives a file or directory to this account.
    pub fn own(self, path: &Path) -> Result<(), EnvironmentError> {
        let Some((uid, gid)) = self.other else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid))
            .map_err(|errno| EnvironmentError::file("handing over", path)(errno.into()))
    }
}
