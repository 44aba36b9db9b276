//! Reads Prometheus' text format: one line, one sample. A line that is not understood is skipped,
//! never guessed at.
//!
//! Written here because label values of ours hold braces (`/posts/{id}`), which the parsers that
//! were looked at split at.

use std::collections::BTreeMap;

/// One sample of an exposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// All samples of a page; comments and what does not parse are left out.
pub fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Sample> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    // A timestamp may follow the value.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Labels up to the closing brace, and what follows it.
fn parse_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once('=')?;
        let (value, after) = parse_quoted(quoted.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

/// A label value up to its closing quote, unescaped, and what follows it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn braces_commas_quotes_and_escapes_are_part_of_a_label_value() {
        let line = r#"requests_total{route="/posts/{id}",note="a,b=\"c\"\n"} 3"#;
        assert_eq!(
            parse(line),
            vec![Sample {
                name: "requests_total".to_owned(),
                labels: labels(&[("route", "/posts/{id}"), ("note", "a,b=\"c\"\n")]),
                value: 3.0,
            }]
        );
    }

    #[test]
    fn values_may_be_infinite_and_carry_a_timestamp() {
        let page = "# TYPE up gauge\nup 1 1700000000\n\nwait_bucket{le=\"+Inf\"} 7\nnan_now NaN\n";
        let samples = parse(page);
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].value, 1.0);
        assert_eq!(samples[1].labels, labels(&[("le", "+Inf")]));
        assert!(samples[2].value.is_nan());
    }

    #[test]
    fn a_line_that_breaks_off_is_skipped_and_the_others_are_kept() {
        let page = "good 1\nbroken{a=\"b\nbroken{a=\"b\"}\nbroken two\nalso_good{a=\"b\"} 2\n";
        let names: Vec<_> = parse(page).into_iter().map(|sample| sample.name).collect();
        assert_eq!(names, ["good", "also_good"]);
    }
}
