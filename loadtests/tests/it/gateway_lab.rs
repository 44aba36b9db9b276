//! A trial's servers with a payment gateway: the service finds it, and faults reach it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use squall::environment::Environment;
use squall::fault::Schedule;
use squall::scenario::{
    Edge, EdgeConditions, Fault, FaultSpan, GatewayBehaviour, GatewayFault, LabSpec, Process,
    ProcessFault,
};

use crate::playground::{eventually, lab_spec, start};

const START: Duration = Duration::from_millis(300);
const END: Duration = Duration::from_millis(1_500);

fn with_gateway() -> LabSpec {
    LabSpec {
        edges: [(Edge::Gateway, EdgeConditions::default())].into(),
        gateway: Some(GatewayBehaviour {
            capacity: 40,
            ..GatewayBehaviour::default()
        }),
        ..lab_spec()
    }
}

async fn pay(environment: &Environment, key: &str) -> u16 {
    let answer = reqwest::Client::new()
        .post(format!("{}/payments", environment.base_url()))
        .header("Idempotency-Key", key)
        .json(&json!({ "order_id": 1, "member_id": 1, "amount": 500 }))
        .send()
        .await
        .unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_pays_at_the_gateway_of_its_lab() {
    let environment = start(with_gateway()).await;
    assert_eq!(pay(&environment, "k").await, 201);
    let gateway = environment.lab().unwrap().gateway().unwrap();
    let ledger = gateway.ledger().await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0].amount, 500);
    let told = environment.effective().await.unwrap();
    assert_eq!(told["gateway"]["capacity"], 40, "{told}");
    assert_eq!(told["edges"]["gateway"]["latency_ms"], 0.0, "{told}");
    // Where it is, is no part of a scenario's configuration.
    assert!(told["service"]["payment"]["gateway"].get("url").is_none());
    assert!(environment.cpu_time().contains_key(&Process::Gateway));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_on_the_gateway_holds_for_its_span_and_a_pause_keeps_its_ledger() {
    let environment = Arc::new(start(with_gateway()).await);
    assert_eq!(pay(&environment, "k").await, 201);
    let span = |fault| FaultSpan {
        phase: "brownout".to_owned(),
        start: START,
        end: END,
        fault,
    };
    let capacity = || {
        let gateway = environment.lab().unwrap().gateway().unwrap();
        let runtime = tokio::runtime::Handle::current();
        let behaviour =
            tokio::task::block_in_place(|| runtime.block_on(gateway.effective()).unwrap());
        behaviour.capacity
    };
    let faults = [span(Fault::Gateway(GatewayFault::Capacity(8)))];
    let schedule = Schedule::start(&environment, &faults, Instant::now());
    eventually("the fault holds", || (capacity() == 8).then_some(()));
    eventually("the fault is gone", || (capacity() == 40).then_some(()));
    let finish = |schedule: Schedule| tokio::task::block_in_place(|| schedule.finish());
    assert_eq!(finish(schedule).findings.len(), 0);

    let pause = Fault::Process {
        process: Process::Gateway,
        kind: ProcessFault::Pause,
    };
    let schedule = Schedule::start(&environment, &[span(pause)], Instant::now());
    tokio::time::sleep(END + Duration::from_millis(100)).await;
    let log = finish(schedule);
    assert_eq!((log.events.len(), log.findings.len()), (2, 0));
    let gateway = environment.lab().unwrap().gateway().unwrap();
    assert_eq!(gateway.ledger().await.unwrap().len(), 1);
    assert_eq!(environment.take_unexpected_exits(), []);
}
