//! The report as one HTML file that needs nothing else: style and charts are within it.

use askama::Template;

use crate::record::Verdict;

use super::ReportError;
use super::charts::Charts;
use super::glossary::WORDS;
use super::page::{ArmSection, Page, Rule};
use super::svg::{self, Chart, STYLE};
use super::table::Table;

#[derive(Template)]
#[template(path = "report.html")]
struct Report<'a> {
    page: &'a Page,
    verdict_class: &'static str,
    chart_style: &'static str,
    overview: Vec<Figure<'a>>,
    arms: Vec<Arm<'a>>,
    words: &'static [(&'static str, &'static str)],
}

struct Arm<'a> {
    section: &'a ArmSection,
    figures: Vec<Figure<'a>>,
    /// Few arms are shown open, many folded.
    open: bool,
}

struct Figure<'a> {
    /// Markup made by the chart drawer, in which all text is escaped.
    svg: String,
    note: &'a str,
}

pub fn report(page: &Page, charts: &Charts) -> Result<String, ReportError> {
    let open = page.arms.len() == 1;
    let arms = page.arms.iter();
    let report = Report {
        page,
        verdict_class: verdict_class(page),
        chart_style: STYLE,
        overview: figures(&charts.overview),
        arms: arms
            .map(|section| Arm {
                section,
                figures: figures(charts.of_arm(&section.name)),
                open,
            })
            .collect(),
        words: WORDS,
    };
    Ok(report.render()?)
}

fn figures(charts: &[Chart]) -> Vec<Figure<'_>> {
    charts
        .iter()
        .map(|chart| Figure {
            svg: svg::inline(chart),
            note: &chart.note,
        })
        .collect()
}

fn verdict_class(page: &Page) -> &'static str {
    match page.verdict {
        Verdict::Pass if page.verdict_word != "PASS" => "unsure",
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::Invalid => "bad",
        Verdict::Inconclusive | Verdict::Interrupted => "unsure",
    }
}

fn rule_class(rule: &Rule) -> &'static str {
    match rule.holds {
        Some(true) => "good",
        Some(false) => "bad",
        None => "unsure",
    }
}

/// Words to the left, numbers to the right.
fn cell_class(table: &Table, column: usize) -> &'static str {
    if column < table.labels {
        "word"
    } else {
        "number"
    }
}
