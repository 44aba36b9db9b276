//! Records survive their way to disk and back; what is no record is refused.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::fixture;
use crate::record::{Decisions, Verdict};

fn stored(dir: &Path) -> RecordDocument {
    let trials = [
        fixture::record("naive", 1, 3),
        fixture::record("budget", 1, 16),
    ];
    let decisions = Decisions {
        verdict: Verdict::Pass,
        claims: Vec::new(),
        thresholds: Vec::new(),
        search: None,
    };
    let document = RecordDocument::assemble(
        &fixture::facts(&["naive", "budget"], None),
        &trials,
        decisions,
    );
    let store = RecordStore::create(dir).unwrap();
    for trial in &trials {
        store.write_trial(trial).unwrap();
    }
    store.write_document(&document).unwrap();
    document
}

#[test]
fn what_is_written_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let written = stored(dir.path());
    for path in [dir.path().to_owned(), dir.path().join(RECORD_FILE)] {
        let read = read(&path).unwrap();
        assert!(read.document == written, "the document changed on its way");
        assert_eq!(read.histograms.len(), 2);
    }
    let left_over = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".squall-")
    });
    assert_eq!(left_over.count(), 0, "no temporary file stays");
}

#[test]
fn every_second_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let written = stored(dir.path());
    let text = fs::read_to_string(dir.path().join(RECORD_FILE)).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.trim().trim_end_matches(',')).ok())
        .collect();
    let seconds = lines.iter().filter(|line| line["second"].is_number());
    assert!(!written.series.is_empty());
    assert_eq!(seconds.count(), written.series.len());
}

#[test]
fn the_json_has_the_documented_shape() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path());
    let text = fs::read_to_string(dir.path().join(RECORD_FILE)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let phase = &json["arms"][0]["rounds"][0]["phases"][2];
    assert_eq!(json["schema"], 1);
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["arms"][0]["figures"]["recovery_s"], 3.0);
    assert_eq!(json["arms"][1]["figures"]["recovery_s"], "never");
    assert_eq!(phase["name"], "fault");
    assert_eq!(phase["offered"], 500);
    assert_eq!(phase["failures"]["timeout"], 400);
    assert_eq!(phase["steps"][fixture::STEP]["failed"], 400);
    assert_eq!(phase["server"]["pool_timeouts"], serde_json::Value::Null);
    assert_eq!(json["series"][0]["arm"], "naive");
    assert_eq!(json["series"][0]["second"], 0);
}

#[test]
fn a_new_run_does_not_keep_an_earlier_ones_histograms() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path());
    RecordStore::create(dir.path()).unwrap();
    assert_eq!(
        fs::read_dir(dir.path().join(HISTOGRAM_DIR))
            .unwrap()
            .count(),
        0
    );
    assert!(matches!(read(dir.path()), Err(StoreError::NoRecord { .. })));
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(RECORD_FILE);
    let message = |text: &str| {
        fs::write(&file, text).unwrap();
        read(&file).unwrap_err().to_string()
    };
    assert!(message("{ \"schema\": 1,\n nonsense").contains("line 2"));
    assert!(message("{ \"schema\": 2 }").contains("schema 2"));
    assert!(message("{}").contains("schema"));
    assert!(message("{ \"schema\": 1 }").contains("missing field"));
    assert!(message("").contains("not a record"));
    fs::remove_file(&file).unwrap();
    assert!(
        read(dir.path())
            .unwrap_err()
            .to_string()
            .contains("no record.json in this folder")
    );
    assert!(
        read(&file)
            .unwrap_err()
            .to_string()
            .contains("No such file")
    );
    fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    assert!(
        matches!(read(&file), Err(StoreError::Io { .. })),
        "not UTF-8"
    );
}

#[test]
fn a_damaged_histogram_is_named() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path());
    fs::write(
        dir.path().join(HISTOGRAM_DIR).join("naive.1.hlog"),
        "Tag=x;ok,0.0,1.0,2.0,AAAA\n",
    )
    .unwrap();
    assert!(
        read(dir.path())
            .unwrap_err()
            .to_string()
            .contains("naive.1.hlog")
    );
}
