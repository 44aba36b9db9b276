//! The keys of `[service]`, checked by the service itself before anything starts.

use toml::Table;

use crate::environment::{self, EnvironmentError, Programs, Refusal};
use crate::scenario::{Arm, EnvironmentSpec, Fault, Plan, suggestion};

use super::Failure;

/// Whether the keys could be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Yes,
    /// Why not.
    No(String),
}

/// Has the service read each configuration that the plan would start it with, once. Every refusal
/// comes out, with the place where its key was written.
pub fn check(plan: &Plan, programs: &Programs) -> Result<Checked, Failure> {
    let mut asked: Vec<(&Table, Option<&str>)> = Vec::new();
    let mut complaints: Vec<String> = Vec::new();
    for arm in &plan.arms {
        let EnvironmentSpec::Lab(lab) = &arm.environment else {
            continue;
        };
        // One point is as good as another: a build has all of them or none.
        let dies_at = arm.faults.iter().find_map(|span| match &span.fault {
            Fault::CrashAt { point } => Some(&**point),
            _ => None,
        });
        let question = (&lab.service, dies_at);
        if asked.contains(&question) {
            continue;
        }
        asked.push(question);
        match environment::refusal(programs, lab, dies_at) {
            Ok(None) => {}
            Ok(Some(refusal)) => {
                let complaint = complaint(plan, arm, &refusal);
                // Arms share most of what they are started with.
                if !complaints.contains(&complaint) {
                    complaints.push(complaint);
                }
            }
            Err(error @ EnvironmentError::MissingProgram { .. }) => {
                return Ok(Checked::No(error.to_string()));
            }
            Err(error) => return Err(super::environment_failure(error)),
        }
    }
    if complaints.is_empty() {
        Ok(Checked::Yes)
    } else {
        Err(Failure::BadInput(complaints.join("\n")))
    }
}

fn complaint(plan: &Plan, arm: &Arm, refusal: &Refusal) -> String {
    let reason = &refusal.reason;
    let whole = || match &plan.file {
        Some(file) => file.display().to_string(),
        None => plan.name.clone(),
    };
    let Some(key) = &refusal.key else {
        return format!(
            "{}: the service refuses its configuration: {reason}",
            whole()
        );
    };
    let at = arm.service_keys.place(key);
    let at = at.map_or_else(whole, ToString::to_string);
    let last = key.rsplit('.').next().unwrap_or(key);
    if let Some(known) = unknown_field(reason) {
        let suggestion = suggestion(last, known);
        return format!("{at}: unknown key \"service.{key}\"{suggestion}");
    }
    let hint = hint(reason);
    format!("{at}: \"service.{key}\" is refused by the service: {reason}{hint}")
}

/// The service speaks of its own keys; some of them are set by a section of the scenario.
fn hint(reason: &str) -> &'static str {
    if reason.contains("redis.url") {
        "; here: add [redis], which may be empty"
    } else if reason.contains("fault-points") {
        "; for `crash_at` build it with --features target-service/fault-points, as ./squall does"
    } else {
        ""
    }
}

/// The fields that there are, where the reason is that there is no such field.
fn unknown_field(reason: &str) -> Option<Vec<&str>> {
    let (_, expected) = reason
        .strip_prefix("unknown field ")?
        .split_once("expected ")?;
    Some(expected.split('`').skip(1).step_by(2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_that_there_are_are_read_out_of_the_services_words() {
        assert_eq!(
            unknown_field("unknown field `c`, expected one of `a`, `b_b`"),
            Some(vec!["a", "b_b"])
        );
        assert_eq!(
            unknown_field("unknown field `c`, expected `a` or `b`"),
            Some(vec!["a", "b"])
        );
        assert_eq!(unknown_field("invalid type: string"), None);
    }
}
