//! Several instances of the service behind their balancer.

use std::time::Duration;

use serde_json::json;
use squall::environment::Environment;
use squall::scenario::LabSpec;

use crate::playground::{eventually, get, lab_spec, start};

async fn three(sticky: bool) -> Environment {
    let spec = LabSpec {
        instances: 3,
        sticky,
        ..lab_spec()
    };
    start(spec).await
}

/// Requests for a member that each instance has answered.
async fn answered(environment: &Environment) -> Vec<u64> {
    let mut counts = Vec::new();
    for (_, url) in environment.lab().unwrap().metrics_urls() {
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let of_members = text.lines().filter(|line| {
            line.starts_with("http_server_request_duration_seconds_count")
                && line.contains("/members/{id}")
        });
        let count = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
        counts.push(of_members.map(count).sum::<f64>() as u64);
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_each_instance_in_turn_also_on_one_connection() {
    let environment = three(false).await;
    let client = reqwest::Client::new();
    let url = format!("{}/members/1", environment.base_url());
    for _ in 0..30 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    }
    assert_eq!(answered(&environment).await, [10, 10, 10]);
    let told = environment.effective().await.unwrap();
    assert_eq!(told["instances"], 3, "{told}");
    environment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sticky_client_meets_one_instance_only_and_others_meet_the_others() {
    let environment = three(true).await;
    let url = format!("{}/members/1", environment.base_url());
    let mut met = Vec::new();
    for _ in 0..3 {
        let before = answered(&environment).await;
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .build()
            .unwrap();
        for _ in 0..5 {
            assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
        }
        let after = answered(&environment).await;
        let gained: Vec<u64> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
        let instance = gained.iter().position(|&gained| gained == 5);
        met.push(instance.unwrap_or_else(|| panic!("{gained:?}")));
    }
    met.sort_unstable();
    assert_eq!(met, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_instance_dies_the_others_serve_everybody() {
    let environment = three(false).await;
    let lab = environment.lab().unwrap();
    let url = format!("{}/members/1", environment.base_url());
    lab.service().first().process().kill();
    for _ in 0..30 {
        assert_eq!(get(&url).await, 200);
    }
    lab.service().first().start_again().unwrap();
    lab.service().first().wait_until_ready().await.unwrap();
    // It gets its share again as soon as the balancer has noticed.
    for attempt in 0.. {
        let before = answered(&environment).await[0];
        for _ in 0..3 {
            assert_eq!(get(&url).await, 200);
        }
        if answered(&environment).await[0] > before {
            break;
        }
        assert!(attempt < 200, "it is never given anything again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(environment.take_unexpected_exits(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_knob_is_turned_in_every_instance() {
    let environment = three(false).await;
    let services = || environment.lab().unwrap().service();
    tokio::task::block_in_place(|| services().set_knob("db.pool.max_size", &json!(7))).unwrap();
    for service in services().iter() {
        let value = tokio::task::block_in_place(|| service.knob("db.pool.max_size")).unwrap();
        assert_eq!(value, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_dies_by_itself_is_told() {
    let environment = three(false).await;
    let lab = environment.lab().unwrap();
    let balancer = lab
        .service()
        .processes()
        .find(|process| process.name() == "balancer");
    let pid = nix::unistd::Pid::from_raw(balancer.unwrap().pid().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let exit = eventually("its end is noticed", || {
        environment.take_unexpected_exits().pop()
    });
    assert_eq!(exit.process, "balancer");
}
