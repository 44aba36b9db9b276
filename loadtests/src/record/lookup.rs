//! From a written path, such as `response_ms.p99` or `failures.timeout`, to the number in a phase.
//!
//! Every path is checked against the figure table before anything runs; reading one later cannot fail,
//! only find that there were no samples.

use std::fmt;

use thiserror::Error;

use super::figures::{self, Figure, Source, Unit};
use super::{PhaseRecord, Quantiles};

type Statistic = fn(&Quantiles) -> Option<f64>;

/// The numbers of a distribution, by name.
const STATISTICS: &[(&str, Statistic)] = &[
    ("p50", |q| q.p50),
    ("p90", |q| q.p90),
    ("p95", |q| q.p95),
    ("p99", |q| q.p99),
    ("p999", |q| q.p999),
    ("max", |q| q.max),
    ("mean", |q| q.mean),
];
const STEP_COUNTS: &[&str] = &["count", "failed"];

/// A checked path to one number of a phase.
#[derive(Debug, Clone)]
pub struct PhaseFigure {
    path: Vec<String>,
    figure: &'static Figure,
    access: Access,
}

#[derive(Debug, Clone)]
enum Access {
    Number(fn(&PhaseRecord) -> Option<f64>),
    Latency(fn(&PhaseRecord) -> &Quantiles, Statistic),
    Failure(String),
    StepCount { step: String, failed: bool },
    StepLatency { step: String, statistic: Statistic },
    Server(&'static str),
}

/// A path that leads to no number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct UnknownFigure {
    /// Which segment is at fault, from 0; one past the end when something is missing there.
    pub segment: usize,
    pub problem: String,
    /// What could stand in its place.
    pub choices: Vec<String>,
}

impl fmt::Display for UnknownFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl PhaseFigure {
    /// Checks a path within a phase, segment by segment.
    pub fn parse<S: AsRef<str>>(segments: &[S]) -> Result<Self, UnknownFigure> {
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let Some((name, rest)) = segments.split_first() else {
            return Err(missing(0, "a figure", phase_figure_names()));
        };
        let Some(figure) = figures::CLIENT
            .iter()
            .chain(figures::SERVER)
            .find(|figure| figure.name == *name)
        else {
            return Err(unknown(0, name, "figure", phase_figure_names()));
        };
        let (access, used) = match figure.source {
            Source::Arrivals(read) => (Access::Number(read), 1),
            Source::Latencies(read) => (Access::Latency(read, statistic(rest, 1)?), 2),
            Source::Failures => match rest.first() {
                Some(kind) => (Access::Failure((*kind).to_owned()), 2),
                None => {
                    return Err(missing(
                        1,
                        "a kind of failure",
                        vec!["timeout".into(), "connect".into()],
                    ));
                }
            },
            Source::Steps => step(rest)?,
            _ => (Access::Server(figure.name), 1),
        };
        if let Some(extra) = segments.get(used) {
            let problem = format!(
                "`{}` is a number and has no member `{extra}`",
                segments[..used].join(".")
            );
            return Err(UnknownFigure {
                segment: used,
                problem,
                choices: Vec::new(),
            });
        }
        Ok(Self {
            path: segments.iter().map(|&segment| segment.to_owned()).collect(),
            figure,
            access,
        })
    }

    /// The number in this phase; `None` without samples.
    pub fn read(&self, phase: &PhaseRecord) -> Option<f64> {
        match &self.access {
            Access::Number(read) => read(phase),
            Access::Latency(read, statistic) => statistic(read(phase)),
            Access::Failure(kind) => {
                Some(phase.failures.get(kind).copied().unwrap_or_default() as f64)
            }
            Access::StepCount { step, failed } => {
                let step = phase.steps.get(step)?;
                Some(if *failed { step.failed } else { step.count } as f64)
            }
            Access::StepLatency { step, statistic } => {
                statistic(&phase.steps.get(step)?.response_ms)
            }
            Access::Server(name) => phase.server.get(*name).copied().flatten(),
        }
    }

    /// The path as it was written.
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    pub fn unit(&self) -> Unit {
        match self.access {
            Access::StepLatency { .. } => Unit::Milliseconds,
            _ => self.figure.unit,
        }
    }

    /// The step that it speaks of, if it speaks of one.
    pub fn step(&self) -> Option<&str> {
        match &self.access {
            Access::StepCount { step, .. } | Access::StepLatency { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The row of the table, when the figure is read from a server.
    pub fn server(&self) -> Option<&'static Figure> {
        matches!(self.access, Access::Server(_)).then_some(self.figure)
    }
}

fn step(rest: &[&str]) -> Result<(Access, usize), UnknownFigure> {
    let members = || {
        [STEP_COUNTS, &["response_ms"]]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    match rest {
        [] => Err(missing(
            1,
            "the step's name, as in steps[\"GET /posts\"]",
            Vec::new(),
        )),
        [_] => Err(missing(2, "`count`, `failed` or `response_ms`", members())),
        [step, "count", ..] => Ok((
            Access::StepCount {
                step: (*step).to_owned(),
                failed: false,
            },
            3,
        )),
        [step, "failed", ..] => Ok((
            Access::StepCount {
                step: (*step).to_owned(),
                failed: true,
            },
            3,
        )),
        [step, "response_ms", rest @ ..] => Ok((
            Access::StepLatency {
                step: (*step).to_owned(),
                statistic: statistic(rest, 3)?,
            },
            4,
        )),
        [_, other, ..] => Err(unknown(2, other, "member of a step", members())),
    }
}

fn statistic(rest: &[&str], segment: usize) -> Result<Statistic, UnknownFigure> {
    let choices = || {
        STATISTICS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let Some(name) = rest.first() else {
        return Err(missing(
            segment,
            &format!("one of {}", choices().join(", ")),
            choices(),
        ));
    };
    let found = STATISTICS.iter().find(|(known, _)| known == name);
    found
        .map(|(_, read)| *read)
        .ok_or_else(|| unknown(segment, name, "number of a distribution", choices()))
}

fn phase_figure_names() -> Vec<String> {
    figures::CLIENT
        .iter()
        .chain(figures::SERVER)
        .map(|figure| figure.name.to_owned())
        .collect()
}

fn missing(segment: usize, what: &str, choices: Vec<String>) -> UnknownFigure {
    UnknownFigure {
        segment,
        problem: format!("{what} must follow"),
        choices,
    }
}

fn unknown(segment: usize, name: &str, what: &str, choices: Vec<String>) -> UnknownFigure {
    UnknownFigure {
        segment,
        problem: format!("there is no {what} `{name}`"),
        choices,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::fixture;

    fn read(path: &[&str]) -> Option<f64> {
        PhaseFigure::parse(path)
            .unwrap()
            .read(&fixture::record("a", 1, 0).phases[2])
    }

    #[test]
    fn every_kind_of_figure_is_found() {
        assert_eq!(read(&["offered"]), Some(500.0));
        assert_eq!(read(&["goodput"]), Some(20.0));
        assert_eq!(read(&["error_rate"]), Some(0.8));
        assert_eq!(read(&["failures", "timeout"]), Some(400.0));
        assert_eq!(read(&["failures", "reset"]), Some(0.0));
        assert_eq!(read(&["steps", fixture::STEP, "failed"]), Some(400.0));
        assert_eq!(read(&["steps", "GET /nowhere", "count"]), None);
        assert_eq!(read(&["pool_wait_p99_ms"]), Some(1.5));
        assert_eq!(read(&["pool_timeouts"]), None);
        assert!(read(&["ok_ms", "max"]).is_some_and(|max| (19.9..20.1).contains(&max)));
    }

    #[test]
    fn a_wrong_segment_is_pointed_at() {
        let problem = |path: &[&str]| PhaseFigure::parse(path).unwrap_err();
        assert_eq!(problem(&["godput"]).segment, 0);
        assert_eq!(problem(&["response_ms"]).segment, 1);
        assert_eq!(problem(&["response_ms", "p98"]).segment, 1);
        assert_eq!(problem(&["goodput", "p99"]).segment, 1);
        assert_eq!(problem(&["steps", "GET /", "p99"]).segment, 2);
        assert_eq!(problem(&["failures"]).segment, 1);
        assert_eq!(problem(&[]).segment, 0);
    }

    #[test]
    fn each_figure_has_a_name_of_its_own_and_a_sentence() {
        let mut names = std::collections::BTreeSet::new();
        for figure in figures::CLIENT
            .iter()
            .chain(figures::ARM)
            .chain(figures::SERVER)
        {
            assert!(names.insert(figure.name), "{} is there twice", figure.name);
            assert!(
                figure.doc.ends_with('.') && figure.doc.len() > 15,
                "{}: {}",
                figure.name,
                figure.doc
            );
        }
    }
}
