//! The decisions as `JUnit` XML, for the systems that show test results: one suite for validity,
//! checks, claims and thresholds each. What is undecided is an error, never a pass.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::record::RecordDocument;

use super::ReportError;

pub fn report(document: &RecordDocument) -> Result<String, ReportError> {
    let mut report = Report::new(document.scenario.clone());
    let mut trials = TestSuite::new(format!("{}: trials", document.scenario));
    for arm in &document.arms {
        if arm.rounds.is_empty() {
            trials.add_test_case(case(
                &arm.name,
                "trial",
                Some("not run"),
                NonSuccessKind::Error,
            ));
        }
        for round in &arm.rounds {
            let name = format!("{}, round {}", arm.name, round.round);
            let reasons = round.validity.reasons.join("; ");
            let problem = if round.interrupted {
                Some("interrupted")
            } else {
                Some(reasons.as_str()).filter(|r| !r.is_empty())
            };
            trials.add_test_case(case(&name, "trial", problem, NonSuccessKind::Error));
        }
    }
    report.add_test_suite(trials);
    report.add_test_suite(checks(document));
    let claims = document
        .claims
        .iter()
        .map(|claim| (claim.says.clone(), claim.holds, &claim.observed));
    report.add_test_suite(rules(document, "claims", claims));
    let thresholds = document.thresholds.iter().map(|threshold| {
        let phase = threshold.phase.as_deref().unwrap_or("all judged phases");
        (
            format!("{} in {}, {phase}", threshold.rule, threshold.arm),
            threshold.holds,
            &threshold.observed,
        )
    });
    report.add_test_suite(rules(document, "thresholds", thresholds));
    Ok(report.to_string()?)
}

/// What the checkers found after each trial. A quick run leaves them no time, so they decide nothing there.
fn checks(document: &RecordDocument) -> TestSuite {
    let mut suite = TestSuite::new(format!("{}: checks", document.scenario));
    for arm in &document.arms {
        for round in &arm.rounds {
            let failing = round.findings.iter().filter(|found| found.fails);
            let failing: Vec<String> = failing
                .map(|found| format!("{}: {}", found.code, found.detail))
                .collect();
            let problem = Some(failing.join("; ")).filter(|problem| !problem.is_empty());
            let name = format!("{}, round {}", arm.name, round.round);
            let mut case = case(&name, "check", problem.as_deref(), NonSuccessKind::Failure);
            if document.quick {
                case.status = TestCaseStatus::skipped();
                case.status
                    .set_message("a smoke run leaves the checks no time");
            }
            suite.add_test_case(case);
        }
    }
    suite
}

fn rules<'a>(
    document: &RecordDocument,
    kind: &str,
    rules: impl Iterator<Item = (String, Option<bool>, &'a String)>,
) -> TestSuite {
    let mut suite = TestSuite::new(format!("{}: {kind}", document.scenario));
    for (name, holds, observed) in rules {
        let problem = match holds {
            _ if document.quick => Some(format!("a smoke run decides nothing; seen: {observed}")),
            Some(true) => None,
            Some(false) => Some(format!("does not hold; seen: {observed}")),
            None => Some(format!("undecided; seen: {observed}")),
        };
        let failure = if holds.is_none() {
            NonSuccessKind::Error
        } else {
            NonSuccessKind::Failure
        };
        let mut case = case(&name, kind, problem.as_deref(), failure);
        if document.quick {
            case.status = TestCaseStatus::skipped();
            case.status.set_message(problem.unwrap_or_default());
        }
        suite.add_test_case(case);
    }
    suite
}

fn case(name: &str, class: &str, problem: Option<&str>, kind: NonSuccessKind) -> TestCase {
    let mut status = problem.map_or_else(TestCaseStatus::success, |_| {
        TestCaseStatus::non_success(kind)
    });
    if let Some(problem) = problem {
        status.set_message(problem);
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}
