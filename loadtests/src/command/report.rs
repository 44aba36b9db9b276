//! `squall report`: renders records again without running anything, beside them or as the page of
//! evidence; with `--check` only says whether what is there is what the records say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::record::store::{self, RecordStore, StoreError, StoredRecord};
use crate::report::{self, CHART_DIR, Evidence};
use crate::scenario::hex_digest;

use super::{CommandResult, Exit, Failure};

/// `squall report`
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Folders that `squall run` wrote, or the record.json in them.
    #[arg(required = true, value_name = "RECORD")]
    pub records: Vec<PathBuf>,
    /// Shows the records as evidence in this Markdown page, between its markers.
    #[arg(long, value_name = "REPORT.md")]
    pub into: Option<PathBuf>,
    /// Writes nothing; fails when a file differs from what the records say.
    #[arg(long)]
    pub check: bool,
}

/// A file as the records want it.
struct Output {
    path: PathBuf,
    text: String,
}

/// Renders the reports beside each record, or the page of evidence.
pub fn report(arguments: &ReportArguments) -> CommandResult {
    let records: Vec<(PathBuf, StoredRecord)> = arguments
        .records
        .iter()
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let outputs = if let Some(page) = &arguments.into {
        evidence(page, &records)?
    } else {
        let reports = records.iter().map(|(dir, record)| reports(dir, record));
        reports
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect()
    };
    if arguments.check {
        check(&outputs, &records)?;
    } else {
        for (dir, _) in &records {
            remove_other_charts(dir, &outputs)?;
        }
        write(&outputs)?;
    }
    Ok(Exit::Success)
}

/// Renders the reports of the record that was just written.
pub fn write_reports(store: &RecordStore) -> anyhow::Result<()> {
    let record = store::read(store.dir())?;
    let outputs = reports(store.dir(), &record)?;
    remove_other_charts(store.dir(), &outputs)?;
    write(&outputs)
}

/// The record and the folder that it lies in.
fn read(path: &Path) -> Result<(PathBuf, StoredRecord), Failure> {
    let record = store::read(path).map_err(|error| match error {
        // Where there is no record, none was asked to be made.
        StoreError::Json(_) => Failure::Environment(error.into()),
        _ => Failure::BadInput(error.to_string()),
    })?;
    let dir = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    };
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    Ok((dir.to_owned(), record))
}

fn reports(dir: &Path, record: &StoredRecord) -> anyhow::Result<Vec<Output>> {
    let rendered = report::render(record)?;
    let mut outputs = vec![
        Output {
            path: dir.join("report.md"),
            text: rendered.markdown,
        },
        Output {
            path: dir.join("report.html"),
            text: rendered.html,
        },
        Output {
            path: dir.join("junit.xml"),
            text: rendered.junit,
        },
    ];
    let charts = rendered.charts.into_iter();
    outputs.extend(charts.map(|chart| Output {
        path: dir.join(CHART_DIR).join(chart.name),
        text: chart.svg,
    }));
    Ok(outputs)
}

/// The page, and the charts beside each record that it links to.
fn evidence(page: &Path, records: &[(PathBuf, StoredRecord)]) -> Result<Vec<Output>, Failure> {
    let mut shown = Vec::new();
    let mut rendered = Vec::new();
    for (dir, record) in records {
        if let Some(refusal) = report::refusal(&record.document) {
            return Err(Failure::BadInput(format!(
                "{} is no evidence: {refusal}",
                dir.display()
            )));
        }
        let scenario_file = scenario_file(dir, &record.document.scenario);
        let scenario_sha256_now = fs::read_to_string(scenario_file)
            .ok()
            .map(|text| hex_digest(&text));
        let chart_dir = chart_link(page, dir)?;
        for output in reports(dir, record)? {
            let name = output.path.file_name().unwrap_or_default();
            rendered.push((format!("]({chart_dir}/{})", name.display()), output));
        }
        shown.push(Evidence {
            record,
            chart_dir,
            scenario_sha256_now,
        });
    }
    let before = match fs::read_to_string(page) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::BadInput(format!("{}: {error}", page.display()))),
    };
    let text = report::splice(&before, &report::render_evidence(&shown));
    // What else a record can be rendered to is not kept as evidence.
    rendered.retain(|(link, _)| text.contains(link));
    let mut outputs: Vec<Output> = rendered.into_iter().map(|(_, output)| output).collect();
    outputs.push(Output {
        path: page.to_owned(),
        text,
    });
    Ok(outputs)
}

/// Evidence lies in `scenarios/evidence/NAME`, its scenario two folders up.
fn scenario_file(evidence: &Path, scenario: &str) -> PathBuf {
    evidence
        .join("..")
        .join("..")
        .join(format!("{scenario}.toml"))
}

/// The way from the page's folder to the charts of a record beneath it.
fn chart_link(page: &Path, dir: &Path) -> Result<String, Failure> {
    let folder = page
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let absolute = |path: &Path| {
        path.canonicalize()
            .map_err(|error| Failure::BadInput(format!("{}: {error}", path.display())))
    };
    let (folder, dir) = (absolute(folder)?, absolute(dir)?);
    let Ok(way) = dir.strip_prefix(&folder) else {
        return Err(Failure::BadInput(format!(
            "{}: evidence must lie beneath the folder of the page that links to it, {}",
            dir.display(),
            folder.display()
        )));
    };
    let parts = way
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    Ok(parts
        .chain([CHART_DIR.into()])
        .collect::<Vec<_>>()
        .join("/"))
}

fn write(outputs: &[Output]) -> anyhow::Result<()> {
    for output in outputs {
        if let Some(folder) = output.path.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        store::write_whole(&output.path, output.text.as_bytes())?;
    }
    Ok(())
}

/// Charts of an earlier rendering that no longer belong to the record.
fn other_charts(dir: &Path, outputs: &[Output]) -> Vec<PathBuf> {
    let wanted: BTreeSet<&Path> = outputs.iter().map(|output| output.path.as_path()).collect();
    let Ok(entries) = fs::read_dir(dir.join(CHART_DIR)) else {
        return Vec::new();
    };
    let charts = entries.filter_map(Result::ok).map(|entry| entry.path());
    let charts = charts.filter(|path| path.extension().is_some_and(|ending| ending == "svg"));
    charts
        .filter(|path| !wanted.contains(path.as_path()))
        .collect()
}

fn remove_other_charts(dir: &Path, outputs: &[Output]) -> anyhow::Result<()> {
    for chart in other_charts(dir, outputs) {
        fs::remove_file(&chart).with_context(|| chart.display().to_string())?;
    }
    Ok(())
}

fn check(outputs: &[Output], records: &[(PathBuf, StoredRecord)]) -> Result<(), Failure> {
    let changed = outputs
        .iter()
        .filter(|output| fs::read(&output.path).ok().as_deref() != Some(output.text.as_bytes()));
    let mut different: Vec<String> = changed
        .map(|output| output.path.display().to_string())
        .collect();
    let left_over = records
        .iter()
        .flat_map(|(dir, _)| other_charts(dir, outputs));
    different.extend(left_over.map(|chart| format!("{} (left over)", chart.display())));
    if different.is_empty() {
        return Ok(());
    }
    Err(Failure::BadInput(format!(
        "these files are not what the records say; render them again without --check:\n  {}",
        different.join("\n  ")
    )))
}

#[cfg(test)]
mod tests;
