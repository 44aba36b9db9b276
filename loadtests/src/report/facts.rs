//! How a run was made, in words: the machine, the build, the load and how often.

use crate::record::show::number;
use crate::record::{LoadSummary, Model, PhasePlan, RecordDocument};

use super::table::Table;

/// What a reader must know before comparing this run with another.
pub fn of(document: &RecordDocument) -> Table {
    let mut table = Table::new(2, ["", ""]);
    let machine = &document.machine;
    let memory = machine.memory_mb.map_or_else(String::new, |mb| {
        format!(", {} MB memory", number(mb as f64))
    });
    table.push([
        "machine".to_owned(),
        format!(
            "{}, {} cores{memory}, {}",
            machine.cpu, machine.cores, machine.kernel
        ),
    ]);
    let commit = document.git.as_ref().map_or_else(
        || "not from a git checkout".to_owned(),
        |git| {
            format!(
                "commit {}{}",
                git.commit,
                if git.dirty {
                    " with uncommitted changes"
                } else {
                    ""
                }
            )
        },
    );
    table.push([
        "built from".to_owned(),
        format!("squall {}, {commit}", document.squall_version),
    ]);
    table.push([
        "started".to_owned(),
        document
            .started_at
            .strftime("%Y-%m-%d %H:%M:%S UTC")
            .to_string(),
    ]);
    let loads: Vec<(&str, &LoadSummary)> = document
        .arms
        .iter()
        .filter_map(|arm| Some((arm.name.as_str(), arm.load.as_ref()?)))
        .collect();
    if let Some((_, first)) = loads.first() {
        table.push(["load".to_owned(), load(first)]);
        table.push(["timeline".to_owned(), timeline(first)]);
        for (arm, other) in loads.iter().filter(|(_, other)| load(other) != load(first)) {
            table.push([format!("load of {arm}"), load(other)]);
        }
    }
    for trial in &document.repeated {
        table.push([
            "run again".to_owned(),
            format!(
                "{}, round {}: {}",
                trial.arm,
                trial.round,
                trial.reasons.join("; ")
            ),
        ]);
    }
    if let Some(search) = &document.search {
        table.push([
            "search".to_owned(),
            format!(
                "{} of {}, in steps of {}; {} runs of each value, each with draws of its own, seed {}",
                search.key,
                search.of_arm,
                search.unit.show(search.precision),
                search.runs,
                document.seed
            ),
        ]);
        return table;
    }
    let rounds = document.rounds();
    table.push([
        "rounds".to_owned(),
        format!("{rounds}, seed {}", document.seed),
    ]);
    table
}

fn load(load: &LoadSummary) -> String {
    let journeys: Vec<String> = load
        .journeys
        .iter()
        .map(|(name, weight)| format!("{name} {}", number(*weight)))
        .collect();
    let model = match load.model {
        Model::Poisson => format!(
            "open model, Poisson arrivals, at most {} in flight",
            number(load.users as f64)
        ),
        Model::Uniform => format!(
            "open model, evenly spaced arrivals, at most {} in flight",
            number(load.users as f64)
        ),
        Model::Closed => format!("closed model, {} users", number(load.users as f64)),
    };
    format!(
        "{model}; attempt timeout {} s, deadline {} s, {} retries; journeys: {}",
        number(load.attempt_timeout_s),
        number(load.deadline_s),
        load.retries,
        journeys.join(", ")
    )
}

fn timeline(load: &LoadSummary) -> String {
    let phase = |plan: &PhasePlan| {
        let [from, to] = plan.rate;
        let rate = match load.model {
            Model::Closed => String::new(),
            _ if (from - to).abs() < f64::EPSILON => format!(" at {}/s", number(from)),
            _ => format!(" from {}/s to {}/s", number(from), number(to)),
        };
        let warmup = if plan.warmup { " (warm-up)" } else { "" };
        format!("{}{warmup} {} s{rate}", plan.name, number(plan.duration_s))
    };
    load.phases
        .iter()
        .map(phase)
        .collect::<Vec<_>>()
        .join(" → ")
}
