//! Small records for tests, made up from the goodput of each second.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::scenario::{
    Arrivals, Backoff, Edge, EdgeFault, EnvironmentSpec, Fault, FaultSpan, Jitter, LoadModel,
    LoadSpec, Phase, Rate, RetryPolicy, Trial, WeightedJourney,
};

use super::{
    ArmFacts, Counts, Event, GitState, Machine, PhaseHistograms, PhaseRecord, Quantiles, RunFacts,
    SecondRecord, StepRecord, SweepFacts, TrialRecord, Validity,
};

/// Arrivals offered in every second.
pub const RATE: u64 = 100;
pub const STEP: &str = "GET /posts/{id}";
/// Name, seconds and whether it is a warm-up; the fault holds in `fault`.
const PHASES: [(&str, u64, bool); 4] = [
    ("warm", 2, true),
    ("before", 10, false),
    ("fault", 5, false),
    ("after", 20, false),
];
const DEADLINE: Duration = Duration::from_secs(2);

pub fn trial(arm: &str, round: u32) -> Trial {
    let mut start = Duration::ZERO;
    let mut faults = Vec::new();
    let mut phases = Vec::new();
    for (name, seconds, warmup) in PHASES {
        let duration = Duration::from_secs(seconds);
        if name == "fault" {
            let fault = Fault::Edge {
                edge: Edge::Database,
                kind: EdgeFault::Latency(Duration::from_millis(50)),
            };
            faults.push(FaultSpan {
                phase: name.to_owned(),
                start,
                end: start + duration,
                fault,
            });
        }
        let rate = Rate {
            from: RATE as f64,
            to: RATE as f64,
        };
        phases.push(Phase {
            name: name.to_owned(),
            duration,
            rate,
            warmup,
        });
        start += duration;
    }
    Trial {
        arm: arm.to_owned(),
        round,
        order: 0,
        seed: 7,
        environment: EnvironmentSpec::External {
            base_url: "http://127.0.0.1:1".to_owned(),
        },
        load: load(),
        phases,
        faults,
        slo: None,
        expects: BTreeSet::new(),
    }
}

fn load() -> LoadSpec {
    LoadSpec {
        model: LoadModel::Open {
            arrivals: Arrivals::Uniform,
            users: 200,
        },
        attempt_timeout: Duration::from_secs(1),
        deadline: DEADLINE,
        retry: RetryPolicy {
            max: 0,
            backoff: Backoff {
                base: Duration::ZERO,
                cap: Duration::ZERO,
                jitter: Jitter::None,
            },
            budget: None,
        },
        keys: crate::scenario::Keys::PerArrival,
        poll_every: crate::scenario::LoadSpec::usual_poll(),
        journeys: vec![WeightedJourney {
            name: "browse".to_owned(),
            weight: 1.0,
        }],
        definitions: Vec::new(),
        headers: BTreeMap::new(),
    }
}

/// A trial in which all is well, but in `fault` and for so many seconds after it a fifth is answered.
pub fn record(arm: &str, round: u32, seconds_hurt_after: u64) -> TrialRecord {
    let trial = trial(arm, round);
    let fault = trial.faults[0].clone();
    let hurt_until = fault.end.as_secs() + seconds_hurt_after;
    let total = trial.duration().as_secs();
    let seconds: Vec<SecondRecord> = (0..total)
        .map(|second| {
            second_record(
                second,
                second >= fault.start.as_secs() && second < hurt_until,
            )
        })
        .collect();
    let mut from = 0;
    let mut phases = Vec::new();
    let mut histograms = Vec::new();
    for phase in &trial.phases {
        let until = from + phase.duration.as_secs();
        let rows = &seconds[from as usize..until as usize];
        let (phase, latencies) = phase_record(phase, rows);
        phases.push(phase);
        histograms.push(latencies);
        from = until;
    }
    TrialRecord {
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        interrupted: false,
        effective: json!({ "db": { "pool": { "max_size": if arm == "budget" { 20 } else { 10 } } }, "workers": 2 }),
        events: vec![
            event(fault.start, "fault_start"),
            event(fault.end, "fault_end"),
        ],
        findings: Vec::new(),
        violations: None,
        payments_tried: None,
        deliveries: None,
        tally: None,
        validity: Validity::default(),
        trial,
        phases,
        histograms,
        seconds,
    }
}

fn event(at: Duration, kind: &str) -> Event {
    Event {
        at_s: at.as_secs_f64(),
        kind: kind.to_owned(),
        detail: "database: latency 50 ms".to_owned(),
        in_flight: None,
    }
}

fn second_record(second: u64, hurt: bool) -> SecondRecord {
    let ok = if hurt { RATE / 5 } else { RATE };
    SecondRecord {
        second: second as u32,
        offered: RATE,
        ok,
        failed: RATE - ok,
        unsent: 0,
        attempts: RATE,
        p50_ms: Some(if hurt { 2000.0 } else { 10.0 }),
        p99_ms: Some(if hurt { 2000.0 } else { 19.0 }),
        server: BTreeMap::from([(
            "pool_pending_max".to_owned(),
            Some(if hurt { 30.0 } else { 0.0 }),
        )]),
    }
}

fn phase_record(phase: &Phase, rows: &[SecondRecord]) -> (PhaseRecord, PhaseHistograms) {
    let sum = |read: fn(&SecondRecord) -> u64| rows.iter().map(read).sum::<u64>();
    let (ok, failed) = (sum(|row| row.ok), sum(|row| row.failed));
    let mut histograms = PhaseHistograms::empty();
    for i in 0..ok {
        let micros = 1_000 + i % 20 * 1_000;
        for histogram in [
            &mut histograms.response,
            &mut histograms.ok,
            &mut histograms.service,
            &mut histograms.ttfb,
        ] {
            histogram.record(micros).unwrap();
        }
    }
    histograms
        .response
        .record_n(DEADLINE.as_micros() as u64, failed)
        .unwrap();
    histograms.release_lag.record_n(100, ok + failed).unwrap();
    histograms.send_lag.record_n(120, ok + failed).unwrap();
    histograms
        .steps
        .insert(STEP.to_owned(), histograms.response.clone());
    let response_ms = Quantiles::of(&histograms.response);
    let duration_s = phase.duration.as_secs_f64();
    let record = PhaseRecord {
        name: phase.name.clone(),
        warmup: phase.warmup,
        duration_s,
        counts: Counts {
            offered: ok + failed,
            sent: ok + failed,
            ok,
            failed,
            unsent: 0,
            attempts: ok + failed,
            ..Counts::default()
        },
        goodput: ok as f64 / duration_s,
        failures: if failed > 0 {
            BTreeMap::from([("timeout".to_owned(), failed)])
        } else {
            BTreeMap::new()
        },
        response_ms,
        ok_ms: Quantiles::of(&histograms.ok),
        service_ms: Quantiles::of(&histograms.service),
        ttfb_ms: Quantiles::of(&histograms.ttfb),
        release_lag_ms: Quantiles::of(&histograms.release_lag),
        send_lag_ms: Quantiles::of(&histograms.send_lag),
        steps: BTreeMap::from([(
            STEP.to_owned(),
            StepRecord {
                count: ok + failed,
                failed,
                response_ms,
            },
        )]),
        server: BTreeMap::from([
            ("pool_wait_p99_ms".to_owned(), Some(1.5)),
            ("pool_timeouts".to_owned(), None),
        ]),
    };
    (record, histograms)
}

pub fn facts(arms: &[&str], sweep: Option<Vec<f64>>) -> RunFacts {
    let arm = |name: &&str| ArmFacts {
        name: (*name).to_owned(),
        overrides: Map::from_iter([("load.retry.max".to_owned(), Value::from(4))]),
    };
    RunFacts {
        scenario: "storm".to_owned(),
        scenario_sha256: "00ff".repeat(16),
        title: "A slow database".to_owned(),
        hypothesis: "Retries make it worse.".to_owned(),
        shows: vec!["retry storm".to_owned()],
        git: Some(GitState {
            commit: "0123456789abcdef".to_owned(),
            dirty: false,
        }),
        seed: 7,
        quick: false,
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        machine: Machine {
            cpu: "Test CPU".to_owned(),
            cores: 2,
            memory_mb: Some(4096),
            kernel: "linux 6.1 x86_64".to_owned(),
        },
        arms: arms.iter().map(arm).collect(),
        sweep: sweep.map(|values| SweepFacts {
            key: "service.db.pool.max_size".to_owned(),
            values,
        }),
    }
}
