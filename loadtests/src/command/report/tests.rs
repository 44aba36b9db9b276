//! Rendering again from the command line, beside records and as evidence.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::{Decisions, RecordDocument, RunFacts, Verdict, fixture};

/// A checkout with a scenario and the record of its run.
fn checkout(change: impl FnOnce(&mut RunFacts)) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("scenarios/evidence/storm");
    let trials = [
        fixture::record("naive", 1, 3),
        fixture::record("budget", 1, 0),
    ];
    let store = RecordStore::create(&dir).unwrap();
    fs::write(
        root.path().join("scenarios/storm.toml"),
        "name = \"storm\"\n",
    )
    .unwrap();
    let mut facts = fixture::facts(&["naive", "budget"], None);
    facts.scenario_sha256 = hex_digest("name = \"storm\"\n");
    change(&mut facts);
    let decisions = Decisions {
        verdict: Verdict::Pass,
        claims: Vec::new(),
        thresholds: Vec::new(),
        search: None,
    };
    for trial in &trials {
        store.write_trial(trial).unwrap();
    }
    store
        .write_document(&RecordDocument::assemble(&facts, &trials, decisions))
        .unwrap();
    write_reports(&store).unwrap();
    (root, dir)
}

fn run(dir: &Path, into: Option<PathBuf>, check: bool) -> Result<(), String> {
    let arguments = ReportArguments {
        records: vec![dir.to_owned()],
        into,
        check,
    };
    report(&arguments)
        .map(|_| ())
        .map_err(|failure| match failure {
            Failure::BadInput(message) => message,
            other => panic!("{other} is not the input's fault"),
        })
}

#[test]
fn rendering_again_gives_the_same_files() {
    let (_root, dir) = checkout(|_| ());
    assert_eq!(run(&dir, None, true), Ok(()));
    fs::write(dir.join("report.md"), "edited").unwrap();
    fs::write(dir.join(CHART_DIR).join("old.svg"), "<svg/>").unwrap();
    let message = run(&dir, None, true).unwrap_err();
    assert!(
        message.contains("report.md") && message.contains("old.svg (left over)"),
        "{message}"
    );
    assert_eq!(run(&dir.join(store::RECORD_FILE), None, false), Ok(()));
    assert_eq!(run(&dir, None, true), Ok(()));
}

#[test]
fn evidence_goes_into_the_page_and_is_held_against_it() {
    let (root, dir) = checkout(|_| ());
    let page = root.path().join("REPORT.md");
    fs::write(&page, "# Results\n\nBy hand.\n").unwrap();
    assert!(
        run(&dir, Some(page.clone()), true)
            .unwrap_err()
            .contains("REPORT.md")
    );
    assert_eq!(run(&dir, Some(page.clone()), false), Ok(()));
    let text = fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("By hand.")
            && text.contains("](scenarios/evidence/storm/charts/goodput.svg)")
    );
    assert!(!text.contains("STALE"));
    assert_eq!(run(&dir, Some(page.clone()), true), Ok(()));
    let charts: Vec<String> = fs::read_dir(dir.join(CHART_DIR))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(charts.contains(&"goodput.svg".to_owned()), "{charts:?}");
    for chart in &charts {
        assert!(text.contains(chart), "{chart} is kept and not shown");
    }

    fs::write(
        root.path().join("scenarios/storm.toml"),
        "name = \"changed\"\n",
    )
    .unwrap();
    assert!(
        run(&dir, Some(page.clone()), true).is_err(),
        "the page does not say yet that it is stale"
    );
    run(&dir, Some(page.clone()), false).unwrap();
    assert!(fs::read_to_string(&page).unwrap().contains("STALE"));
}

#[test]
fn what_is_no_evidence_is_refused_and_the_page_left_alone() {
    let refused = |change: fn(&mut RunFacts)| {
        let (root, dir) = checkout(change);
        let page = root.path().join("REPORT.md");
        let message = run(&dir, Some(page.clone()), false).unwrap_err();
        assert!(!page.exists());
        message
    };
    assert!(refused(|facts| facts.quick = true).contains("quick run"));
    assert!(refused(|facts| facts.git.as_mut().unwrap().dirty = true).contains("uncommitted"));
}

#[test]
fn a_page_beside_the_evidence_cannot_link_to_it() {
    let (_root, dir) = checkout(|_| ());
    let elsewhere = tempfile::tempdir().unwrap();
    let message = run(&dir, Some(elsewhere.path().join("REPORT.md")), false).unwrap_err();
    assert!(
        message.contains("beneath the folder of the page"),
        "{message}"
    );
}

#[test]
fn what_is_no_record_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        run(dir.path(), None, false)
            .unwrap_err()
            .contains("no record.json")
    );
    assert!(run(&dir.path().join("nowhere"), None, false).is_err());
}
