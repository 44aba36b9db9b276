//! The format as it is documented, read in full.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{PLAIN, options, plan_of, try_plan};
use crate::scenario::fault::{EdgeFault, Fault, Process, ProcessFault};
use crate::scenario::trial::{
    Arrivals, Backoff, Dataset, Edge, EdgeConditions, EnvironmentSpec, Expectation, Extract,
    Jitter, LabSpec, Lifetime, LoadModel, Rate, RetryPolicy, Skew,
};

const FULL: &str = r#"
name  = "retry-storm"
title = "A brownout"
hypothesis = "It gets worse."
shows = ["retry storm"]
rounds = 3
seed = 42
[slo]
p99 = "300ms"
success = 0.99
[environment]
lifetime = "arm"
instances = 1
dataset = { members = 10_000, posts = 200_000, surveys = 30, survey_answers = 1_000, survey_likes = 500, coupons = 20, coupon_quantity = 50, skew = "uniform" }
edges = { database = { latency = "5ms" } }
[service]
db.pool.max_size = 10
db.statement_timeout = "1s"
[load]
arrivals = "uniform"
attempt_timeout = "3s"
deadline = "20s"
retry = { max = 0 }
journeys = { browse = 3, write = 0.5 }
headers = { X-Team = "blue" }
[[phases]]
name = "warm"
duration = "1m"
rate = 10
warmup = true
[[phases]]
name = "brownout"
duration = "10s"
rate = { from = 0, to = 410.5 }
faults = [
  { on = "database", kind = "latency", value = "100ms" },
  { on = "database", kind = "bandwidth", value = 1000 },
  { on = "client", kind = "reset" },
  { on = "service", kind = "pause" },
  { on = "service", kind = "knob", key = "db.simulated_delay", value = "3s" },
]
[[arms]]
name = "naive"
load.retry = { max = 4, backoff = "none" }
[[arms]]
name = "budget"
load.retry = { max = 2, backoff = { base = "50ms", cap = "1s" }, budget = 0.1 }
[[claims]]
says = "So it is"
check = "arm.naive.brownout.goodput > 1.0"
[[thresholds]]
arm = "budget"
phase = "brownout"
rule = "p99<500ms"
"#;

#[test]
fn every_documented_key_arrives_where_it_belongs() {
    let plan = plan_of(FULL);
    assert_eq!(
        (
            plan.name.as_str(),
            plan.title.as_str(),
            plan.hypothesis.as_str(),
            plan.rounds,
            plan.seed
        ),
        ("retry-storm", "A brownout", "It gets worse.", 3, 42)
    );
    assert_eq!(plan.shows, ["retry storm"]);
    let slo = plan.slo.unwrap();
    assert_eq!(
        (slo.p99, slo.success),
        (Some(Duration::from_millis(300)), Some(0.99))
    );
    assert_eq!(plan.claims[0].at.to_string(), "x.toml:50:9");
    assert_eq!(plan.thresholds[0].at.to_string(), "x.toml:54:8");
    assert_eq!(plan.thresholds[0].arm.as_deref(), Some("budget"));

    let arm = &plan.arms[1];
    let five = EdgeConditions {
        latency: Duration::from_millis(5),
    };
    let none = EdgeConditions {
        latency: Duration::ZERO,
    };
    assert_eq!(
        arm.environment,
        EnvironmentSpec::Lab(LabSpec {
            lifetime: Lifetime::Arm,
            instances: 1,
            sticky: false,
            dataset: Dataset {
                members: 10_000,
                posts: 200_000,
                surveys: 30,
                survey_answers: 1_000,
                survey_likes: 500,
                coupons: 20,
                coupon_quantity: 50,
                skew: Skew::Uniform
            },
            service: toml::toml! {
                db = { pool = { max_size = 10 }, statement_timeout = "1s" }
            },
            edges: BTreeMap::from([(Edge::Client, none), (Edge::Database, five)]),
            gateway: None,
            redis: false,
            heal: Duration::from_secs(30),
        })
    );
    // 410.5/s x 20 s, and a few to spare.
    assert_eq!(
        arm.load.model,
        LoadModel::Open {
            arrivals: Arrivals::Uniform,
            users: 8218
        }
    );
    assert_eq!(
        (arm.load.attempt_timeout, arm.load.deadline),
        (Duration::from_secs(3), Duration::from_secs(20))
    );
    let backoff = Backoff {
        base: Duration::from_millis(50),
        cap: Duration::from_secs(1),
        jitter: Jitter::Full,
    };
    assert_eq!(
        arm.load.retry,
        RetryPolicy {
            max: 2,
            backoff,
            budget: Some(0.1)
        }
    );
    let weights: Vec<_> = arm
        .load
        .journeys
        .iter()
        .map(|journey| (journey.name.as_str(), journey.weight))
        .collect();
    assert_eq!(weights, [("browse", 3.0), ("write", 0.5)]);
    assert_eq!(
        arm.load.headers,
        BTreeMap::from([("x-team".to_owned(), "blue".to_owned())])
    );
    assert!(arm.phases[0].warmup && !arm.phases[1].warmup);
    assert_eq!(
        arm.phases[1].rate,
        Rate {
            from: 0.0,
            to: 410.5
        }
    );
}

#[test]
fn faults_hold_for_exactly_their_phase() {
    let plan = plan_of(FULL);
    let faults = &plan.arms[0].faults;
    let knob = Fault::Knob {
        key: "db.simulated_delay".into(),
        value: json!("3s"),
    };
    assert_eq!(
        faults
            .iter()
            .map(|span| span.fault.clone())
            .collect::<Vec<_>>(),
        [
            Fault::Edge {
                edge: Edge::Database,
                kind: EdgeFault::Latency(Duration::from_millis(100))
            },
            Fault::Edge {
                edge: Edge::Database,
                kind: EdgeFault::Bandwidth(1000)
            },
            Fault::Edge {
                edge: Edge::Client,
                kind: EdgeFault::Reset
            },
            Fault::Process {
                process: Process::Service,
                kind: ProcessFault::Pause
            },
            knob,
        ]
    );
    for span in faults {
        assert_eq!(
            (span.start, span.end),
            (Duration::from_mins(1), Duration::from_secs(70))
        );
        assert_eq!(span.phase, "brownout");
    }
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let plan = plan_of(PLAIN);
    assert_eq!(
        (plan.title.as_str(), plan.rounds, plan.seed),
        ("plain", 1, 1)
    );
    let arm = &plan.arms[0];
    assert_eq!(arm.name, "default");
    assert_eq!(
        (arm.load.attempt_timeout, arm.load.deadline),
        (Duration::from_secs(3), Duration::from_secs(3))
    );
    assert_eq!(arm.load.retry.max, 0);
    assert_eq!(arm.load.journeys[0].name, "mix");
    // 500/s x 3 s, six deviations of a Poisson number, and a few to spare.
    assert_eq!(
        arm.load.model,
        LoadModel::Open {
            arrivals: Arrivals::Poisson,
            users: 1741
        }
    );
}

#[test]
fn timeouts_follow_from_each_other() {
    let seconds = Duration::from_secs;
    for (load, attempt, deadline) in [
        ("client_timeout = \"1s\"", seconds(1), seconds(1)),
        ("attempt_timeout = \"2s\"", seconds(2), seconds(2)),
        ("deadline = \"9s\"", seconds(9), seconds(9)),
        (
            "deadline = \"9s\"\nretry = { max = 2 }",
            seconds(3),
            seconds(9),
        ),
        (
            "deadline = \"1s\"\nretry = { max = 2 }",
            seconds(1),
            seconds(1),
        ),
        (
            "attempt_timeout = \"2s\"\ndeadline = \"9s\"",
            seconds(2),
            seconds(9),
        ),
    ] {
        let plan = plan_of(&format!("{PLAIN}[load]\n{load}\n"));
        let spec = &plan.arms[0].load;
        assert_eq!(
            (spec.attempt_timeout, spec.deadline),
            (attempt, deadline),
            "{load}"
        );
    }
}

#[test]
fn a_closed_load_has_users_and_no_rates() {
    let plan = plan_of(
        "name = \"c\"\n[load]\nclosed = { users = 96 }\n[[phases]]\nname = \"steady\"\nduration = \"5s\"\n",
    );
    assert_eq!(plan.arms[0].load.model, LoadModel::Closed { users: 96 });
    assert_eq!(plan.arms[0].phases[0].rate, Rate { from: 0.0, to: 0.0 });
}

#[test]
fn journeys_are_settled_down_to_their_headers() {
    let plan = plan_of(&format!(
        r#"{PLAIN}
[target]
base_url = "http://127.0.0.1:9999/"
[[journeys]]
name = "shop"
[[journeys.steps]]
path = "/items?page={{{{random(1, 9)}}}}"
expect = {{ status = 200, body_contains = "items" }}
extract = {{ id = "/items/0/id", etag = {{ header = "etag" }} }}
[[journeys.steps]]
name = "buy"
method = "POST"
path = "/items/{{{{id}}}}/orders"
headers = {{ If-Match = "{{{{etag}}}}" }}
body = {{ amount = 1 }}
expect = {{ status = [200, 201] }}
"#
    ));
    let arm = &plan.arms[0];
    assert_eq!(
        arm.environment,
        EnvironmentSpec::External {
            base_url: "http://127.0.0.1:9999".into()
        }
    );
    assert_eq!(
        arm.load
            .journeys
            .iter()
            .map(|journey| journey.name.as_str())
            .collect::<Vec<_>>(),
        ["shop"]
    );
    let [look, buy] = arm.load.definitions[0].steps.as_slice() else {
        panic!("two steps")
    };
    assert_eq!(look.name, "GET /items?page={{random(1, 9)}}");
    assert_eq!(
        look.expect,
        Expectation {
            status: vec![200],
            body_contains: Some("items".into())
        }
    );
    assert_eq!(look.extract["id"], Extract::Json("/items/0/id".into()));
    assert_eq!(look.extract["etag"], Extract::Header("etag".into()));
    assert_eq!((buy.name.as_str(), buy.method.as_str()), ("buy", "POST"));
    assert_eq!(buy.body.as_deref(), Some("{\"amount\":1}"));
    assert_eq!(buy.headers["if-match"], "{{etag}}");
    assert_eq!(buy.headers["content-type"], "application/json");
    assert_eq!(buy.expect.status, [200, 201]);
}

#[test]
fn trials_of_a_round_share_their_seed_and_rounds_do_not() {
    let plan = plan_of(FULL);
    let seed = |arm, round| plan.trial(&plan.arms[arm], round, 0).seed;
    assert_eq!(seed(0, 1), seed(1, 1));
    assert_ne!(seed(0, 1), seed(0, 2));
    assert!((1..100).all(|round| seed(0, round) < 1 << 53));
    let trial = plan.trial(&plan.arms[1], 2, 5);
    assert_eq!(
        (trial.arm.as_str(), trial.round, trial.order),
        ("budget", 2, 5)
    );
    assert_eq!(trial.duration(), Duration::from_secs(70));
    let other_seed = try_plan(
        FULL,
        &crate::scenario::Options {
            seed: Some(43),
            ..options()
        },
    )
    .unwrap();
    assert_ne!(other_seed.trial(&other_seed.arms[0], 1, 0).seed, seed(0, 1));
}

#[test]
fn a_trial_survives_being_written_down() {
    let plan = plan_of(FULL);
    let trial = plan.trial(&plan.arms[1], 1, 0);
    let text = serde_json::to_string(&trial).unwrap();
    assert!(text.contains("\"attempt_timeout\":\"3s\""), "{text}");
    assert_eq!(
        serde_json::from_str::<crate::scenario::Trial>(&text).unwrap(),
        trial
    );
}

#[test]
fn the_timeline_says_what_will_happen() {
    let plan = plan_of(FULL);
    assert_eq!(
        crate::scenario::timeline(&plan),
        "retry-storm: A brownout\n\
         2 arms x 3 rounds, 70s each: 420s of load, and the time to start and stop servers\n\
         \n\
         phase     from  to   rate          arrivals\n\
         warm      0s    60s  10/s          600       warmup, not judged\n\
         brownout  60s   70s  0 to 410.5/s  2052      latency 100ms on the database edge; \
         bandwidth 1000 bytes/s on the database edge; reset on the client edge; pause of the service; \
         db.simulated_delay = \"3s\" in the service\n\
         \n\
         arm  naive   load.retry = {\"max\":4,\"backoff\":\"none\"}\n\
         arm  budget  load.retry = {\"max\":2,\"backoff\":{\"base\":\"50ms\",\"cap\":\"1s\"},\"budget\":0.1}\n\
         \n\
         8218 users: enough even when nothing is answered before its deadline\n"
    );
}

#[test]
fn the_timeline_says_when_users_may_run_out() {
    let plan = plan_of(&format!("{PLAIN}[load]\nusers = 100\n"));
    let text = crate::scenario::timeline(&plan);
    assert!(
        text.contains(
            "100 users of the 1741 that a service which answers nothing takes up: when arrivals take longer than \
             200 ms on average at the peak, they wait for a user, and the trial is invalid"
        ),
        "{text}"
    );
}
