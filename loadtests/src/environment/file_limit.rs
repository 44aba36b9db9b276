//! The limit of open files, of which each connection takes one or two.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// macOS refuses limits above this one, whatever it says the hard limit is.
#[cfg(target_os = "macos")]
const MOST: u64 = 10_240;
#[cfg(not(target_os = "macos"))]
const MOST: u64 = 1 << 20;

/// Raises the soft limit as far as it may go, and returns it.
pub fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(MOST);
    if wanted > soft {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(wanted.max(soft))
}
