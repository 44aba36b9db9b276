//! The texts of surveys: titles of 1 to 200 characters and answers of 1 to 1,000.

use thiserror::Error;

pub const LONGEST_TITLE: usize = 200;
pub const LONGEST_ANSWER: usize = 1_000;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    #[error("it has at least one character besides spaces")]
    Empty,
    #[error("it has at most {longest} characters, this has {characters}")]
    TooLong { longest: usize, characters: usize },
    #[error("it has no NUL characters")]
    Nul,
}

impl TextError {
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::Nul => "control_character",
        }
    }
}

/// A text that has been checked and trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub fn title(input: &str) -> Result<Self, TextError> {
        Self::of_at_most(LONGEST_TITLE, input)
    }

    pub fn answer(input: &str) -> Result<Self, TextError> {
        Self::of_at_most(LONGEST_ANSWER, input)
    }

    fn of_at_most(longest: usize, input: &str) -> Result<Self, TextError> {
        let text = input.trim();
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        let characters = text.chars().count();
        if characters > longest {
            return Err(TextError::TooLong {
                longest,
                characters,
            });
        }
        // PostgreSQL cannot store it.
        if text.contains('\0') {
            return Err(TextError::Nul);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(Text::title(" tea? ").unwrap().as_str(), "tea?");
        assert!(Text::title(&"글".repeat(200)).is_ok());
        assert_eq!(
            Text::title(&"글".repeat(201)).unwrap_err().code(),
            "too_long"
        );
        assert!(Text::answer(&"글".repeat(1_000)).is_ok());
        assert_eq!(
            Text::answer(&"글".repeat(1_001)).unwrap_err().code(),
            "too_long"
        );
        for (input, code) in [
            ("", "empty"),
            (" \n", "empty"),
            ("a\0b", "control_character"),
        ] {
            assert_eq!(Text::answer(input).unwrap_err().code(), code);
        }
    }
}
