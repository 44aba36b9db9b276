//! The machine that a run was made on, and the state of the source tree: what a reader needs to
//! know before comparing two records.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine that carried service, database and generator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name; `"unknown"` where the system does not tell.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// `None` where the system does not tell.
    pub memory_mb: Option<u64>,
    /// System name, release and architecture.
    pub kernel: String,
}

/// The commit that was built, and whether the tree differed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    pub commit: String,
    pub dirty: bool,
}

impl Machine {
    /// Reads `/proc` where there is one; what cannot be read is left unknown.
    pub fn here() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| cpu_name(&text));
        Self {
            cpu: cpu.unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory_mb(&text)),
            kernel: kernel(),
        }
    }
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    [std::env::consts::OS, release.trim(), std::env::consts::ARCH]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn cpu_name(cpuinfo: &str) -> Option<String> {
    let value = |line: &str| {
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
    };
    cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(value)
}

fn memory_mb(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_found_or_left_unknown() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 3.0 GHz\n\nprocessor\t: 1\nmodel name\t: Fast CPU";
        assert_eq!(cpu_name(cpuinfo).as_deref(), Some("Fast CPU @ 3.0 GHz"));
        assert_eq!(cpu_name("Hardware: x"), None);
        assert_eq!(
            memory_mb("MemFree: 1 kB\nMemTotal:       16384000 kB\n"),
            Some(16_000)
        );
        assert_eq!(memory_mb("MemTotal: lots"), None);
    }
}
