//! What a report says, in words and in the order in which its reader needs it; how it looks is the
//! business of `markdown` and `html`.

use crate::record::show::NOTHING;
use crate::record::{
    ArmDocument, ClaimOutcome, Event, Finding, RecordDocument, SearchRecord, ThresholdOutcome,
    Verdict,
};

use super::table::Table;
use super::{comparison, facts};

/// A whole report but for its charts.
#[derive(Debug)]
pub struct Page {
    pub title: String,
    pub scenario: String,
    pub verdict: Verdict,
    pub verdict_word: &'static str,
    pub summary: String,
    /// What a search found, in one sentence; empty without a search.
    pub found: String,
    /// What must not be overlooked, gravest first.
    pub warnings: Vec<Warning>,
    /// Its paragraphs, each on one line.
    pub hypothesis: Vec<String>,
    pub shows: Vec<String>,
    pub claims: Vec<Rule>,
    pub thresholds: Vec<Rule>,
    /// What a search counted at each value; empty without a search.
    pub searched: Table,
    pub comparison: Table,
    pub of_arms: Table,
    pub facts: Table,
    pub overrides: Table,
    pub configuration: Table,
    pub arms: Vec<ArmSection>,
    pub several_rounds: bool,
    pub again: String,
}

#[derive(Debug)]
pub struct Warning {
    pub headline: &'static str,
    pub details: Vec<String>,
}

/// A claim or threshold with what became of it.
#[derive(Debug)]
pub struct Rule {
    pub holds: Option<bool>,
    pub says: String,
    pub check: String,
    /// One line per round.
    pub observed: Vec<String>,
}

#[derive(Debug)]
pub struct ArmSection {
    pub name: String,
    pub steps: Table,
    pub servers: Table,
    pub events: Table,
    pub findings: Vec<String>,
}

impl Rule {
    pub fn mark(&self) -> &'static str {
        match self.holds {
            Some(true) => "✔",
            Some(false) => "✘",
            None => "?",
        }
    }

    pub fn word(&self) -> &'static str {
        match self.holds {
            Some(true) => "holds",
            Some(false) => "does not hold",
            None => "undecided",
        }
    }
}

impl Page {
    pub fn of(document: &RecordDocument) -> Self {
        let claims: Vec<Rule> = document.claims.iter().map(claim).collect();
        let thresholds: Vec<Rule> = document.thresholds.iter().map(threshold).collect();
        let measured = document.arms.iter().filter(|arm| !arm.rounds.is_empty());
        Self {
            title: document.title.clone(),
            scenario: document.scenario.clone(),
            verdict: document.verdict,
            verdict_word: verdict_word(document),
            summary: summary(document, &claims, &thresholds),
            found: document
                .search
                .as_ref()
                .map_or_else(String::new, SearchRecord::sentence),
            warnings: warnings(document),
            hypothesis: paragraphs(&document.hypothesis),
            shows: document.shows.clone(),
            claims,
            thresholds,
            searched: document
                .search
                .as_ref()
                .map_or_else(|| Table::new(1, ["value"]), comparison::searched),
            comparison: comparison::by_phase(document),
            of_arms: comparison::of_arms(document),
            facts: facts::of(document),
            overrides: comparison::overrides(document),
            configuration: comparison::configuration(document),
            arms: measured.map(arm_section).collect(),
            several_rounds: document.arms.iter().any(|arm| arm.rounds.len() > 1),
            again: again(document),
        }
    }
}

fn verdict_word(document: &RecordDocument) -> &'static str {
    match document.verdict {
        Verdict::Pass if document.quick => "SMOKE RUN",
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Invalid => "INVALID",
        Verdict::Interrupted => "INTERRUPTED",
    }
}

fn summary(document: &RecordDocument, claims: &[Rule], thresholds: &[Rule]) -> String {
    let counted = |rules: &[Rule], one: &str, many: &str| {
        let held = rules.iter().filter(|rule| rule.holds == Some(true)).count();
        let undecided = rules.iter().filter(|rule| rule.holds.is_none()).count();
        let noun = if rules.len() == 1 { one } else { many };
        let undecided = if undecided > 0 {
            format!(", {undecided} undecided")
        } else {
            String::new()
        };
        (!rules.is_empty()).then(|| format!("{held} of {} {noun} held{undecided}", rules.len()))
    };
    let rules: Vec<String> = [
        counted(claims, "claim", "claims"),
        counted(thresholds, "threshold", "thresholds"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rules = if rules.is_empty() {
        "Nothing was claimed".to_owned()
    } else {
        rules.join("; ")
    };
    match document.verdict {
        Verdict::Invalid => {
            "The measurement itself was at fault, so these figures say nothing about the service."
                .to_owned()
        }
        Verdict::Interrupted => {
            format!("The run was cut short; this is what was measured until then. {rules}.")
        }
        Verdict::Inconclusive if nothing_succeeded(document) => {
            "No arrival succeeded, so nothing was shown.".to_owned()
        }
        _ if document.quick => {
            format!("Everything ran. {rules}, which decides nothing in a smoke run.")
        }
        Verdict::Inconclusive if document.search.is_some() && claims.is_empty() => {
            "The search found no boundary.".to_owned()
        }
        _ if document.failing_findings().next().is_some() => {
            format!("{rules}. Checks found what must not happen, see above.")
        }
        _ => format!("{rules}."),
    }
}

fn nothing_succeeded(document: &RecordDocument) -> bool {
    let rounds = document.arms.iter().flat_map(|arm| &arm.rounds);
    let mut phases = rounds.flat_map(|round| &round.phases);
    phases.all(|phase| phase.counts.ok == 0)
}

fn warnings(document: &RecordDocument) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |applies: bool, headline: &'static str, details: Vec<String>| {
        if applies {
            warnings.push(Warning { headline, details });
        }
    };
    let invalid: Vec<String> = document
        .invalid_reasons()
        .map(|(arm, round, reason)| format!("{arm}, round {round}: {reason}"))
        .collect();
    let headline = if document.verdict == Verdict::Invalid {
        "INVALID: the load generator or the measurement was at fault"
    } else {
        "REPEATED: in these runs the load generator or the measurement was at fault, and they were not counted"
    };
    warn(!invalid.is_empty(), headline, invalid);
    let found: Vec<String> = document
        .failing_findings()
        .map(|(arm, round, found)| {
            format!("{arm}, round {round}: {}: {}", found.code, found.detail)
        })
        .collect();
    warn(
        !found.is_empty() && !document.quick,
        "CHECKED AND FOUND: this must not happen, and the run fails for it",
        found,
    );
    warn(
        document.verdict == Verdict::Interrupted,
        "INTERRUPTED: the run was cut short",
        not_run(document),
    );
    warn(
        document.quick,
        "SMOKE RUN, NO EVIDENCE: every phase was shortened; the figures below show that the scenario runs, and nothing else",
        Vec::new(),
    );
    warn(
        document.git.as_ref().is_some_and(|git| git.dirty),
        "UNCOMMITTED CHANGES: the source tree differed from the commit named below",
        Vec::new(),
    );
    warnings
}

fn not_run(document: &RecordDocument) -> Vec<String> {
    let missing = document.arms.iter().filter(|arm| arm.rounds.is_empty());
    let missing = missing.map(|arm| format!("{} was not run", arm.name));
    let cut = document.arms.iter().flat_map(|arm| {
        let rounds = arm.rounds.iter().filter(|round| round.interrupted);
        rounds.map(move |round| format!("{}, round {}: cut short", arm.name, round.round))
    });
    missing.chain(cut).collect()
}

fn claim(outcome: &ClaimOutcome) -> Rule {
    Rule {
        holds: outcome.holds,
        says: outcome.says.clone(),
        check: outcome
            .check
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        observed: outcome.observed.split(" | ").map(str::to_owned).collect(),
    }
}

fn threshold(outcome: &ThresholdOutcome) -> Rule {
    let phase = outcome.phase.as_deref().unwrap_or("all judged phases");
    Rule {
        holds: outcome.holds,
        says: format!("{}, {phase}", outcome.arm),
        check: outcome.rule.clone(),
        observed: outcome.observed.split(" | ").map(str::to_owned).collect(),
    }
}

fn arm_section(arm: &ArmDocument) -> ArmSection {
    let several = arm.rounds.len() > 1;
    let mut events = Table::new(2, ["at", "what happened"]);
    let mut findings = Vec::new();
    for round in &arm.rounds {
        let of_round = if several {
            format!("round {}: ", round.round)
        } else {
            String::new()
        };
        for event in round.events.iter().filter(|event| event.kind != "phase") {
            let kind = event.kind.replace('_', " ");
            events.push([
                format!("{:.2} s", event.at_s),
                format!("{of_round}{kind}: {}{}", event.detail, in_flight(event)),
            ]);
        }
        findings.extend(
            round
                .findings
                .iter()
                .map(|found| format!("{of_round}{}: {}{}", found.code, found.detail, fails(found))),
        );
    }
    ArmSection {
        name: arm.name.clone(),
        steps: comparison::steps(arm),
        servers: comparison::servers(arm),
        events,
        findings,
    }
}

fn fails(found: &Finding) -> &'static str {
    if found.fails {
        " (the run fails for it)"
    } else {
        ""
    }
}

fn in_flight(event: &Event) -> String {
    let count = event.in_flight;
    count.map_or_else(String::new, |count| format!(", {count} payments in flight"))
}

fn again(document: &RecordDocument) -> String {
    if document.scenario.is_empty() {
        return NOTHING.to_owned();
    }
    let quick = if document.quick { " --quick" } else { "" };
    format!(
        "./squall run {} --seed {}{quick}",
        document.scenario, document.seed
    )
}
/// As scenario files write them: apart by empty lines, wrapped anywhere.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}
