//! The names that rules may use: the scenario's arms, phases, steps, its sweep or its search.

use crate::record::{SearchFacts, SweepFacts};
use crate::scenario::{in_claims, suggestion};

/// Names as the scenario spells them.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    pub arms: Vec<String>,
    /// Judged phases, in order.
    pub phases: Vec<String>,
    /// Phases that are run and not judged.
    pub warmups: Vec<String>,
    pub sweep: Option<SweepFacts>,
    pub search: Option<SearchFacts>,
    /// Whether there is a gateway, so that payments are checked.
    pub payments: bool,
    /// The steps of the journeys; `None` where they are not known before the run.
    pub steps: Option<Vec<String>>,
}

impl Vocabulary {
    /// The arm of this name; `-` and `_` are the same here.
    pub fn arm(&self, written: &str) -> Option<&str> {
        find(&self.arms, written)
    }

    /// The judged phase of this name.
    pub fn phase(&self, written: &str) -> Option<&str> {
        find(&self.phases, written)
    }

    /// Why there is no such arm.
    pub fn no_arm(&self, written: &str) -> String {
        format!(
            "there is no arm `{written}`{}",
            suggestion(written, known(&self.arms))
        )
    }

    /// Why there is no such phase.
    pub fn no_phase(&self, written: &str) -> String {
        if find(&self.warmups, written).is_some() {
            return format!("the phase `{written}` is a warm-up, which is run but not judged");
        }
        format!(
            "there is no phase `{written}`{}",
            suggestion(written, known(&self.phases))
        )
    }
}

/// Names as [`suggestion`] wants them.
pub fn known(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

fn find<'a>(names: &'a [String], written: &str) -> Option<&'a str> {
    known(names).find(|name| in_claims(name) == in_claims(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_read_as_underscores() {
        let names = Vocabulary {
            arms: vec!["no-pool".into()],
            ..Vocabulary::default()
        };
        assert_eq!(names.arm("no_pool"), Some("no-pool"));
        assert_eq!(names.arm("no-pool"), Some("no-pool"));
        assert_eq!(names.arm("pool"), None);
    }
}
