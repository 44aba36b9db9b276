//! An e-mail address: trimmed, syntactically valid, comparable without regard to case.

use email_address::{EmailAddress, Options};
use thiserror::Error;

/// The longest address that mail transport can carry.
pub const MAX_CHARACTERS: usize = 254;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum EmailError {
    #[error("an e-mail address has at most {MAX_CHARACTERS} characters, this has {characters}")]
    TooLong { characters: usize },
    #[error("this is no e-mail address")]
    Syntax,
}

impl EmailError {
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Syntax => "invalid_email",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    key: String,
}

impl Email {
    pub fn parse(input: &str) -> Result<Self, EmailError> {
        let address = input.trim();
        let characters = address.chars().count();
        if characters > MAX_CHARACTERS {
            return Err(EmailError::TooLong { characters });
        }
        // "Name <address>" is valid in a header, but is not an address.
        let options = Options::default().without_display_text();
        EmailAddress::parse_with_options(address, options).map_err(|_| EmailError::Syntax)?;
        Ok(Self {
            address: address.to_owned(),
            key: address.to_lowercase(),
        })
    }

    /// As it was written: where mail is sent.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Equal for two spellings of one address that differ only in case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrounding_space_is_not_part_of_the_address() {
        let email = Email::parse("  Kim@Example.com\n").unwrap();
        assert_eq!(email.address(), "Kim@Example.com");
        assert_eq!(email.key(), "kim@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for input in [
            "",
            " ",
            "kim",
            "@example.com",
            "kim@",
            "a@b@c",
            "kim example@x.com",
            "Kim <kim@example.com>",
            "kim@example.com\0",
            "kim@exa\nmple.com",
        ] {
            assert_eq!(Email::parse(input), Err(EmailError::Syntax), "{input:?}");
        }
    }

    #[test]
    fn the_longest_address_has_254_characters() {
        // Labels of a domain have at most 63 characters.
        let domain = format!("{0}.{0}.{1}.com", "d".repeat(63), "e".repeat(57));
        let longest = format!("{}@{domain}", "l".repeat(64));
        assert_eq!(longest.chars().count(), 254);
        assert!(Email::parse(&longest).is_ok());

        let longer = format!("{}@{}e.com", "l".repeat(64), &domain[..domain.len() - 4]);
        assert_eq!(
            Email::parse(&longer),
            Err(EmailError::TooLong { characters: 255 })
        );
    }
}
