//! Damaged scenarios are refused in words; nothing panics.

use proptest::prelude::*;

use super::{PLAIN, options, try_plan};

/// Something of everything, to be damaged.
const MORE: &str = r#"[load]
deadline = "9s"
retry = { max = 1, backoff = { base = "1ms", cap = "2s" } }
journeys = { a = 1, mix = 0.5 }
[environment]
edges = { database = { latency = "5ms" } }
[[journeys]]
name = "a"
steps = [{ path = "/{{seq}}", extract = { id = "/id" }, expect = { status = [200] } }]
[[arms]]
name = "x"
phases.burst.faults = [{ on = "database", kind = "drop" }]
[[claims]]
says = "s"
check = "c"
"#;

#[test]
fn what_is_to_be_damaged_is_whole() {
    assert!(try_plan(&format!("rounds = 2\n{PLAIN}{MORE}"), &options()).is_ok());
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(
        at in 0usize..700,
        length in 0usize..30,
        instead in "[\\[\\]{}=\"'.,#\n a-z0-9é-]{0,12}",
        quick in any::<bool>(),
    ) {
        let characters: Vec<char> = format!("rounds = 2\n{PLAIN}{MORE}").chars().collect();
        let at = at.min(characters.len());
        let end = (at + length).min(characters.len());
        let damaged: String =
            characters[..at].iter().copied().chain(instead.chars()).chain(characters[end..].iter().copied()).collect();
        if let Err(messages) = try_plan(&damaged, &crate::scenario::Options { quick, ..options() }) {
            prop_assert!(!messages.is_empty());
            prop_assert!(messages.iter().all(|message| message.starts_with("x.toml:")), "{messages:?}");
        }
    }
}
