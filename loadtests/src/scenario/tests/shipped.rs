//! The scenarios of this repository.

use std::path::Path;

use super::options;
use crate::scenario::{Options, Plan, catalogue, timeline};

#[test]
fn every_scenario_resolves_with_and_without_quick() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let entries = catalogue(&folder, &options()).unwrap();
    assert!(entries.len() >= 5, "{entries:?}");
    for entry in entries {
        let file = entry.path.display();
        let summary = entry.scenario.unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(
            Some(summary.name.as_str()),
            entry.path.file_stem().unwrap().to_str(),
            "{file}"
        );
        assert_ne!(summary.title, summary.name, "{file} needs a title");
        for quick in [false, true] {
            let plan = Plan::from_file(&entry.path, &Options { quick, ..options() }).unwrap();
            assert!(
                !plan.hypothesis.is_empty() && !plan.shows.is_empty(),
                "{file}"
            );
            assert!(timeline(&plan).starts_with(&plan.name), "{file}");
        }
    }
}
