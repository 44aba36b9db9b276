//! From the text of a scenario to its [`Plan`], or to everything that is wrong with it.

mod searched;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::diagnostic::{Diagnostics, Location, Problems, suggestion};
use super::document::{self, Source, Table, line_and_column};
use super::file::arms::{self, ArmDraft, Sweep};
use super::file::claims;
use super::file::environment::NO_GATEWAY;
use super::file::header::{self, MAX_ROUNDS, MAX_SEED};
use super::file::search;
use super::file::target::{self, Target};
use super::names::in_claims;
use super::overlay::{self, Override};
use super::plan::{Arm, Options, Plan};
use super::reader::Section;
use super::trial::{EnvironmentSpec, LabSpec};
use super::variant::{self, Destination, Variant};
use super::{file, quick};

/// A larger file is not a scenario, and every arm reads all of it.
const LARGEST_FILE: u64 = 64 << 10;

impl Plan {
    /// Reads and settles a scenario file.
    pub fn from_file(path: &Path, options: &Options) -> Result<Self, Diagnostics> {
        let text = read_text(path)?;
        let source = Source::file(&path.display().to_string(), &text);
        let mut plan = resolve(&source, &text, options)?;
        plan.file = Some(path.to_owned());
        Ok(plan)
    }
}

fn read_text(path: &Path) -> Result<String, Diagnostics> {
    let name = path.display().to_string();
    let refuse = |message: String| Diagnostics::one(Location::whole(name.clone()), message);
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refuse("there is no such file".to_owned()),
        _ => refuse(format!("cannot be read: {error}")),
    })?;
    if metadata.is_dir() {
        return Err(refuse(
            "is a folder: name a scenario file in it, such as smoke.toml".to_owned(),
        ));
    }
    if metadata.len() > LARGEST_FILE {
        return Err(refuse(
            "is larger than 64 KiB: that is no scenario".to_owned(),
        ));
    }
    let bytes = fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let (line, column) = line_and_column(&valid);
        Diagnostics::one(
            Location::new(&name.as_str().into(), line, column),
            "is not UTF-8 from here on: save the file as UTF-8",
        )
    })?;
    if text.trim().is_empty() {
        return Err(refuse(
            "is empty: a scenario needs at least a name and [[phases]]".to_owned(),
        ));
    }
    Ok(text)
}

/// Reads and settles a scenario; nothing is started unless this succeeds.
pub(super) fn resolve(
    source: &Source<'_>,
    text: &str,
    options: &Options,
) -> Result<Plan, Diagnostics> {
    let problems = Problems::default();
    let mut document = document::parse(source, &problems);
    let problems = problems.checkpoint()?;
    let env = overlay::from_arguments(&options.env, &problems);
    for replacement in &env {
        overlay::apply(&mut document, replacement, &problems);
    }
    let plan = read_document(source, text, &document, &env, options, &problems);
    problems.into_result()?;
    Ok(plan)
}

/// Reads everything; the plan is meaningless when problems were reported.
fn read_document(
    source: &Source<'_>,
    text: &str,
    document: &Table,
    env: &[Override],
    options: &Options,
    problems: &Problems,
) -> Plan {
    let at = source.start();
    let mut root = Section::new("the scenario", document, &at, problems);
    let header = header::read(&mut root);
    let destination = destination(target::read(&mut root), options, problems);
    let slo = file::slo::read(&mut root);
    let claims = claims::read_claims(&mut root);
    let thresholds = claims::read_thresholds(&mut root);
    let (drafts, sweep) = arms::read(&mut root);
    let search = search::read(&mut root);
    for section in variant::SECTIONS {
        root.node(section);
    }
    root.close();

    let reading = Reading {
        document,
        at: &at,
        destination: &destination,
        options,
        problems,
    };
    let names: Vec<String> = drafts.iter().map(|draft| draft.name.clone()).collect();
    let mut wanted = wanted_arms(&names, options, problems);
    let (arms, search) = if let Some(draft) = search {
        wanted = searched::arm(&draft, &names, wanted, options, problems);
        let (arms, search) = searched::settle(draft, &drafts, &wanted, &reading, env);
        (arms, Some(search))
    } else {
        let mut read: Vec<(ArmDraft, Variant)> = drafts
            .into_iter()
            .map(|draft| reading.lay_over(draft))
            .collect();
        read.retain(|(draft, _)| wanted.contains(&draft.name));
        let most = read.len();
        (settle(read, env, options.quick, most), None)
    };

    Plan {
        file: None,
        name: header.name,
        title: header.title,
        hypothesis: header.hypothesis,
        shows: header.shows,
        sha256: hex_digest(text),
        arms,
        left_out: names
            .iter()
            .filter(|name| !wanted.contains(*name))
            .cloned()
            .collect(),
        rounds: rounds(header.rounds, options, problems),
        seed: seed(header.seed, options, problems),
        quick: options.quick,
        claims,
        thresholds,
        sweep: sweep.map(|sweep| keep(sweep, &wanted)),
        search,
        slo,
    }
}

fn destination(target: Target, options: &Options, problems: &Problems) -> Destination {
    let Some(written) = &options.target else {
        return Destination::Scenario(target);
    };
    let at = Location::whole(format!("--target {written}"));
    let base_url = target::base_url(written, &target.allow, &at, problems).unwrap_or_default();
    Destination::CommandLine { base_url }
}

/// What the reading of every arm has in common.
struct Reading<'a> {
    document: &'a Table,
    at: &'a Location,
    destination: &'a Destination,
    options: &'a Options,
    problems: &'a Problems,
}

impl Reading<'_> {
    /// Reads the scenario as an arm sees it.
    fn lay_over(&self, draft: ArmDraft) -> (ArmDraft, Variant) {
        let mut document = self.document.clone();
        for replacement in &draft.overrides {
            let root = replacement.path[0].as_str();
            if root == "gateway" && self.document.get(root).is_none() {
                // Made by one arm, the others would have none: their services would differ.
                let message = format!("\"{}\" {NO_GATEWAY}", replacement.key());
                self.problems.report(&replacement.at, message);
            }
            if !self.destination.is_ours() && matches!(root, "service" | "environment" | "gateway")
            {
                let message = format!(
                    "\"{}\" needs servers of our own, and the target is somebody else's",
                    replacement.key()
                );
                self.problems.report(&replacement.at, message);
            }
            overlay::apply(&mut document, replacement, self.problems);
        }
        let variant = variant::read_table(
            &document,
            self.at,
            self.destination,
            &self.options.journeys,
            self.problems,
        );
        let expects_payments = draft.expects.iter().any(|kind| kind.needs_gateway());
        if let (Some(at), true, EnvironmentSpec::Lab(LabSpec { gateway: None, .. })) =
            (&draft.expects_at, expects_payments, &variant.environment)
        {
            let message = format!("\"expects\" {NO_GATEWAY}");
            self.problems.report(at, message);
        }
        (draft, variant)
    }
}

/// `most`: how many of the arms are run at most, for `--quick` to share its time among.
fn settle(
    mut read: Vec<(ArmDraft, Variant)>,
    env: &[Override],
    is_quick: bool,
    most: usize,
) -> Vec<Arm> {
    if is_quick {
        quick::shorten(read.iter_mut().map(|(_, variant)| variant), most);
    }
    let edges: BTreeSet<_> = read
        .iter()
        .flat_map(|(_, variant)| variant.busy_edges())
        .collect();
    let common: Vec<&Override> = env
        .iter()
        .filter(|replacement| replacement.path[0] != "arms")
        .collect();
    read.into_iter()
        .map(|(draft, variant)| {
            let overrides = overlay::to_json(common.iter().copied().chain(&draft.overrides));
            variant.into_arm(draft.name, overrides, draft.expects, &edges)
        })
        .collect()
}

/// The arms that are run.
fn wanted_arms(names: &[String], options: &Options, problems: &Problems) -> Vec<String> {
    if options.arms.is_empty() {
        return names.to_vec();
    }
    for written in &options.arms {
        if !names
            .iter()
            .any(|name| in_claims(name) == in_claims(written))
        {
            let hint = suggestion(written, names.iter().map(String::as_str));
            problems.report(
                &Location::whole(format!("--arm {written}")),
                format!("there is no such arm{hint}"),
            );
        }
    }
    let asked_for = |name: &&String| {
        options
            .arms
            .iter()
            .any(|arm| in_claims(arm) == in_claims(name))
    };
    names.iter().filter(asked_for).cloned().collect()
}

fn keep(sweep: Sweep, wanted: &[String]) -> Sweep {
    let points = sweep.arms.into_iter().zip(sweep.values);
    let (arms, values) = points.filter(|(arm, _)| wanted.contains(arm)).unzip();
    Sweep {
        key: sweep.key,
        values,
        arms,
    }
}

fn rounds(written: u32, options: &Options, problems: &Problems) -> u32 {
    let asked_for = options
        .rounds
        .unwrap_or(if options.quick { 1 } else { written });
    if !(1..=MAX_ROUNDS).contains(&u64::from(asked_for)) {
        problems.report(
            &Location::whole(format!("--rounds {asked_for}")),
            format!("the number of rounds is between 1 and {MAX_ROUNDS}"),
        );
    }
    asked_for
}

fn seed(written: u64, options: &Options, problems: &Problems) -> u64 {
    let seed = options.seed.unwrap_or(written);
    if seed > MAX_SEED {
        problems.report(
            &Location::whole(format!("--seed {seed}")),
            format!("the largest seed is {MAX_SEED}"),
        );
    }
    seed
}

/// The digest by which a record names its scenario file.
pub fn hex_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
