//! Shows a record to its reader: the verdict first, then the claims with what was seen, then
//! charts, tables and the words. Pure: the same record always gives the same bytes.

mod charts;
mod comparison;
mod evidence;
mod facts;
mod glossary;
mod html;
mod junit;
mod markdown;
mod page;
mod svg;
mod table;
#[cfg(test)]
mod tests;

pub use evidence::{Evidence, Refusal, refusal, render_evidence, splice};

use thiserror::Error;

use crate::record::store::StoredRecord;

/// Everything that is written beside a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub markdown: String,
    pub html: String,
    pub junit: String,
    pub charts: Vec<ChartFile>,
}

/// A chart as a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// With its ending, without a folder.
    pub name: String,
    pub svg: String,
}

/// The folder of the charts, beside the reports.
pub const CHART_DIR: &str = "charts";

#[derive(Debug, Error)]
pub enum ReportError {
    #[error("the HTML report cannot be rendered: {0}")]
    Html(#[from] askama::Error),
    #[error("the JUnit report cannot be written: {0}")]
    Junit(#[from] quick_junit::SerializeError),
}

/// Renders every report of a record.
pub fn render(record: &StoredRecord) -> Result<Rendered, ReportError> {
    let charts = charts::of(record);
    let page = page::Page::of(&record.document);
    Ok(Rendered {
        markdown: markdown::report(&page, &charts),
        html: html::report(&page, &charts)?,
        junit: junit::report(&record.document)?,
        charts: charts
            .iter()
            .map(|chart| ChartFile {
                name: chart_file(chart),
                svg: svg::standalone(chart),
            })
            .collect(),
    })
}

fn chart_file(chart: &svg::Chart) -> String {
    format!("{}.svg", chart.slug)
}
