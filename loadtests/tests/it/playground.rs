//! What tests of the environment share: settings with a root of their own, and waiting.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use squall::environment::{self, Environment, Notice, Settings};
use squall::scenario::{Dataset, EnvironmentSpec, LabSpec, Lifetime, Skew};
use tempfile::TempDir;

/// A place that the servers' account can reach, removed at the end.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
        Self { directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Settings whose cache is empty at first and shared with nobody.
    pub fn settings(&self) -> Settings {
        Settings {
            root: Some(self.path("squall")),
            ..settings()
        }
    }

    /// The directories of runs that are still there.
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(items) = fs::read_dir(self.path("squall/runs")) else {
            return Vec::new();
        };
        let paths = items.flatten().map(|item| item.path());
        paths.filter(|path| path.is_dir()).collect()
    }
}

pub fn settings() -> Settings {
    Settings::discover(Notice::silent()).unwrap()
}

/// Waits until something is so. The limit only ends a test that has failed.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "never came about: {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A small lab without a proxy.
pub fn lab_spec() -> LabSpec {
    LabSpec {
        lifetime: Lifetime::Trial,
        instances: 1,
        sticky: false,
        dataset: Dataset {
            members: 100,
            posts: 300,
            surveys: 0,
            survey_answers: 0,
            survey_likes: 0,
            skew: Skew::Zipf,
        },
        service: toml::Table::new(),
        edges: BTreeMap::new(),
        gateway: None,
        redis: false,
        heal: Duration::from_secs(5),
    }
}

pub async fn start(spec: LabSpec) -> Environment {
    environment::start(&EnvironmentSpec::Lab(spec), &settings())
        .await
        .unwrap()
}

/// The status of the answer; 0 when there was none.
pub async fn get(url: &str) -> u16 {
    reqwest::get(url)
        .await
        .map_or(0, |answer| answer.status().as_u16())
}
