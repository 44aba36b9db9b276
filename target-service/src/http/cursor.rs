//! Cursors: where in a list the next page begins, opaque to clients.
//!
//! A cursor is a position (the id of the last item shown) and a checksum over the position and the
//! list's name. The checksum makes a cursor that was altered, cut, or taken from another list an error
//! instead of a page from somewhere else. It is no secret: a position grants nothing that the list's
//! address does not grant, so any instance, also one just started, can check any other's cursors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use thiserror::Error;

const POSITION_BYTES: usize = 8;
/// With the position 18 bytes: 24 characters of base64 without spare bits, so that each cursor has
/// exactly one spelling.
const CHECKSUM_BYTES: usize = 10;
const CURSOR_BYTES: usize = POSITION_BYTES + CHECKSUM_BYTES;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("this cursor was not issued for this list")]
pub struct InvalidCursor;

/// `list` names the list that the position belongs to, for example `members/7/posts`.
pub fn encode(list: &str, position: i64) -> String {
    let position = position.to_be_bytes();
    let mut cursor = [0; CURSOR_BYTES];
    cursor[..POSITION_BYTES].copy_from_slice(&position);
    cursor[POSITION_BYTES..].copy_from_slice(&checksum(list, position));
    URL_SAFE_NO_PAD.encode(cursor)
}

pub fn decode(list: &str, cursor: &str) -> Result<i64, InvalidCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
    let (position, sum) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
    if *sum == checksum(list, *position) {
        Ok(i64::from_be_bytes(*position))
    } else {
        Err(InvalidCursor)
    }
}

fn checksum(list: &str, position: [u8; POSITION_BYTES]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new()
        .chain_update(b"cursor\0")
        .chain_update(position)
        .chain_update(list)
        .finalize();
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&digest[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_position_it_was_made_of(position: i64, member: u32) {
            let list = format!("members/{member}/posts");
            prop_assert_eq!(decode(&list, &encode(&list, position)), Ok(position));
        }

        #[test]
        fn a_cursor_with_any_one_character_changed_is_refused(
            position: i64, index in 0..24_usize, replacement in "[A-Za-z0-9_=.-]",
        ) {
            let cursor = encode("list", position);
            let mut altered = cursor.clone();
            altered.replace_range(index..=index, &replacement);
            prop_assume!(altered != cursor);
            prop_assert_eq!(decode("list", &altered), Err(InvalidCursor));
        }

        #[test]
        fn a_cursor_cut_or_extended_is_refused(position: i64, length in 0..24_usize, tail in ".+") {
            let cursor = encode("list", position);
            prop_assert_eq!(decode("list", &cursor[..length]), Err(InvalidCursor));
            prop_assert_eq!(decode("list", &(cursor + &tail)), Err(InvalidCursor));
        }

        #[test]
        fn a_cursor_of_another_list_is_refused(position: i64) {
            let cursor = encode("members/1/posts", position);
            prop_assert_eq!(decode("members/2/posts", &cursor), Err(InvalidCursor));
            prop_assert_eq!(decode("members/1/nicknames", &cursor), Err(InvalidCursor));
        }

        #[test]
        fn no_input_at_all_panics(input in ".*") {
            prop_assert_eq!(decode("list", &input), Err(InvalidCursor));
        }
    }
}
