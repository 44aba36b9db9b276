//! A record on disk: `record.json`, and beside it `histograms/`, one interval log per trial.
//!
//! Files appear whole or not at all: each is written beside its place and renamed into it, so that
//! an interrupted run leaves the record of the trials before.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::document::SCHEMA;
use super::histograms::{self, HistogramError};
use super::{PhaseHistograms, RecordDocument, TrialRecord};

pub const RECORD_FILE: &str = "record.json";
const HISTOGRAM_DIR: &str = "histograms";

/// The folder of one run's record.
#[derive(Debug, Clone)]
pub struct RecordStore {
    dir: PathBuf,
}

/// A record read back.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    pub document: RecordDocument,
    pub histograms: TrialHistograms,
}

/// Distributions by arm and round, then by phase in order; trials whose log is not there are missing.
pub type TrialHistograms = BTreeMap<(String, u32), Vec<(String, PhaseHistograms)>>;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no folder, and records are kept in one: name a folder with --out", path = path.display())]
    NotAFolder { path: PathBuf },
    #[error("{path}: there is no {RECORD_FILE} in this folder; name a folder that `squall run` wrote", path = path.display())]
    NoRecord { path: PathBuf },
    #[error("{path}: line {line}, column {column}: not a record: {problem}", path = path.display())]
    NotARecord {
        path: PathBuf,
        line: usize,
        column: usize,
        problem: String,
    },
    #[error(
        "{path}: the record has schema {found}; this version of squall reads schema {SCHEMA}",
        path = path.display()
    )]
    OtherSchema { path: PathBuf, found: String },
    #[error("{path}: {source}", path = path.display())]
    Histograms {
        path: PathBuf,
        source: HistogramError,
    },
    #[error("the record cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl RecordStore {
    /// Fails when a folder at this place cannot be because something else is in its way. Changes
    /// nothing.
    pub fn check(dir: &Path) -> Result<(), StoreError> {
        match dir.ancestors().find(|place| place.exists()) {
            Some(place) if !place.is_dir() => Err(StoreError::NotAFolder {
                path: place.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Makes the folder ready for a new run: an earlier run's record and histograms are removed, so
    /// that the two can never be mixed up.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        Self::check(dir)?;
        let histograms = dir.join(HISTOGRAM_DIR);
        let record = dir.join(RECORD_FILE);
        if record.is_file() {
            fs::remove_file(&record).map_err(|source| io_error(&record, source))?;
            if histograms.is_dir() {
                fs::remove_dir_all(&histograms).map_err(|source| io_error(&histograms, source))?;
            }
        }
        fs::create_dir_all(&histograms).map_err(|source| io_error(&histograms, source))?;
        for place in [dir, &histograms] {
            try_writing(place).map_err(|source| io_error(place, source))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a trial's distributions.
    pub fn write_trial(&self, record: &TrialRecord) -> Result<(), StoreError> {
        let path = self
            .dir
            .join(log_name(&record.trial.arm, record.trial.round));
        let log = histograms::write_log(record);
        write_whole(
            &path,
            &log.map_err(|source| StoreError::Histograms {
                path: path.clone(),
                source,
            })?,
        )
    }

    pub fn write_document(&self, document: &RecordDocument) -> Result<(), StoreError> {
        let mut json = serde_json::to_vec_pretty(document)?;
        json.push(b'\n');
        write_whole(&self.dir.join(RECORD_FILE), &json)
    }
}

/// Reads a record from its folder or from its `record.json`, with the distributions beside it.
pub fn read(path: &Path) -> Result<StoredRecord, StoreError> {
    let file = if path.is_dir() {
        path.join(RECORD_FILE)
    } else {
        path.to_owned()
    };
    if path.is_dir() && !file.is_file() {
        return Err(StoreError::NoRecord {
            path: path.to_owned(),
        });
    }
    let text = fs::read_to_string(&file).map_err(|source| io_error(&file, source))?;
    let document = parse(&file, &text)?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let mut histograms = TrialHistograms::new();
    for (arm, round) in document
        .arms
        .iter()
        .flat_map(|arm| arm.rounds.iter().map(move |round| (arm, round)))
    {
        let log = dir.join(log_name(&arm.name, round.round));
        match fs::read(&log) {
            Ok(bytes) => {
                let phases = histograms::read_log(&bytes);
                let phases =
                    phases.map_err(|source| StoreError::Histograms { path: log, source })?;
                histograms.insert((arm.name.clone(), round.round), phases);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error(&log, source)),
        }
    }
    Ok(StoredRecord {
        document,
        histograms,
    })
}

/// The schema is looked at first: a record of another version is no broken record of this one.
fn parse(path: &Path, text: &str) -> Result<RecordDocument, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        schema: serde_json::Value,
    }
    let not_a_record = |error: &serde_json::Error, problem: String| StoreError::NotARecord {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        problem,
    };
    let head: Head =
        serde_json::from_str(text).map_err(|error| not_a_record(&error, plain(&error)))?;
    if head.schema != SCHEMA {
        return Err(StoreError::OtherSchema {
            path: path.to_owned(),
            found: head.schema.to_string(),
        });
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let problem = format!("{}: {}", error.path(), plain(error.inner()));
        not_a_record(error.inner(), problem)
    })
}

/// The message without its own mention of the place, which is given before it.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message
        .rsplit_once(" at line ")
        .map_or(message.clone(), |(text, _)| text.to_owned())
}

fn log_name(arm: &str, round: u32) -> PathBuf {
    Path::new(HISTOGRAM_DIR).join(format!("{arm}.{round}.hlog"))
}

/// Writes beside the place and renames into it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let written = || {
        let mut file = tempfile::Builder::new()
            .prefix(".squall-")
            .tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        readable_by_all(file.as_file())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|source| io_error(path, source))
}

/// That a folder is there does not mean that anything can be kept in it, and after an hour's run
/// it is late to find that out.
fn try_writing(dir: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".squall-")
        .tempfile_in(dir)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()
}

/// Temporary files are private; a report is not.
#[cfg(unix)]
fn readable_by_all(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
