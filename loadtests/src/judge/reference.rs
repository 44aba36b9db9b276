//! What a claim can speak of: a figure of an arm's phase, of an arm, of a whole sweep, or what a
//! search came to.

use crate::record::figures::Unit;
use crate::record::{SearchFacts, SearchRecord, SweepFacts, TrialRecord};
use crate::scenario::suggestion;
use crate::stats;

use super::scoped::{PathProblem, Scoped};
use super::vocabulary::Vocabulary;

/// A checked reference.
#[derive(Debug, Clone)]
pub enum Reference {
    /// `arm.NAME.PHASE.figure` or `arm.NAME.figure`.
    Arm { arm: String, figure: Scoped },
    /// `PHASE.figure` or `recovery_s`, of the trial that the expression is about.
    Trial(Scoped),
    /// `search("crossing")`, `search("low")`, `search("high")`.
    Search {
        part: SearchPart,
        search: SearchFacts,
    },
    /// `sweep("PHASE.figure")`: one number per arm, in the order of the swept values.
    Sweep {
        figure: Scoped,
        sweep: SweepFacts,
        arms: Vec<String>,
    },
    /// `sweep("value")`: the swept values.
    SweptValues(SweepFacts),
    /// `knee("PHASE.figure")`: the swept value at the knee of the curve.
    Knee {
        figure: Scoped,
        sweep: SweepFacts,
        arms: Vec<String>,
    },
}

/// Which number of a search's crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPart {
    Crossing,
    Low,
    High,
}

const SEARCH_PARTS: [(&str, SearchPart); 3] = [
    ("crossing", SearchPart::Crossing),
    ("low", SearchPart::Low),
    ("high", SearchPart::High),
];

/// What a reference stands for in one round.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    Number(f64),
    List(Vec<f64>),
}

impl Reference {
    /// Resolves what follows `arm.`: the arm's name, then a phase and a figure, or a figure of the arm.
    pub fn of_arm(path: &[String], names: &Vocabulary) -> Result<Self, PathProblem> {
        if names.search.is_some() {
            let message = "a search makes its arms while it runs, so that a claim can only speak of \
                           search(\"crossing\"), search(\"low\") and search(\"high\")";
            return Err(PathProblem {
                segment: 0,
                message: message.to_owned(),
            });
        }
        let Some((written, rest)) = path.split_first() else {
            let message = format!(
                "an arm must follow, as in arm.{}",
                names.arms.first().map_or("NAME", |arm| arm)
            );
            return Err(PathProblem {
                segment: 0,
                message,
            });
        };
        let arm = names.arm(written).ok_or_else(|| PathProblem {
            segment: 0,
            message: names.no_arm(written),
        })?;
        Ok(Self::Arm {
            arm: arm.to_owned(),
            figure: Scoped::resolve(rest, names).map_err(|problem| problem.after(1))?,
        })
    }

    /// Resolves a path of one trial: a phase and a figure, or a figure of the whole trial.
    pub fn of_trial(path: &[String], names: &Vocabulary) -> Result<Self, PathProblem> {
        let first = path.first().map_or("", String::as_str);
        if first == "arm" && names.phase(first).is_none() {
            return Err(PathProblem {
                segment: 0,
                message: "this is about one trial: write PHASE.FIGURE, without arm.NAME".to_owned(),
            });
        }
        Scoped::resolve(path, names).map(Self::Trial)
    }

    /// Resolves the text within `search("...")`.
    pub fn of_search(part: &str, names: &Vocabulary) -> Result<Self, PathProblem> {
        let problem = |message: String| PathProblem {
            segment: 0,
            message,
        };
        let search = names.search.clone();
        let search = search.ok_or_else(|| problem("the scenario has no [search]".to_owned()))?;
        let found = SEARCH_PARTS.iter().find(|(name, _)| *name == part);
        let (_, part) = found.ok_or_else(|| {
            let hint = suggestion(part, SEARCH_PARTS.iter().map(|(name, _)| *name));
            problem(format!("a search has no `{part}`{hint}"))
        })?;
        Ok(Self::Search {
            part: *part,
            search,
        })
    }

    /// Resolves the text within `sweep("...")`.
    pub fn of_sweep(path: &str, names: &Vocabulary) -> Result<Self, PathProblem> {
        let sweep = swept(names)?;
        if path == "value" {
            return Ok(Self::SweptValues(sweep));
        }
        Ok(Self::Sweep {
            figure: Scoped::written(path, names)?,
            sweep,
            arms: names.arms.clone(),
        })
    }

    /// Resolves the text within `knee("...")`.
    pub fn of_knee(path: &str, names: &Vocabulary) -> Result<Self, PathProblem> {
        Ok(Self::Knee {
            figure: Scoped::written(path, names)?,
            sweep: swept(names)?,
            arms: names.arms.clone(),
        })
    }

    /// What it stands for among the trials of one round; `None` where something was not measured.
    pub fn measure(&self, trials: &[&TrialRecord]) -> Option<Measured> {
        match self {
            Self::Arm { arm, figure } => figure.read(trial_of(arm, trials)?).map(Measured::Number),
            Self::Sweep { figure, arms, .. } => Some(Measured::List(curve(figure, arms, trials)?)),
            Self::SweptValues(sweep) => Some(Measured::List(sweep.values.clone())),
            Self::Trial(figure) => figure.read(trials.first()?).map(Measured::Number),
            Self::Search { .. } => None,
            Self::Knee {
                figure,
                sweep,
                arms,
            } => {
                let curve = curve(figure, arms, trials)?;
                let points: Vec<(f64, f64)> = sweep.values.iter().copied().zip(curve).collect();
                stats::knee(&points).map(|knee| Measured::Number(knee.x))
            }
        }
    }

    /// What it stands for when a search is over; `None` where it came to no such number.
    pub fn measure_search(&self, search: &SearchRecord) -> Option<Measured> {
        let Self::Search { part, .. } = self else {
            return None;
        };
        let crossing = search.crossing?;
        let number = match part {
            SearchPart::Crossing => Some(crossing.value),
            SearchPart::Low => crossing.low,
            SearchPart::High => crossing.high,
        };
        number.map(Measured::Number)
    }

    /// Stands in for a measurement, to try a claim before anything was run.
    pub fn synthetic(&self, value: f64) -> Measured {
        match self {
            Self::Arm { .. } | Self::Trial(_) | Self::Search { .. } | Self::Knee { .. } => {
                Measured::Number(value)
            }
            Self::Sweep { arms, .. } => Measured::List(vec![value; arms.len()]),
            Self::SweptValues(sweep) => Measured::List(sweep.values.clone()),
        }
    }

    /// The reference and its value, in plain English.
    pub fn describe(&self, measured: Option<&Measured>) -> String {
        match (self, measured) {
            (Self::Arm { arm, figure }, Some(Measured::Number(value))) => {
                format!("{arm}: {} = {}", figure.label(), figure.unit().show(*value))
            }
            (Self::Arm { arm, figure }, _) => format!("{arm}: {} was not measured", figure.label()),
            (Self::Trial(figure), Some(Measured::Number(value))) => {
                format!("{} = {}", figure.label(), figure.unit().show(*value))
            }
            (Self::Trial(figure), _) => format!("{} was not measured", figure.label()),
            (Self::Search { part, search }, Some(Measured::Number(value))) => {
                format!("{} is at {}", part.label(search), search.unit.show(*value))
            }
            (Self::Search { part, search }, _) => {
                format!("{} was not found", part.label(search))
            }
            (Self::Sweep { figure, sweep, .. }, Some(Measured::List(values))) => {
                let points = sweep.values.iter().zip(values);
                let points = points
                    .map(|(x, y)| format!("{} → {}", Unit::Count.show(*x), figure.unit().show(*y)));
                format!(
                    "{} by {}: {}",
                    figure.label(),
                    sweep.key,
                    points.collect::<Vec<_>>().join(", ")
                )
            }
            (Self::Sweep { figure, .. }, _) => {
                format!("{} was not measured in every arm", figure.label())
            }
            (Self::SweptValues(sweep), _) => {
                format!("{} values of {}", sweep.values.len(), sweep.key)
            }
            (Self::Knee { figure, sweep, .. }, Some(Measured::Number(value))) => {
                format!(
                    "the knee of {} is at {} = {}",
                    figure.label(),
                    sweep.key,
                    Unit::Count.show(*value)
                )
            }
            (Self::Knee { figure, .. }, _) => {
                format!("the curve of {} shows no knee", figure.label())
            }
        }
    }

    /// The phase and figure that it reads from a server in this arm's trial.
    pub fn server_figure(&self, of_arm: &str) -> Option<(String, &'static str)> {
        let figure = match self {
            Self::Arm { arm, figure } if arm == of_arm => figure,
            Self::Sweep { figure, .. } | Self::Knee { figure, .. } | Self::Trial(figure) => figure,
            Self::Arm { .. } | Self::SweptValues(_) | Self::Search { .. } => return None,
        };
        match figure {
            Scoped::Phase { phase, figure } => figure.server().map(|row| (phase.clone(), row.name)),
            Scoped::WholeTrial(_) => None,
        }
    }
}

impl SearchPart {
    fn label(self, search: &SearchFacts) -> String {
        let what = match self {
            Self::Crossing => "the crossing",
            Self::Low => "the low end of the crossing's interval",
            Self::High => "the high end of the crossing's interval",
        };
        format!("{what} of {}", search.key)
    }
}

fn swept(names: &Vocabulary) -> Result<SweepFacts, PathProblem> {
    let missing = || PathProblem {
        segment: 0,
        message: "the scenario has no [sweep]".to_owned(),
    };
    names.sweep.clone().ok_or_else(missing)
}

fn trial_of<'a>(arm: &str, trials: &[&'a TrialRecord]) -> Option<&'a TrialRecord> {
    trials
        .iter()
        .copied()
        .find(|record| record.trial.arm == arm)
}

fn curve(figure: &Scoped, arms: &[String], trials: &[&TrialRecord]) -> Option<Vec<f64>> {
    arms.iter()
        .map(|arm| figure.read(trial_of(arm, trials)?))
        .collect()
}
