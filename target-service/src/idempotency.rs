//! The key by which a client marks a request that it may send again: 1 to 255 characters, none of them a
//! control character.

use std::fmt;

use thiserror::Error;

/// The header that carries it, from clients and to the payment gateway.
pub const HEADER: &str = "Idempotency-Key";
pub const MAX_CHARACTERS: usize = 255;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyKeyError {
    #[error("an idempotency key has at least one character")]
    Empty,
    #[error("an idempotency key has at most {MAX_CHARACTERS} characters, this has {characters}")]
    TooLong { characters: usize },
    #[error("an idempotency key has no control characters")]
    ControlCharacter,
    #[error("an idempotency key is text in UTF-8")]
    NotText,
}

impl IdempotencyKeyError {
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NotText => "not_text",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Keys are compared as they are written, spaces and case included.
    pub fn parse(input: impl Into<String>) -> Result<Self, IdempotencyKeyError> {
        let input = input.into();
        if input.is_empty() {
            return Err(IdempotencyKeyError::Empty);
        }
        let characters = input.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(IdempotencyKeyError::TooLong { characters });
        }
        if input.chars().any(char::is_control) {
            return Err(IdempotencyKeyError::ControlCharacter);
        }
        Ok(Self(input))
    }

    /// The value of a header.
    pub fn from_header(value: &[u8]) -> Result<Self, IdempotencyKeyError> {
        std::str::from_utf8(value)
            .map_err(|_| IdempotencyKeyError::NotText)
            .and_then(Self::parse)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_255_characters_of_any_width_pass() {
        for input in ["k".to_owned(), "열쇠 7".to_owned(), "글".repeat(255)] {
            assert_eq!(IdempotencyKey::parse(&*input).unwrap().as_str(), input);
        }
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (input, code) in [
            (String::new(), "empty"),
            ("k".repeat(256), "too_long"),
            ("a\nb".to_owned(), "control_character"),
            ("a\0".to_owned(), "control_character"),
        ] {
            assert_eq!(IdempotencyKey::parse(input).unwrap_err().code(), code);
        }
        let error = IdempotencyKey::from_header(b"\xff").unwrap_err();
        assert_eq!(error.code(), "not_text");
    }
}
