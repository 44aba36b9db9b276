//! Where a run's record cannot be kept: told with the fix, and before the load where that is possible.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::command::{self, Ended};

/// Something that answers, and whether it was ever asked.
fn server() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    seen.store(true, Ordering::Relaxed);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            });
        }
    });
    (url, asked)
}

fn arguments<'a>(url: &'a str, out: &'a str) -> Vec<&'a str> {
    let load = ["--rate", "20", "--duration", "1s", "--out", out];
    [&["run", url][..], &load].concat()
}

/// In a shell that lets no file grow beyond so many blocks: what a full disk is to a program.
fn with_full_disk(folder: &Path, blocks: u32, arguments: &[&str]) -> Ended {
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""),
        ])
        .args(["sh", env!("CARGO_BIN_EXE_squall")])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn assert_told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.all());
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.all());
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.all());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("taken"), "kept").unwrap();
    let (url, asked) = server();
    for out in ["taken", "taken/below"] {
        let ended = command::run(folder.path(), &arguments(&url, out));
        assert_told(&ended, 2, &["taken is no folder", "--out"]);
    }
    assert!(!asked.load(Ordering::Relaxed), "load was sent");
    assert_eq!(
        fs::read_to_string(folder.path().join("taken")).unwrap(),
        "kept"
    );
}

/// Not even root may make a folder there.
#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_may_be_written_is_told_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let (url, asked) = server();
    let ended = command::run(folder.path(), &arguments(&url, "/proc/squall"));
    assert_told(&ended, 1, &["/proc/squall", "--out"]);
    assert!(!asked.load(Ordering::Relaxed), "load was sent");
}

#[test]
fn a_disk_that_is_full_already_is_told_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let (url, asked) = server();
    let ended = with_full_disk(folder.path(), 0, &arguments(&url, "out"));
    assert_told(&ended, 1, &["cannot be kept", "make room", "--out"]);
    assert!(!asked.load(Ordering::Relaxed), "load was sent");
}

#[test]
fn a_disk_that_becomes_full_leaves_no_half_of_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let (url, asked) = server();
    let ended = with_full_disk(folder.path(), 1, &arguments(&url, "out"));
    assert_told(&ended, 1, &["cannot be kept", "make room", "--out"]);
    assert!(asked.load(Ordering::Relaxed), "no load was sent");
    assert!(!folder.path().join("out/record.json").exists());
}

#[test]
fn a_place_where_samples_cannot_be_is_bad_input_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("taken.csv")).unwrap();
    let (url, asked) = server();
    for samples in ["nowhere/all.csv", "taken.csv"] {
        let arguments = [&arguments(&url, "out")[..], &["--samples", samples]].concat();
        let ended = command::run(folder.path(), &arguments);
        assert_told(&ended, 2, &["--samples", samples, "name a file"]);
    }
    assert!(!asked.load(Ordering::Relaxed), "load was sent");
    assert!(!folder.path().join("out").exists(), "something ran");
}

#[test]
fn samples_that_could_not_all_be_written_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/dev/full", folder.path().join("all.csv")).unwrap();
    let (url, _) = server();
    let arguments = [&arguments(&url, "out")[..], &["--samples", "all.csv"]].concat();
    let ended = command::run(folder.path(), &arguments);
    for word in ["--samples lacks arrivals", "No space left"] {
        assert!(ended.stderr.contains(word), "{}", ended.all());
    }
    let record = command::record(&folder.path().join("out"));
    let found = &record["arms"][0]["rounds"][0]["findings"][0];
    assert_eq!(found["code"], "samples_incomplete", "{record}");
}

#[test]
fn samples_of_several_scenarios_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "smoke", "pool-size", "--samples", "all.csv"];
    let ended = command::run(folder.path(), &arguments);
    assert_told(&ended, 2, &["--samples", "one scenario"]);
}

#[test]
fn a_samples_file_of_an_unknown_kind_is_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = server();
    let arguments = [&arguments(&url, "out")[..], &["--samples", "all.txt"]].concat();
    let ended = command::run(folder.path(), &arguments);
    assert_told(&ended, 2, &["--samples", ".csv"]);
}
