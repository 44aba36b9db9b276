//! Records as evidence: which may be shown, and the page that shows them.
//!
//! The page is made from committed records alone, so that it can be made again and compared.

use thiserror::Error;

use crate::record::store::StoredRecord;
use crate::record::{RecordDocument, Verdict};

use super::{charts, markdown};

const BEGIN: &str = "<!-- evidence: made by `squall report`, do not edit below -->";
const END: &str = "<!-- end of evidence -->";

/// A record on its way into the page.
#[derive(Debug)]
pub struct Evidence<'a> {
    pub record: &'a StoredRecord,
    /// Where its charts are, as the page links to them.
    pub chart_dir: String,
    /// SHA-256 of the scenario file as it is now; `None` when the file is gone.
    pub scenario_sha256_now: Option<String>,
}

/// Why a record is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error(
        "it is a quick run: its phases were shortened, so it shows nothing; run the scenario without --quick"
    )]
    Quick,
    #[error("it was measured with uncommitted changes; commit them and run the scenario again")]
    Dirty,
    #[error("it does not say from which commit it was built; run the scenario in a git checkout")]
    NoCommit,
    #[error("its run was interrupted; run the scenario again to its end")]
    Interrupted,
}

/// `None`: the record may be shown as evidence, whatever its verdict.
pub fn refusal(document: &RecordDocument) -> Option<Refusal> {
    match &document.git {
        _ if document.quick => Some(Refusal::Quick),
        _ if document.verdict == Verdict::Interrupted => Some(Refusal::Interrupted),
        None => Some(Refusal::NoCommit),
        Some(git) if git.dirty => Some(Refusal::Dirty),
        Some(_) => None,
    }
}

/// The sections of all records, in the order given.
pub fn render_evidence(evidence: &[Evidence<'_>]) -> String {
    let sections = evidence.iter().map(|one| {
        let document = &one.record.document;
        let stale = one.scenario_sha256_now.as_ref() != Some(&document.scenario_sha256);
        markdown::evidence(document, &charts::of(one.record), &one.chart_dir, stale)
    });
    sections.collect::<Vec<_>>().join("\n")
}

/// Puts the sections between the page's markers; a page without them gets them at its end.
pub fn splice(page: &str, sections: &str) -> String {
    let block = format!("{BEGIN}\n\n{}\n\n{END}\n", sections.trim_end());
    match (page.find(BEGIN), page.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            let after = page[end + END.len()..].trim_start_matches('\n');
            let gap = if after.is_empty() { "" } else { "\n" };
            format!("{}{block}{gap}{after}", &page[..begin])
        }
        _ if page.trim().is_empty() => format!("# Evidence\n\n{block}"),
        _ => format!("{}\n\n{block}", page.trim_end()),
    }
}
