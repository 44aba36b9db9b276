//! A figure of one trial: in a phase of it, or over the whole of it. The part of a path that is
//! checked and read alike, whatever stands before it.

use crate::record::figures::{self, Figure, Source, Unit};
use crate::record::{ArmFigure, PhaseFigure, TrialRecord, arm_figures};
use crate::scenario::suggestion;

use super::vocabulary::{Vocabulary, known};

/// A figure with where it is looked for in a trial.
#[derive(Debug, Clone)]
pub enum Scoped {
    Phase { phase: String, figure: PhaseFigure },
    WholeTrial(&'static Figure),
}

/// Which segment of a path is wrong, from 0, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathProblem {
    pub segment: usize,
    pub message: String,
}

impl Scoped {
    pub fn written(path: &str, names: &Vocabulary) -> Result<Self, PathProblem> {
        let segments: Vec<String> = path.split('.').map(str::to_owned).collect();
        Self::resolve(&segments, names)
    }

    pub fn resolve(path: &[String], names: &Vocabulary) -> Result<Self, PathProblem> {
        let Some((first, rest)) = path.split_first() else {
            let message = format!(
                "a phase must follow{}",
                suggestion("", known(&names.phases))
            );
            return Err(PathProblem {
                segment: 0,
                message,
            });
        };
        if let Some(figure) = figures::ARM.iter().find(|figure| figure.name == first) {
            if matches!(figure.source, Source::Payments) && !names.payments {
                let message = format!(
                    "`{first}` is about payments, and the scenario has no gateway: \
                     add [gateway], which may be empty"
                );
                return Err(PathProblem {
                    segment: 0,
                    message,
                });
            }
            return match rest.first() {
                None => Ok(Self::WholeTrial(figure)),
                Some(extra) => {
                    let message = format!("`{first}` is a number and has no member `{extra}`");
                    Err(PathProblem {
                        segment: 1,
                        message,
                    })
                }
            };
        }
        let phase = names
            .phase(first)
            .ok_or_else(|| PathProblem {
                segment: 0,
                message: names.no_phase(first),
            })?
            .to_owned();
        let figure = PhaseFigure::parse(rest).map_err(|unknown| {
            let written = rest.get(unknown.segment).map_or("", String::as_str);
            let message = format!(
                "{}{}",
                unknown.problem,
                suggestion(written, known(&unknown.choices))
            );
            PathProblem {
                segment: unknown.segment + 1,
                message,
            }
        })?;
        if let (Some(steps), Some(step)) = (&names.steps, figure.step())
            && !steps.iter().any(|known| known == step)
        {
            let message = format!(
                "there is no step `{step}`{}",
                suggestion(step, known(steps))
            );
            return Err(PathProblem {
                segment: 2,
                message,
            });
        }
        Ok(Self::Phase { phase, figure })
    }

    pub fn read(&self, trial: &TrialRecord) -> Option<f64> {
        match self {
            Self::Phase { phase, figure } => {
                figure.read(trial.phases.iter().find(|record| record.name == *phase)?)
            }
            Self::WholeTrial(figure) => arm_figures(trial)
                .get(figure.name)
                .copied()
                .flatten()
                .map(ArmFigure::as_f64),
        }
    }

    pub fn unit(&self) -> Unit {
        match self {
            Self::Phase { figure, .. } => figure.unit(),
            Self::WholeTrial(figure) => figure.unit,
        }
    }

    pub fn label(&self) -> String {
        match self {
            Self::Phase { phase, figure } => format!("{} in {phase}", figure.path()),
            Self::WholeTrial(figure) => figure.name.to_owned(),
        }
    }
}

impl PathProblem {
    pub fn after(self, segments: usize) -> Self {
        Self {
            segment: self.segment + segments,
            ..self
        }
    }
}
