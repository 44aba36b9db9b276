//! The system's processes: who is whose child, and how much CPU time each has used.
//!
//! Linux offers them as files; elsewhere `ps` is asked, which does not tell the time of children
//! that have ended.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub pid: i32,
    pub parent: i32,
    /// Ended, but not yet waited for by its parent.
    pub zombie: bool,
    /// Its own CPU time and that of children that ended and were waited for.
    pub cpu: Duration,
}

/// Every process of the moment.
pub fn snapshot() -> Vec<Entry> {
    platform::snapshot()
}

/// The process and everything below it that is alive, parents before children.
pub fn tree(root: i32) -> Vec<Entry> {
    let all = snapshot();
    let mut found: Vec<Entry> = all
        .iter()
        .filter(|entry| entry.pid == root && !entry.zombie)
        .cloned()
        .collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].pid;
        let children = all
            .iter()
            .filter(|entry| entry.parent == parent && !entry.zombie);
        found.extend(children.cloned());
        next += 1;
    }
    found
}

/// Whether the process exists and has not ended.
pub fn is_alive(pid: i32) -> bool {
    platform::entry(pid).is_some_and(|entry| !entry.zombie)
}

#[cfg(target_os = "linux")]
mod platform {
    use super::Entry;
    use std::fs;
    use std::time::Duration;

    /// Linux reports CPU time to programs in hundredths of a second on every architecture.
    const TICK: Duration = Duration::from_millis(10);

    pub(super) fn snapshot() -> Vec<Entry> {
        let Ok(directory) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        directory
            .flatten()
            .filter_map(|item| item.file_name().to_str()?.parse().ok())
            .filter_map(entry)
            .collect()
    }

    pub(super) fn entry(pid: i32) -> Option<Entry> {
        parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The line is `pid (name) state parent ...`, and the name may hold spaces and parentheses.
    fn parse(pid: i32, line: &str) -> Option<Entry> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
        // utime, stime, cutime and cstime, counted from the state.
        let cpu = ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?;
        Some(Entry {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            zombie: matches!(*fields.first()?, "Z" | "X"),
            cpu: TICK * cpu,
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
            let line = "7 (a) (b) S 3 7 7 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 9 0 0";
            let entry = parse(7, line).unwrap();
            assert_eq!(entry.parent, 3);
            assert!(!entry.zombie);
            assert_eq!(entry.cpu, Duration::from_millis(1270));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::Entry;
    use std::process::Command;
    use std::time::Duration;

    pub(super) fn snapshot() -> Vec<Entry> {
        list(&["-A"])
    }

    pub(super) fn entry(pid: i32) -> Option<Entry> {
        list(&["-p", &pid.to_string()]).pop()
    }

    fn list(selection: &[&str]) -> Vec<Entry> {
        let output = Command::new("ps")
            .args(selection)
            .args(["-o", "pid=,ppid=,stat=,time="])
            .output();
        let text = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text)
            .lines()
            .filter_map(parse)
            .collect()
    }

    fn parse(line: &str) -> Option<Entry> {
        let mut fields = line.split_ascii_whitespace();
        Some(Entry {
            pid: fields.next()?.parse().ok()?,
            parent: fields.next()?.parse().ok()?,
            zombie: fields.next()?.starts_with('Z'),
            cpu: cpu_time(fields.next()?)?,
        })
    }

    /// `[hours:]minutes:seconds`, with or without hundredths.
    fn cpu_time(text: &str) -> Option<Duration> {
        let seconds = text.split(':').try_fold(0.0, |total: f64, part| {
            Some(total * 60.0 + part.parse::<f64>().ok()?)
        })?;
        Some(Duration::from_secs_f64(seconds))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn cpu_time_is_read_with_and_without_hours() {
            assert_eq!(cpu_time("1:02.50"), Some(Duration::from_millis(62_500)));
            assert_eq!(cpu_time("1:00:00"), Some(Duration::from_secs(3600)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_a_child_until_it_ends() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(tree(own).iter().any(|entry| entry.pid == pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(pid));
        assert!(!tree(own).iter().any(|entry| entry.pid == pid));
    }
}
