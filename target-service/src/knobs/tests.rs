//! Patches of knobs and of sections: as a whole or not at all.

use serde_json::json;

use super::*;
use crate::section::{Followed, Settings};

fn patch(patch: Value) -> Result<Arc<Knobs>, KnobError> {
    let Value::Object(patch) = patch else {
        panic!("a patch is an object")
    };
    KnobStore::new(Knobs::default(), []).patch(&patch, |_| ())
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let knobs = patch(json!({"db.pool.max_size": 20, "db.statement_timeout": "250ms"})).unwrap();
    let expected = Knobs {
        pool_max_size: 20,
        statement_timeout: Duration::from_millis(250),
        ..Knobs::default()
    };
    assert_eq!(*knobs, expected);
}

#[test]
fn an_unknown_knob_is_refused_with_the_names_that_there_are() {
    let error = patch(json!({"db.pool.max": 20})).unwrap_err();
    assert_eq!(error.name(), "db.pool.max");
    assert!(error.to_string().contains("db.pool.max_size"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_is_refused_by_name() {
    for (name, value) in [
        ("db.pool.max_size", json!("20")),
        ("db.pool.max_size", json!(-1)),
        ("db.statement_timeout", json!(250)),
        ("db.statement_timeout", json!("250")),
        ("likes.strategy", json!("wishful")),
        ("calendar.max_days", json!(null)),
    ] {
        let error = patch(json!({ name: value })).unwrap_err();
        assert!(matches!(error, KnobError::WrongType { .. }), "{error:?}");
        assert_eq!(error.name(), name);
    }
}

#[test]
fn values_that_contradict_each_other_are_refused_and_nothing_is_changed() {
    let store = KnobStore::new(Knobs::default(), []);
    let Value::Object(contradiction) = json!({"likes.strategy": "derived", "db.pool.min_size": 11})
    else {
        unreachable!()
    };
    let error = store
        .patch(&contradiction, |_| panic!("must not be applied"))
        .unwrap_err();
    assert_eq!(error.name(), "db.pool.min_size");
    assert_eq!(*store.snapshot(), Knobs::default());
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retries {
    most: u32,
    backoff: Backoff,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backoff {
    #[serde(with = "crate::duration")]
    base: Duration,
}

impl Settings for Retries {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(self.most <= 10, "most", "at most 10")
    }
}

/// With two sections, and what the first of them was told last.
fn with_sections() -> (KnobStore, Arc<Mutex<Option<Retries>>>) {
    let first = Retries {
        most: 2,
        backoff: Backoff {
            base: Duration::from_millis(50),
        },
    };
    let told = Arc::new(Mutex::new(None));
    let follow = {
        let told = Arc::clone(&told);
        move |retries: &Retries| *told.lock().unwrap() = Some(retries.clone())
    };
    let sections: [Arc<dyn Section>; 2] = [
        Followed::new("a.retry", first.clone(), follow),
        Followed::new("a.retry.other", first, |_| panic!("not its change")),
    ];
    (KnobStore::new(Knobs::default(), sections), told)
}

fn patch_all(store: &KnobStore, patch: &Value) -> Result<(), KnobError> {
    let patch = patch.as_object().unwrap();
    store.patch(patch, |_| ()).map(drop)
}

#[test]
fn a_section_shows_its_leaves_and_follows_a_change_of_one_of_them() {
    let (store, told) = with_sections();
    assert_eq!(store.to_map()["a.retry.backoff.base"], "50ms");
    patch_all(
        &store,
        &json!({"a.retry.backoff.base": "70ms", "db.pool.max_size": 3}),
    )
    .unwrap();
    let told = told.lock().unwrap().clone().unwrap();
    assert_eq!(
        (told.most, told.backoff.base),
        (2, Duration::from_millis(70))
    );
    let shown = store.to_map();
    assert_eq!(shown["a.retry.backoff.base"], "70ms");
    assert_eq!(shown["a.retry.other.backoff.base"], "50ms");
    assert_eq!(shown["db.pool.max_size"], 3);
}

#[test]
fn a_mistake_anywhere_leaves_sections_and_knobs_as_they_were() {
    let (store, told) = with_sections();
    let before = store.to_map();
    for (name, value) in [
        ("a.retry.most", json!("3")),
        ("a.retry.most", json!(11)),
        ("a.retry.other.backoff.base", json!("70")),
        ("a.retry.backoff", json!({"base": "70ms"})),
        ("a.retry.least", json!(1)),
        ("db.pool.max_size", json!(0)),
    ] {
        let patch = json!({"a.retry.backoff.base": "70ms", "db.lock_timeout": "1ms", name: value});
        let error = patch_all(&store, &patch).unwrap_err();
        assert_eq!(error.name(), name, "{error:?}");
        assert_eq!(store.to_map(), before);
        assert_eq!(*told.lock().unwrap(), None);
    }
}

#[test]
fn only_a_build_that_is_made_for_it_dies_on_purpose() {
    let harmless = Knobs::default();
    let deadly = Knobs {
        outbox_fault: OutboxFault::AfterTake,
        ..Knobs::default()
    };
    assert_eq!(deadly.check_fault(true), Ok(()));
    assert_eq!(harmless.check_fault(false), Ok(()));
    let refused = deadly.check_fault(false).unwrap_err();
    assert_eq!(refused.name(), "outbox.fault");
    assert!(refused.to_string().contains("fault-points"), "{refused}");
    // Tests run in a build for development.
    assert_eq!(deadly.check(), Ok(()));
}
