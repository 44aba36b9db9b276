//! The mock payment gateway, made slow, narrow and refusing while it runs.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use squall::environment::proxy::FaultProxy;
use squall::fault;
use squall::scenario::{
    Edge, EdgeConditions, EdgeFault, Fault, FaultSpan, GatewayBehaviour, GatewayFault,
    GatewayLatency, LabSpec, Process, ProcessFault,
};
use tokio::task::block_in_place;

use crate::gateway_support::{Rig, told};
use crate::playground::{eventually, lab_spec};

/// Nobody waits for the end of such work.
const ENDLESS: &str = "1h";

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_rate_limit_callers_are_sent_away_with_a_time() {
    let rig = Rig::new(json!({ "rate_limit": 1 })).await;
    let callers: Vec<_> = (0..20).map(|n| rig.paying(&n.to_string())).collect();
    let mut accepted = 0;
    for caller in callers {
        let answer = caller.await.unwrap().unwrap();
        if answer.status() == 201 {
            accepted += 1;
        } else {
            assert_eq!(answer.status(), 429);
            assert_eq!(answer.headers()["retry-after"], "1");
        }
    }
    assert!((1..20).contains(&accepted), "{accepted}");
    assert_eq!(rig.keys().await.len(), accepted);
    rig.patch(json!({ "rate_limit": 0 })).await;
    assert_eq!(told(rig.pay("k", "o", 100)).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_behaviour_holds_at_once_for_those_who_wait() {
    let rig = Rig::new(json!({ "latency": { "fixed": ENDLESS }, "capacity": 1 })).await;
    let callers: Vec<_> = ["a", "b", "c"].map(|key| rig.paying(key)).into();
    rig.eventually("gateway_waiting", 2);
    assert_eq!(rig.metric("gateway_in_work"), 1);
    // Whoever asks for the ledger does not wait with them.
    assert!(rig.keys().await.is_empty());
    let (status, behaviour) = rig.patch(json!({ "latency": { "fixed": "0s" } })).await;
    assert_eq!(status, 200);
    assert_eq!(behaviour["capacity"], 1);
    let told = rig.gateway.effective().await.unwrap();
    assert_eq!(json!(told), behaviour);
    // One place is taken for good; the second lets the others through.
    rig.patch(json!({ "capacity": 2 })).await;
    rig.eventually("gateway_charges_total", 2);
    rig.eventually("gateway_waiting", 0);
    eventually("the others are answered", || {
        let unanswered = callers.iter().filter(|one| !one.is_finished());
        (unanswered.count() == 1).then_some(())
    });
    for caller in callers {
        caller.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_or_an_impossible_value_is_named_and_nothing_changes() {
    let rig = Rig::new(json!({ "capacity": 7 })).await;
    for (change, name) in [
        (json!({ "capacity": 8, "capacitee": 4 }), "capacitee"),
        (json!({ "capacity": 8, "error_share": 2 }), "error_share"),
        (
            json!({ "capacity": 8, "latency": { "fixed": "2" } }),
            "latency",
        ),
        (json!({ "capacity": 8, "abandoned": "stop" }), "stop"),
    ] {
        let (status, body) = rig.patch(change).await;
        assert_eq!(status, 422);
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(name), "{detail}");
    }
    assert_eq!(rig.gateway.effective().await.unwrap().capacity, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_abandoned_work_ends_a_hung_up_call_frees_its_place() {
    let rig = Rig::new(json!({
        "latency": { "fixed": ENDLESS }, "capacity": 1, "abandoned": "cancel",
    }))
    .await;
    let working = rig.paying("k");
    rig.eventually("gateway_in_work", 1);
    let waiting = rig.paying("l");
    rig.eventually("gateway_waiting", 1);
    waiting.abort();
    rig.eventually("gateway_waiting", 0);
    working.abort();
    rig.eventually("gateway_in_work", 0);
    rig.eventually("gateway_requests_total{outcome=\"abandoned\"}", 2);
    rig.patch(json!({ "latency": { "fixed": "0s" } })).await;
    assert_eq!(told(rig.pay("m", "o", 100)).await.0, 201);
    assert_eq!(rig.keys().await, ["m"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_hold_together_and_leave_what_was_there_before() {
    let rig = Rig::new(json!({ "capacity": 40, "decline_share": 0.5 })).await;
    let usual = rig.gateway.effective().await.unwrap();
    let add = |fault| block_in_place(|| rig.gateway.add(fault).unwrap());
    let remove = |id| block_in_place(|| rig.gateway.remove(id).unwrap());
    let slow = GatewayLatency::Fixed(Duration::from_secs(2));
    let capacity = add(GatewayFault::Capacity(8));
    let latency = add(GatewayFault::Latency(slow));
    let disturbed = rig.gateway.effective().await.unwrap();
    let both = GatewayBehaviour {
        capacity: 8,
        latency: slow,
        ..usual.clone()
    };
    assert_eq!(disturbed, both);
    // The next phase's fault may begin a moment before this one's ends.
    let next = add(GatewayFault::Capacity(2));
    remove(capacity);
    assert_eq!(rig.gateway.effective().await.unwrap().capacity, 2);
    remove(next);
    remove(latency);
    let shares = [
        GatewayFault::Errors(1.0),
        GatewayFault::AnswerLost(1.0),
        GatewayFault::Declines(1.0),
    ]
    .map(add);
    let disturbed = rig.gateway.effective().await.unwrap();
    let all = GatewayBehaviour {
        error_share: 1.0,
        answer_lost_share: 1.0,
        decline_share: 1.0,
        ..usual.clone()
    };
    assert_eq!(disturbed, all);
    for share in shares {
        remove(share);
    }
    assert_eq!(rig.gateway.effective().await.unwrap(), usual);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_to_it_can_be_cut_without_harm_to_its_ledger() {
    let rig = Rig::new(json!({})).await;
    let upstream: SocketAddr = rig.gateway.address().parse().unwrap();
    let proxy = FaultProxy::start(&rig.run).unwrap();
    let address = proxy
        .open(Edge::Gateway, upstream, EdgeConditions::default())
        .unwrap();
    let pay = |key: &str| {
        let url = format!("http://{address}/payments");
        let request = rig.client.post(url).header("Idempotency-Key", key);
        request
            .json(&json!({ "order_id": key, "amount": 100 }))
            .send()
    };
    assert_eq!(pay("before").await.unwrap().status(), 201);
    let cut = proxy.add(Edge::Gateway, EdgeFault::Reset).unwrap();
    assert!(pay("during").await.is_err());
    proxy.remove(Edge::Gateway, cut).unwrap();
    assert_eq!(pay("after").await.unwrap().status(), 201);
    assert_eq!(rig.keys().await, ["before", "after"]);
}

#[test]
fn what_a_lab_cannot_have_is_refused_before_anything_starts() {
    let with = LabSpec {
        gateway: Some(GatewayBehaviour::default()),
        ..lab_spec()
    };
    let check = |fault: Fault, lab: &LabSpec| {
        let span = FaultSpan {
            phase: "brownout".to_owned(),
            start: Duration::ZERO,
            end: Duration::from_secs(1),
            fault,
        };
        fault::check(&[span], lab).map_err(|error| error.to_string())
    };
    let process = |kind| Fault::Process {
        process: Process::Gateway,
        kind,
    };
    let capacity = || Fault::Gateway(GatewayFault::Capacity(8));
    assert_eq!(check(capacity(), &with), Ok(()));
    assert_eq!(check(process(ProcessFault::Pause), &with), Ok(()));
    for kind in [ProcessFault::Kill, ProcessFault::Restart] {
        let error = check(process(kind), &with).unwrap_err();
        assert!(error.contains("witness"), "{error}");
    }
    for fault in [capacity(), process(ProcessFault::Pause)] {
        let error = check(fault, &lab_spec()).unwrap_err();
        assert!(error.contains("no Gateway"), "{error}");
    }
}
