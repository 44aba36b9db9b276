//! Reports as Markdown: a whole one, and the shorter section that a page of evidence shows.

use std::fmt::Write as _;

use crate::record::RecordDocument;

use super::charts::Charts;
use super::glossary::WORDS;
use super::page::{Page, Rule};
use super::svg::Chart;
use super::table::Table;
use super::{CHART_DIR, chart_file};

pub fn report(page: &Page, charts: &Charts) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("# {}\n", plain(&page.title)));
    verdict(&mut text, page);
    rules(&mut text, "## Claims", &page.claims);
    rules(&mut text, "## Thresholds", &page.thresholds);
    if !page.hypothesis.is_empty() {
        line(
            &mut text,
            format_args!("## Hypothesis\n\n{}\n", hypothesis(page)),
        );
    }
    line(&mut text, format_args!("## What was measured\n"));
    figures(&mut text, charts.overview.iter(), CHART_DIR);
    if page.several_rounds {
        line(
            &mut text,
            format_args!("Numbers are medians over the rounds.\n"),
        );
    }
    table(&mut text, &page.searched);
    table(&mut text, &page.comparison);
    table(&mut text, &page.of_arms);
    for arm in &page.arms {
        line(&mut text, format_args!("## Arm {}\n", plain(&arm.name)));
        figures(&mut text, charts.of_arm(&arm.name).iter(), CHART_DIR);
        for part in [&arm.steps, &arm.servers, &arm.events] {
            table(&mut text, part);
        }
        for finding in &arm.findings {
            line(&mut text, format_args!("- {}", plain(finding)));
        }
    }
    line(&mut text, format_args!("## How it was run\n"));
    facts(&mut text, &page.facts);
    table(&mut text, &page.overrides);
    if !page.configuration.is_empty() {
        line(
            &mut text,
            format_args!("The running parts reported these differences between the arms:\n"),
        );
        table(&mut text, &page.configuration);
    }
    line(&mut text, format_args!("Again: {}\n", code(&page.again)));
    line(&mut text, format_args!("## Words\n"));
    for (word, meaning) in WORDS {
        line(&mut text, format_args!("- **{word}**: {}", plain(meaning)));
    }
    text
}

/// What a page of evidence shows of a record: the decision, the comparison and the charts.
pub fn evidence(
    document: &RecordDocument,
    charts: &Charts,
    chart_dir: &str,
    stale: bool,
) -> String {
    let page = Page::of(document);
    let mut text = String::new();
    line(
        &mut text,
        format_args!("## {}: {}\n", plain(&page.scenario), plain(&page.title)),
    );
    if stale {
        line(
            &mut text,
            format_args!(
                "> **STALE:** the scenario file has changed since this was measured; run it again.\n"
            ),
        );
    }
    if !page.hypothesis.is_empty() {
        line(
            &mut text,
            format_args!("*Hypothesis:* {}\n", hypothesis(&page)),
        );
    }
    verdict(&mut text, &page);
    rules(&mut text, "", &page.claims);
    rules(&mut text, "", &page.thresholds);
    figures(&mut text, charts.overview.iter(), chart_dir);
    if charts.overview.is_empty() {
        figures(
            &mut text,
            charts.by_arm.iter().flat_map(|(_, charts)| charts),
            chart_dir,
        );
    }
    if page.several_rounds {
        line(
            &mut text,
            format_args!("Numbers are medians over the rounds.\n"),
        );
    }
    table(&mut text, &page.searched);
    table(&mut text, &page.comparison);
    table(&mut text, &page.of_arms);
    facts(&mut text, &page.facts);
    line(&mut text, format_args!("Again: {}\n", code(&page.again)));
    text
}

fn verdict(text: &mut String, page: &Page) {
    for warning in &page.warnings {
        line(text, format_args!("> **{}**", plain(warning.headline)));
        for detail in &warning.details {
            line(text, format_args!("> - {}", plain(detail)));
        }
        text.push('\n');
    }
    line(
        text,
        format_args!("**{}** · {}\n", page.verdict_word, plain(&page.summary)),
    );
    if !page.found.is_empty() {
        line(text, format_args!("{}\n", plain(&page.found)));
    }
}

fn rules(text: &mut String, heading: &str, rules: &[Rule]) {
    if rules.is_empty() {
        return;
    }
    if !heading.is_empty() {
        line(text, format_args!("{heading}\n"));
    }
    for rule in rules {
        let (mark, word, says) = (rule.mark(), rule.word(), plain(&rule.says));
        line(
            text,
            format_args!("- {mark} **{word}**: {says}  \n  {}", code(&rule.check)),
        );
        for seen in &rule.observed {
            line(text, format_args!("  - seen: {}", plain(seen)));
        }
    }
    text.push('\n');
}

fn figures<'a>(text: &mut String, charts: impl Iterator<Item = &'a Chart>, dir: &str) {
    for chart in charts {
        line(
            text,
            format_args!(
                "![{}]({dir}/{})\n",
                plain(&chart.description),
                chart_file(chart)
            ),
        );
        if !chart.note.is_empty() {
            line(text, format_args!("{}\n", plain(&chart.note)));
        }
    }
}

fn facts(text: &mut String, facts: &Table) {
    for row in &facts.rows {
        if let [name, value] = row.as_slice() {
            line(
                text,
                format_args!("- **{}:** {}", plain(name), plain(value)),
            );
        }
    }
    text.push('\n');
}

fn table(text: &mut String, table: &Table) {
    if table.is_empty() {
        return;
    }
    let row = |cells: &[String]| {
        format!(
            "| {} |",
            cells
                .iter()
                .map(|cell| plain(cell))
                .collect::<Vec<_>>()
                .join(" | ")
        )
    };
    line(text, format_args!("{}", row(&table.head)));
    let rules =
        (0..table.head.len()).map(|column| if column < table.labels { "---" } else { "--:" });
    line(
        text,
        format_args!("|{}|", rules.collect::<Vec<_>>().join("|")),
    );
    for cells in &table.rows {
        line(text, format_args!("{}", row(cells)));
    }
    text.push('\n');
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(content);
    text.push('\n');
}

fn hypothesis(page: &Page) -> String {
    let paragraphs: Vec<String> = page.hypothesis.iter().map(|text| plain(text)).collect();
    paragraphs.join("\n\n")
}

/// Text that must not act as markup, on one line.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' => safe.extend(['\\', c]),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Inline code, fenced so that backticks within it do no harm.
fn code(text: &str) -> String {
    let one_line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if one_line.contains('`') {
        format!("`` {one_line} ``")
    } else {
        format!("`{one_line}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_act_as_markup() {
        assert_eq!(
            plain("a|b <i> *x* _y_ `z` [l](u)\nnext"),
            "a\\|b &lt;i> \\*x\\* \\_y\\_ \\`z\\` \\[l\\](u) next"
        );
        assert_eq!(code("a `b`"), "`` a `b` ``");
    }
}
