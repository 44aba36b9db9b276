//! Names of arms, phases, journeys and edges: identifiers, because claims spell them as members.

use super::diagnostic::{Location, Problems};

/// Words that the expression language keeps for itself.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "type",
    "var",
    "void",
    "while",
];

/// How claims spell a name: `-` reads as `_`.
pub fn in_claims(name: &str) -> String {
    name.replace('-', "_")
}

/// Errors continue the sentence `the name "..." , which ...`.
pub(super) fn check(name: &str) -> Result<(), String> {
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Err("begins with a digit or a hyphen: names begin with a letter".to_owned());
    }
    if let Some(odd) = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !"_-".contains(*c))
    {
        return Err(format!(
            "holds {odd:?}: names consist of letters, digits, \"_\" and \"-\""
        ));
    }
    if name.len() > 64 {
        return Err("is longer than 64 characters".to_owned());
    }
    if RESERVED.contains(&name) {
        return Err("is a word of the claims' language: choose another name".to_owned());
    }
    Ok(())
}

/// A name without hyphens, for use within `{{...}}`.
pub(super) fn check_variable(name: &str) -> Result<(), String> {
    if name.contains('-') {
        return Err("holds '-': write \"_\"".to_owned());
    }
    check(name)
}

/// Reports names that claims could not tell apart.
pub(super) fn report_repeated<'a>(
    what: &str,
    names: impl IntoIterator<Item = (&'a str, &'a Location)>,
    problems: &Problems,
) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (name, at) in names {
        let spelled = in_claims(name);
        match seen.iter().find(|(known, _)| *known == spelled) {
            Some((_, earlier)) if *earlier == name => {
                problems.report(at, format!("the {what} \"{name}\" exists already: names must differ"));
            }
            Some((_, earlier)) => problems.report(
                at,
                format!("the {what}s \"{earlier}\" and \"{name}\" are both {spelled} in claims: names must differ"),
            ),
            None => seen.push((spelled, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_names_and_nothing_else_is() {
        for good in ["a", "min_equals_max", "retry-storm", "_x", "A1"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["1a", "-a", "a b", "a.b", "é", "in", "null", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
