//! The limits that the system sets to a generator.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the generator itself costs.
pub(super) use crate::measure::cpu::own_seconds as cpu_seconds;

/// What the harness needs beside the users' connections.
const RESERVE: u64 = 256;

/// Raises the limit of open files as far as `users` need and the system allows.
/// In words what is missing, if the limit stays too low.
pub(super) fn raise_open_files(users: usize) -> Option<String> {
    let needed = users as u64 + RESERVE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= needed {
        return None;
    }
    // The superuser may go beyond the hard limit.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, needed, hard.max(needed))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard.min(needed), hard));
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (soft < needed).then(|| {
        format!("open files: {users} users may need {needed}, the limit is {soft} (ulimit -n)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_what_is_needed_or_its_lack_reported() {
        assert_eq!(raise_open_files(1), None);
        let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        match raise_open_files(usize::try_from(before).unwrap_or(1 << 20) + 1) {
            None => assert!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 > before),
            Some(lack) => assert!(lack.contains("open files"), "{lack}"),
        }
        let _ = setrlimit(Resource::RLIMIT_NOFILE, before, hard);
    }
}
