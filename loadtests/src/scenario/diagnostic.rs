//! What is wrong with an input, where, and how to put it right.
//!
//! Everything found wrong is collected before anything is refused, so that one look at the
//! messages is enough to repair a file.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// A place in a scenario file, or an argument of the command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file as it was named, or the argument.
    source: Arc<str>,
    /// Counts from 1; 0 when the whole source is meant.
    line: usize,
    column: usize,
}

impl Location {
    /// A line and column of a file, both counted from 1.
    pub fn new(source: &Arc<str>, line: usize, column: usize) -> Self {
        Self {
            source: Arc::clone(source),
            line,
            column,
        }
    }

    /// A file or an argument as a whole.
    pub fn whole(source: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            line: 0,
            column: 0,
        }
    }

    /// `None` when the whole source is meant.
    pub fn line(&self) -> Option<usize> {
        (self.line > 0).then_some(self.line)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

/// One thing that is wrong: `scenarios/x.toml:12:1: unknown key "durration" in [[phases]]; did you mean "duration"?`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    pub at: Location,
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Everything that is wrong with an input, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn one(at: Location, message: impl Into<String>) -> Self {
        Self(vec![Diagnostic {
            at,
            message: message.into(),
        }])
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The most problems that are kept.
const MOST: usize = 100;

/// Where the readers of a file report what they find.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Diagnostic>>);

impl Problems {
    /// The same problem at the same place is kept once: arms share most of their file. Beyond
    /// [`MOST`] nobody reads on.
    pub(super) fn report(&self, at: &Location, message: impl Into<String>) {
        let diagnostic = Diagnostic {
            at: at.clone(),
            message: message.into(),
        };
        let mut found = self.0.borrow_mut();
        if found.len() < MOST && !found.contains(&diagnostic) {
            found.push(diagnostic);
        }
    }

    pub(super) fn none_yet(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `Err` when anything was reported so far, because what follows would only repeat it.
    pub(super) fn checkpoint(self) -> Result<Self, Diagnostics> {
        self.into_result().map(|()| Self::default())
    }

    /// `Err` when anything was reported.
    pub(super) fn into_result(self) -> Result<(), Diagnostics> {
        let mut found = self.0.into_inner();
        found.sort();
        if found.is_empty() {
            Ok(())
        } else {
            Err(Diagnostics(found))
        }
    }
}

/// The end of a message about an unknown name: the nearest known one, or all of them.
///
/// Begins with `; `, or is empty when nothing is known.
pub fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), *name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min();
    match (nearest, known.as_slice()) {
        (Some((_, name)), _) => format!("; did you mean \"{name}\"?"),
        (None, []) => String::new(),
        (None, [only]) => format!("; the only one is {only}"),
        (None, names) => format!("; it is one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_gets_the_nearest_name() {
        let known = ["name", "duration", "rate", "warmup", "faults"];
        assert_eq!(
            suggestion("durration", known),
            "; did you mean \"duration\"?"
        );
        assert_eq!(suggestion("nmae", known), "; did you mean \"name\"?");
        assert_eq!(
            suggestion("length", known),
            "; it is one of name, duration, rate, warmup, faults"
        );
        assert_eq!(suggestion("x", ["burst"]), "; the only one is burst");
        assert_eq!(suggestion("x", []), "");
    }

    #[test]
    fn problems_come_out_once_and_in_the_order_of_lines() {
        let file: Arc<str> = "x.toml".into();
        let problems = Problems::default();
        problems.report(&Location::new(&file, 12, 3), "second");
        problems.report(&Location::new(&file, 9, 1), "first");
        problems.report(&Location::new(&file, 12, 3), "second");
        let diagnostics = problems
            .into_result()
            .expect_err("two problems were reported");
        assert_eq!(
            diagnostics.to_string(),
            "x.toml:9:1: first\nx.toml:12:3: second"
        );
    }

    #[test]
    fn without_problems_there_is_nothing_to_refuse() {
        assert_eq!(Problems::default().into_result(), Ok(()));
    }
}
