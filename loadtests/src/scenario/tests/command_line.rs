//! What arguments do to a scenario, and loads without any file.

use std::time::Duration;

use serde_json::json;

use super::{PLAIN, options, try_plan};
use crate::scenario::{EnvironmentSpec, LoadModel, Options, Plan, UrlLoad};

fn with_env(text: &str, env: &[&str]) -> Result<Plan, Vec<String>> {
    try_plan(
        text,
        &Options {
            env: env.iter().map(|&pair| pair.to_owned()).collect(),
            ..options()
        },
    )
}

const ARMS: &str =
    "[[arms]]\nname = \"small\"\nservice.db.pool.max_size = 2\n[[arms]]\nname = \"as-is\"\n";

#[test]
fn env_changes_any_key_under_the_arms() {
    let text = format!("{PLAIN}{ARMS}");
    let plan = with_env(
        &text,
        &[
            "service.db.pool.max_size=20",
            "phases.before.duration=30s",
            "load.users = 7",
            "load.retry={ max = 1 }",
            "load.deadline=8s",
            "arms.as-is.service.db.pool.min_size=3",
        ],
    )
    .unwrap();
    let services: Vec<_> = plan
        .arms
        .iter()
        .map(|arm| match &arm.environment {
            EnvironmentSpec::Lab(lab) => json!(lab.service),
            EnvironmentSpec::External { .. } => panic!("a lab"),
        })
        .collect();
    assert_eq!(
        services,
        [
            json!({ "db": { "pool": { "max_size": 2 } } }),
            json!({ "db": { "pool": { "max_size": 20, "min_size": 3 } } })
        ]
    );
    assert_eq!(plan.arms[0].phases[0].duration, Duration::from_secs(30));
    assert!(matches!(
        plan.arms[0].load.model,
        LoadModel::Open { users: 7, .. }
    ));
    // The record tells such a run from one of the file alone.
    assert_eq!(
        plan.arms[1].overrides["phases.before.duration"],
        json!("30s")
    );
    assert_eq!(plan.arms[1].overrides["service.db.pool.min_size"], json!(3));
    assert_eq!(plan.arms[0].overrides["service.db.pool.max_size"], json!(2));
}

#[test]
fn mistakes_in_env_name_the_argument() {
    for (argument, message) in [
        (
            "rounds",
            "--env rounds: is not KEY=VALUE, such as --env service.db.pool.max_size=20",
        ),
        (
            "=5",
            "--env =5: is not KEY=VALUE, such as --env service.db.pool.max_size=20",
        ),
        (
            "a..b=5",
            "--env a..b=5: is not KEY=VALUE, such as --env service.db.pool.max_size=20",
        ),
        (
            "load.usrs=5",
            "--env load.usrs=5: unknown key \"usrs\" in [load]; did you mean \"users\"?",
        ),
        (
            "load.users=many",
            "--env load.users=many: \"users\" in [load] must be a whole number, not a text",
        ),
        (
            "phases.birst.rate=5",
            "--env phases.birst.rate=5: there is no \"birst\" in phases; did you mean \"burst\"?",
        ),
        (
            "name.x=5",
            "--env name.x=5: \"name.x\" leads into name, which is a text and has no keys",
        ),
        (
            "target.allow=[\"192.0.2.1:80\"]",
            "--env target.allow=[\"192.0.2.1:80\"]: where load may go is written in the scenario file only; \
             --target says which service",
        ),
    ] {
        assert_eq!(
            with_env(PLAIN, &[argument]).unwrap_err(),
            [message],
            "{argument}"
        );
    }
}

#[test]
fn arms_can_be_picked() {
    let text = format!("{PLAIN}{ARMS}");
    let pick = |arms: &[&str]| {
        try_plan(
            &text,
            &Options {
                arms: arms.iter().map(|&arm| arm.to_owned()).collect(),
                ..options()
            },
        )
    };
    let plan = pick(&["as_is"]).unwrap();
    assert_eq!(
        plan.arms
            .iter()
            .map(|arm| arm.name.as_str())
            .collect::<Vec<_>>(),
        ["as-is"]
    );
    assert_eq!(plan.left_out, ["small"]);
    assert_eq!(
        pick(&["smal"]).unwrap_err(),
        ["--arm smal: there is no such arm; did you mean \"small\"?"]
    );
}

#[test]
fn rounds_and_seed_have_bounds() {
    let refused = |options: Options| try_plan(PLAIN, &options).unwrap_err();
    assert_eq!(
        refused(Options {
            rounds: Some(0),
            ..options()
        }),
        ["--rounds 0: the number of rounds is between 1 and 1000"]
    );
    assert_eq!(
        refused(Options {
            seed: Some(u64::MAX),
            ..options()
        }),
        ["--seed 18446744073709551615: the largest seed is 9007199254740991"]
    );
}

#[test]
fn a_target_takes_the_place_of_our_own_servers() {
    let at = |text: &str, url: &str| {
        try_plan(
            text,
            &Options {
                target: Some(url.to_owned()),
                ..options()
            },
        )
    };
    let text =
        format!("{PLAIN}[service]\ndb.pool.max_size = 5\n[load]\njourneys = {{ browse = 1 }}\n");
    let plan = at(&text, "http://127.0.0.1:8080").unwrap();
    assert_eq!(
        plan.arms[0].environment,
        EnvironmentSpec::External {
            base_url: "http://127.0.0.1:8080".into()
        }
    );

    let found = at(&text, "http://192.0.2.9").unwrap_err();
    assert_eq!(
        found,
        [
            "--target http://192.0.2.9: load goes only to loopback; to send it to 192.0.2.9:80, a scenario file must say \
          so under [target]: allow = [\"192.0.2.9:80\"]"
        ]
    );
    let allowed = format!("{text}[target]\nallow = [\"192.0.2.9:80\"]\n");
    assert!(at(&allowed, "http://192.0.2.9").is_ok());

    assert_eq!(
        at(PLAIN, "http://127.0.0.1:8080").unwrap_err(),
        ["x.toml:1:1: [load] does not say what to do at the target: write [[journeys]] with steps"]
    );

    let faulty = format!(
        "{PLAIN}faults = [{{ on = \"service\", kind = \"kill\" }}]\n[load]\njourneys = {{ browse = 1 }}\n{ARMS}"
    );
    assert_eq!(
        at(&faulty, "http://127.0.0.1:8080").unwrap_err(),
        [
            "x.toml:10:11: a fault needs servers of our own, and the target is somebody else's",
            "x.toml:15:17: \"service.db.pool.max_size\" needs servers of our own, and the target is somebody else's",
        ]
    );
}

fn url_load(url: &str) -> UrlLoad {
    UrlLoad {
        url: url.to_owned(),
        rate: 200.0,
        duration: Duration::from_secs(30),
        method: "post".to_owned(),
        headers: vec!["Authorization: Bearer x:y".to_owned()],
        body: Some("{\"a\": \"\\\"\"}".to_owned()),
        thresholds: vec!["p99<50ms".to_owned()],
    }
}

#[test]
fn an_address_is_a_whole_scenario() {
    let load = url_load("http://127.0.0.1:8080/posts/1?x=a%20b#here");
    let plan = Plan::from_url(&load, &options()).unwrap();
    let arm = &plan.arms[0];
    assert_eq!(
        arm.environment,
        EnvironmentSpec::External {
            base_url: "http://127.0.0.1:8080".into()
        }
    );
    assert_eq!(
        (arm.phases[0].rate.from, arm.phases[0].duration),
        (200.0, Duration::from_secs(30))
    );
    let step = &arm.load.definitions[0].steps[0];
    assert_eq!(step.name, "POST /posts/1?x=a%20b");
    assert_eq!(step.headers["authorization"], "Bearer x:y");
    assert_eq!(step.body.as_deref(), Some("{\"a\": \"\\\"\"}"));
    assert_eq!(plan.thresholds[0].rule, "p99<50ms");
    assert_eq!(plan.sha256.len(), 64);
    assert_ne!(
        plan.sha256,
        Plan::from_url(
            &UrlLoad {
                rate: 201.0,
                ..load
            },
            &options()
        )
        .unwrap()
        .sha256
    );
}

#[test]
fn a_load_on_an_address_obeys_the_same_rules() {
    let refused = |load: UrlLoad| Plan::from_url(&load, &options()).unwrap_err().to_string();
    let good = || url_load("http://127.0.0.1:8080/");
    assert_eq!(
        refused(UrlLoad {
            rate: 0.0,
            ..good()
        }),
        "the command line: \"rate\" in [[phases]] is 0: a phase without arrivals measures nothing"
    );
    assert_eq!(
        refused(UrlLoad {
            duration: Duration::ZERO,
            ..good()
        }),
        "the command line: \"duration\" in [[phases]] is 0: it must be longer"
    );
    assert_eq!(
        refused(UrlLoad {
            method: "FETCH".into(),
            ..good()
        }),
        "the command line: \"method\" in a step is \"FETCH\": it is one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    );
    assert_eq!(
        refused(UrlLoad {
            headers: vec!["nonsense".into()],
            ..good()
        }),
        "--header \"nonsense\": is not \"Name: value\""
    );
    assert_eq!(
        refused(url_load("http://192.0.2.1/")),
        "the command line: load goes only to loopback; to send it to 192.0.2.1:80, a scenario file must say so under \
         [target]: allow = [\"192.0.2.1:80\"]"
    );
    assert!(refused(url_load("http://")).contains("is no address"));
    assert!(
        refused(UrlLoad {
            rate: f64::NAN,
            ..good()
        })
        .contains("must be a finite number")
    );
}
