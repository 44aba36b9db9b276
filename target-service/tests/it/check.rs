//! `target-service check`: the configuration is read, and nothing else is done.

use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::command;

async fn check(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    // Where nothing listens: a check that connects would fail.
    let settings = [&[("db.url", "postgres://kim@127.0.0.1:1/none")], settings].concat();
    command(&settings)
        .arg("check")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_configuration_that_serve_would_take_is_passed_over_in_silence() {
    for arguments in [&[][..], &["--json"]] {
        let output = check(&[("db.pool.max_size", "7")], arguments).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn a_configuration_that_serve_would_refuse_is_refused_in_the_same_words() {
    let settings = [("db.pool.max_size", "0")];
    let output = check(&settings, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let served = command(&settings).arg("serve").output().await.unwrap();
    assert_eq!(served.status.code(), Some(2), "{served:?}");
    assert_eq!(output.stderr, served.stderr);
    assert!(!output.stderr.is_empty());
}

#[tokio::test]
async fn programs_are_told_the_key_and_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[db.pool]\nmaximum = 7\n").unwrap();
    let path = file.path().to_str().unwrap();
    let output = check(&[], &["--json", "--config", path]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let refusal: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(refusal["key"], "db.pool.maximum", "{refusal}");
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.contains("max_size"), "{refusal}");
}

#[tokio::test]
async fn only_a_build_that_is_made_for_it_takes_a_point_at_which_to_die() {
    let settings = [("outbox.fault", "after_publish")];
    let output = check(&settings, &[]).await;
    if cfg!(any(debug_assertions, feature = "fault-points")) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let served = command(&settings).arg("serve").output().await.unwrap();
    assert_eq!(served.status.code(), Some(2), "{served:?}");
    for refusal in [output, served] {
        let words = String::from_utf8(refusal.stderr).unwrap();
        assert!(words.contains("outbox.fault"), "{words}");
        assert!(words.contains("fault-points"), "{words}");
    }
}
