//! The text of a post: 1 to 10,000 characters (Unicode scalar values, as the database counts them).

use thiserror::Error;

pub const MAX_CHARACTERS: usize = 10_000;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ContentsError {
    #[error("a post has at least one character")]
    Empty,
    #[error("a post has at most {MAX_CHARACTERS} characters, this has {characters}")]
    TooLong { characters: usize },
    #[error("a post has no NUL characters")]
    Nul,
}

impl ContentsError {
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::Nul => "control_character",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents(String);

impl Contents {
    /// Keeps the text as it was written, spaces and line breaks included.
    pub fn parse(input: String) -> Result<Self, ContentsError> {
        if input.is_empty() {
            return Err(ContentsError::Empty);
        }
        let characters = input.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(ContentsError::TooLong { characters });
        }
        // PostgreSQL cannot store it.
        if input.contains('\0') {
            return Err(ContentsError::Nul);
        }
        Ok(Self(input))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_ten_thousand_characters_of_any_width_pass() {
        for input in ["x".to_owned(), "글".repeat(10_000), " \n".to_owned()] {
            assert_eq!(Contents::parse(input.clone()).unwrap().as_str(), input);
        }
    }

    #[test]
    fn none_and_ten_thousand_and_one_fail() {
        assert_eq!(Contents::parse(String::new()), Err(ContentsError::Empty));
        assert_eq!(
            Contents::parse("글".repeat(10_001)),
            Err(ContentsError::TooLong { characters: 10_001 })
        );
    }

    #[test]
    fn nul_is_refused_because_the_database_cannot_keep_it() {
        assert_eq!(Contents::parse("a\0b".into()), Err(ContentsError::Nul));
    }
}
