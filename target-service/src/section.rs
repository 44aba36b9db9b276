//! Knobs that belong to one part: a section of the configuration that the part follows while it runs.
//!
//! A section has a prefix, such as `payment.retry`, and the part's own configuration type. Each leaf of it is
//! a knob: `payment.retry.max_retries`. What the type refuses, and what its [`Settings::check`] refuses, is
//! refused before anything is changed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// A value that the type allows and that makes no sense.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{key}: {reason}")]
pub struct OutOfRange {
    /// Below the section: `backoff.base`.
    pub key: String,
    pub reason: String,
}

impl OutOfRange {
    /// Refuses unless it holds.
    pub fn unless(holds: bool, key: &str, reason: &str) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self {
            key: key.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// The same, seen from one level up.
    pub fn below(self, prefix: &str) -> Self {
        Self {
            key: format!("{prefix}.{}", self.key),
            ..self
        }
    }
}

/// The configuration of a part: what its types do not say is said by `check`.
pub trait Settings: Clone + Send + Serialize + DeserializeOwned + 'static {
    fn check(&self) -> Result<(), OutOfRange>;
}

/// Why a change of a section is refused; keys are below the section.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SectionError {
    #[error("{reason}")]
    WrongType { key: String, reason: String },
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// A change that has been found good and is not made yet.
pub type Change = Box<dyn FnOnce() + Send>;

/// What the store of all knobs needs to know of a section.
pub trait Section: fmt::Debug + Send + Sync {
    fn prefix(&self) -> &'static str;

    /// Every leaf as it is now, by its whole name.
    fn leaves(&self) -> Map<String, Value>;

    /// Checks other values for some leaves, named below the section.
    fn prepare(&self, changed: &[(&str, &Value)]) -> Result<Change, SectionError>;
}

/// A section that one part follows.
pub struct Followed<T> {
    prefix: &'static str,
    state: Arc<State<T>>,
}

struct State<T> {
    current: Mutex<T>,
    check: Check<T>,
    follow: Box<dyn Fn(&T) + Send + Sync>,
}

type Check<T> = Box<dyn Fn(&T) -> Result<(), OutOfRange> + Send + Sync>;

impl<T: Settings> Followed<T> {
    /// `follow` is handed every change; `first` is what the part was made with.
    pub fn new(
        prefix: &'static str,
        first: T,
        follow: impl Fn(&T) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::checked(prefix, first, T::check, follow)
    }

    /// With a check in the place of the type's own: for what depends on more than the section.
    pub fn checked(
        prefix: &'static str,
        first: T,
        check: impl Fn(&T) -> Result<(), OutOfRange> + Send + Sync + 'static,
        follow: impl Fn(&T) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            prefix,
            state: Arc::new(State {
                current: Mutex::new(first),
                check: Box::new(check),
                follow: Box::new(follow),
            }),
        })
    }

    fn values(&self) -> Value {
        serde_json::to_value(&*self.state.current()).unwrap_or_default()
    }
}

impl<T> State<T> {
    fn current(&self) -> MutexGuard<'_, T> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Settings> Section for Followed<T> {
    fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn leaves(&self) -> Map<String, Value> {
        let mut leaves = Map::new();
        collect(self.prefix, self.values(), &mut leaves);
        leaves
    }

    fn prepare(&self, changed: &[(&str, &Value)]) -> Result<Change, SectionError> {
        let mut values = self.values();
        for (key, value) in changed {
            if let Some(leaf) = values.pointer_mut(&format!("/{}", key.replace('.', "/"))) {
                *leaf = (*value).clone();
            }
        }
        let next: T =
            serde_path_to_error::deserialize(values).map_err(|error| SectionError::WrongType {
                key: error.path().to_string(),
                reason: error.inner().to_string(),
            })?;
        (self.state.check)(&next)?;
        let state = Arc::clone(&self.state);
        Ok(Box::new(move || {
            let mut current = state.current();
            (state.follow)(&next);
            *current = next;
        }))
    }
}

impl<T> fmt::Debug for Followed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Section({})", self.prefix)
    }
}

fn collect(name: &str, value: Value, leaves: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(&format!("{name}.{key}"), value, leaves);
            }
        }
        leaf => {
            leaves.insert(name.to_owned(), leaf);
        }
    }
}
