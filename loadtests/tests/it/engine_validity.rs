//! A generator that was not up to its load says so, however healthy the target was.

use std::env;
use std::process::Command;
use std::thread;
use std::time::Duration;

use squall::scenario::{Arrivals, LoadModel};
#[cfg(target_os = "linux")]
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::engine_support::{Server, answer, assert_accounted, phase, reasons, run, trial};

#[test]
fn too_few_users_make_the_run_invalid() {
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_millis(100));
        answer(200, "", "")
    });
    let mut trial = trial(&server.base_url);
    trial.load.model = LoadModel::Open {
        arrivals: Arrivals::Uniform,
        users: 2,
    };
    let measured = run(&trial);
    assert_accounted(&measured);
    let counts = measured.phases[0].counts;
    // Late tickets may still be sent with the last moments of their time, or not at all.
    assert!(
        counts.ok > 0 && counts.failed + counts.unsent > 0,
        "{counts:?}"
    );
    assert_eq!(
        counts.sent,
        counts.ok + counts.failed,
        "what waited past its deadline was not sent: {counts:?}"
    );
    let reasons = reasons(&trial, &measured);
    assert!(
        reasons.iter().any(|reason| reason.contains("free user")),
        "{reasons:?}"
    );
}

/// The environment variables by which the tests below tell their child where the target is, and
/// what else wants its processor.
const TARGET: &str = "SQUALL_TEST_STARVED_TARGET";
const RIVALS: &str = "SQUALL_TEST_RIVALS";

#[test]
#[cfg(target_os = "linux")]
fn a_generator_beside_busy_loops_makes_the_run_invalid() {
    starve("several without precedence");
}

#[test]
#[cfg(target_os = "linux")]
fn a_generator_whose_precedence_others_share_makes_the_run_invalid() {
    starve("several with precedence");
}

#[cfg(target_os = "linux")]
fn starve(rivals: &str) {
    let server = Server::start(|_, _| answer(200, "", ""));
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "engine_validity::starved_child",
            "--ignored",
            "--nocapture",
        ])
        .env(TARGET, &server.base_url)
        .env(RIVALS, rivals)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("invalid because"),
        "{output}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "a process of its own, started by the tests above"]
fn starved_child() {
    let base_url = env::var(TARGET).unwrap();
    let mut one = nix::sched::CpuSet::new();
    one.set(0).unwrap();
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &one).unwrap();
    // Without precedence they leave the generator a quarter of the processor, and the load needs more than
    // a quarter of any.
    let (rivals, rate) = if env::var(RIVALS).unwrap() == "several without precedence" {
        give_up_privileges();
        (3, 20_000.0)
    } else {
        (8, 1000.0)
    };
    for _ in 0..rivals {
        thread::spawn(|| {
            take_the_generators_precedence();
            loop {
                std::hint::spin_loop();
            }
        });
    }
    let mut trial = trial(&base_url);
    trial.phases = vec![phase("only", Duration::from_secs(3), rate)];
    let measured = run(&trial);
    assert_accounted(&measured);
    let reasons = reasons(&trial, &measured);
    assert!(
        !reasons.is_empty(),
        "valid: {:?} {:?}",
        measured.phases[0],
        measured.generator
    );
    println!("invalid because {}", reasons.join("; "));
}

/// Nobody without privileges gets precedence, neither the generator nor its rivals.
#[cfg(target_os = "linux")]
fn give_up_privileges() {
    const NOBODY: u32 = 65_534;
    if nix::unistd::geteuid().is_root() {
        let nobody = nix::unistd::Uid::from_raw(NOBODY);
        nix::unistd::setresuid(nobody, nobody, nobody).unwrap();
    }
}

/// Where the generator may go before everything else, only what has the same right starves it.
#[cfg(target_os = "linux")]
fn take_the_generators_precedence() {
    let priority = ThreadPriorityValue::try_from(1).unwrap();
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    // Where this is not permitted, the generator has no precedence either.
    let _ = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(priority),
        policy,
    );
}
