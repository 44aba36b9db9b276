//! `telemetry.log`: what is written to standard error, and how.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{RawConnection, command};

/// The message, of level debug, when a connection is ended by what is no HTTP.
const MESSAGE: &str = "a connection ended early";

/// What a service with these settings logs that is sent what is no HTTP, and then ends.
async fn logged(settings: &[(&str, &str)]) -> String {
    // Where nothing listens: the log needs no database.
    let settings = [&[("db.url", "postgres://kim@127.0.0.1:1/none")], settings].concat();
    let mut process = command(&settings)
        .arg("serve")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = output.next_line().await.unwrap().unwrap();
    let addresses: Value = serde_json::from_str(&line).unwrap();
    let mut connection = RawConnection::open(addresses["service"].as_str().unwrap()).await;
    connection.send(b"no http\r\n\r\n").await;
    assert_eq!(connection.only_answer().await.0, 400);
    let pid = process.id().unwrap().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.unwrap().success());
    let ended = process.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(0));
    String::from_utf8(ended.stderr).unwrap()
}

#[tokio::test]
async fn the_filter_says_what_is_logged() {
    for (filter, is_logged) in [
        ("off", false),
        ("warn", false),
        ("info,target_service::database=debug", false),
        ("debug", true),
        ("error,target_service::http=debug", true),
    ] {
        let log = logged(&[("telemetry.log.filter", filter)]).await;
        assert_eq!(log.contains(MESSAGE), is_logged, "{filter}: {log}");
    }
    let settings = [("telemetry.log.filter", "target_service=loud")];
    let refused = command(&settings).arg("serve").output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("telemetry.log.filter"), "{message}");
}

#[tokio::test]
async fn the_format_is_text_for_people_or_json_for_programs() {
    let filter = ("telemetry.log.filter", "error,target_service::http=debug");
    for settings in [&[filter][..], &[filter, ("telemetry.log.format", "text")]] {
        let text = logged(settings).await;
        let line = text.lines().find(|line| line.contains(MESSAGE)).unwrap();
        assert!(line.contains(" DEBUG target_service::http"), "{line}");
        assert!(!line.starts_with('{') && !line.contains('\u{1b}'), "{line}");
    }

    let json = logged(&[filter, ("telemetry.log.format", "json")]).await;
    let events: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let event = events
        .iter()
        .find(|event| event["fields"]["message"] == MESSAGE)
        .unwrap_or_else(|| panic!("it is not there: {json}"));
    assert_eq!(event["level"], "DEBUG");
    assert!(event["fields"]["error"].is_string(), "{event}");
    assert!(event["timestamp"].is_string(), "{event}");
}
