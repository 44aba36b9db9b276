//! A nickname: 1 to 10 characters as a reader counts them.
//!
//! What a reader sees as one character may be several code points: a Hangul syllable typed as separate
//! letters, a family emoji joined of four people. So the text is composed (NFC) first and then counted
//! in grapheme clusters. As a cluster may be arbitrarily long, its bytes are bounded too.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

pub const MAX_CHARACTERS: usize = 10;
/// Room for ten ordinary emoji, flags included, and none for a tower of combining marks.
pub const MAX_BYTES: usize = 160;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum NicknameError {
    #[error("a nickname has at least one character besides spaces")]
    Empty,
    #[error("a nickname has at most {MAX_CHARACTERS} characters, this has {characters}")]
    TooLong { characters: usize },
    #[error("a nickname has at most {MAX_BYTES} bytes in UTF-8, this has {bytes}")]
    TooManyBytes { bytes: usize },
    #[error(
        "a nickname has no control or invisible formatting characters, this has U+{code_point:04X}"
    )]
    ControlCharacter { code_point: u32 },
}

impl NicknameError {
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::TooManyBytes { .. } => "too_many_bytes",
            Self::ControlCharacter { .. } => "control_character",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nickname(String);

impl Nickname {
    pub fn parse(input: &str) -> Result<Self, NicknameError> {
        let nickname: String = input.trim().nfc().collect();
        if nickname.is_empty() {
            return Err(NicknameError::Empty);
        }
        if let Some(control) = nickname.chars().find(|&c| is_control(c)) {
            return Err(NicknameError::ControlCharacter {
                code_point: control.into(),
            });
        }
        let characters = nickname.graphemes(true).count();
        if characters > MAX_CHARACTERS {
            return Err(NicknameError::TooLong { characters });
        }
        if nickname.len() > MAX_BYTES {
            return Err(NicknameError::TooManyBytes {
                bytes: nickname.len(),
            });
        }
        Ok(Self(nickname))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line separators, and the invisible characters that reorder or hide the text
/// around them (bidirectional controls, zero-width spaces). Joiners stay: emoji and several scripts
/// need them.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{061C}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: &str = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";

    #[test]
    fn ten_hangul_syllables_pass_and_eleven_fail() {
        let ten = "가나다라마바사아자차";
        assert_eq!(Nickname::parse(ten).unwrap().as_str(), ten);
        assert_eq!(
            Nickname::parse("가나다라마바사아자차카"),
            Err(NicknameError::TooLong { characters: 11 })
        );
    }

    #[test]
    fn syllables_typed_as_letters_are_composed_before_they_are_counted_and_kept() {
        let decomposed = "\u{1112}\u{1161}\u{11AB}".repeat(10);
        assert_eq!(
            Nickname::parse(&decomposed).unwrap().as_str(),
            "한".repeat(10)
        );
    }

    #[test]
    fn a_joined_family_is_one_character() {
        let nickname = format!("{FAMILY}123456789");
        assert!(Nickname::parse(&nickname).is_ok());
        assert_eq!(
            Nickname::parse(&format!("{nickname}0")),
            Err(NicknameError::TooLong { characters: 11 })
        );
    }

    #[test]
    fn surrounding_space_does_not_count() {
        assert_eq!(Nickname::parse("\t kim \n").unwrap().as_str(), "kim");
        assert_eq!(Nickname::parse(" \u{3000}\t"), Err(NicknameError::Empty));
        assert_eq!(Nickname::parse(""), Err(NicknameError::Empty));
    }

    #[test]
    fn control_and_invisible_characters_are_refused_inside() {
        for control in ['\0', '\n', '\u{7F}', '\u{85}', '\u{200B}', '\u{202E}'] {
            assert_eq!(
                Nickname::parse(&format!("k{control}m")),
                Err(NicknameError::ControlCharacter {
                    code_point: control.into()
                }),
                "{control:?}"
            );
        }
    }

    #[test]
    fn one_character_of_many_combining_marks_is_bounded_by_its_bytes() {
        let tower = format!("q{}", "\u{0323}".repeat(80));
        assert_eq!(
            Nickname::parse(&tower),
            Err(NicknameError::TooManyBytes { bytes: 161 })
        );
        assert!(Nickname::parse(&tower[..tower.len() - 2]).is_ok());
    }
}
