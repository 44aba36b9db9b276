//! CPU time: what the generator itself costs, and what the host of a virtual machine takes from all in it.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// User and system seconds so far; 0 where the system does not tell.
pub fn own_seconds() -> f64 {
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

/// What the processors of this machine have spent so far, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineTime {
    all: u64,
    /// Somebody here wanted to run, and the host ran other machines.
    stolen: u64,
}

impl MachineTime {
    /// `None` where the system does not tell.
    pub fn now() -> Option<Self> {
        parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// From 0 to 1. `None`: no time has passed.
    pub fn stolen_share_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let stolen = self.stolen.checked_sub(before.stolen)?;
        Some(stolen as f64 / all as f64)
    }
}

/// The line of all processors: user, nice, system, idle, iowait, irq, softirq, steal; the guests' time that
/// follows is part of the user's.
fn parse(stat: &str) -> Option<MachineTime> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .take(8)
        .collect();
    let stolen = *ticks.get(7)?;
    Some(MachineTime {
        all: ticks.iter().sum(),
        stolen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_takes_is_told_from_the_rest() {
        let stat = |stolen: u64| {
            format!(
                "cpu  100 0 50 {} 0 0 0 {stolen} 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n",
                850 - stolen
            )
        };
        let before = parse("cpu  0 0 0 0 0 0 0 0 0 0\n").unwrap();
        let after = parse(&stat(180)).unwrap();
        assert_eq!(after.stolen_share_since(before), Some(0.18));
        assert_eq!(after.stolen_share_since(after), None);
        assert_eq!(parse("cpu  1 2 3 4\n"), None);
        assert_eq!(parse("intr 1\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_tells() {
        assert!(MachineTime::now().is_some_and(|time| time.all > time.stolen));
    }

    #[test]
    fn work_done_shows_up() {
        let before = own_seconds();
        let mut x = 1_u64;
        while own_seconds() - before < 0.01 {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        assert!(own_seconds() > before);
    }
}
