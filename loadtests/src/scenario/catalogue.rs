//! Finds scenarios by name, and lists them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostics, Location, suggestion};
use super::plan::{Options, Plan};

/// Where scenarios lie, in the working directory and in the checkout that the program was built from.
const FOLDER: &str = "scenarios";
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A file of the catalogue.
#[derive(Debug)]
pub struct Entry {
    pub path: PathBuf,
    /// The scenario's name and title, or what is wrong with it.
    pub scenario: Result<Summary, Diagnostics>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub name: String,
    pub title: String,
}

/// Every scenario in a folder, by file name.
pub fn catalogue(folder: &Path, options: &Options) -> Result<Vec<Entry>, Diagnostics> {
    let files = scenario_files(folder).map_err(|error| {
        Diagnostics::one(
            Location::whole(folder.display().to_string()),
            format!("cannot be listed: {error}"),
        )
    })?;
    let entry = |path: PathBuf| {
        let plan = Plan::from_file(&path, options);
        Entry {
            path,
            scenario: plan.map(|plan| Summary {
                name: plan.name,
                title: plan.title,
            }),
        }
    };
    Ok(files.into_iter().map(entry).collect())
}

/// The folder that `squall list` shows and in which names are looked up first.
pub fn scenario_folder() -> PathBuf {
    folders()
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| FOLDER.into())
}

/// The file of a scenario, given by its name or its path.
pub fn find(name_or_path: &str) -> Result<PathBuf, Diagnostics> {
    find_in(name_or_path, &folders())
}

fn folders() -> Vec<PathBuf> {
    vec![FOLDER.into(), Path::new(CHECKOUT).join(FOLDER)]
}

fn find_in(name_or_path: &str, folders: &[PathBuf]) -> Result<PathBuf, Diagnostics> {
    let path = PathBuf::from(name_or_path);
    let is_name = path.components().count() == 1 && path.extension().is_none();
    let by_name = folders
        .iter()
        .map(|folder| folder.join(format!("{name_or_path}.toml")));
    if let Some(file) = by_name.filter(|_| is_name).find(|file| file.is_file()) {
        return Ok(file);
    }
    if !is_name || path.exists() {
        // Whatever is wrong with the path is said when it is read.
        return Ok(path);
    }
    // The working directory's folder may be the checkout's own.
    let known: BTreeSet<String> = folders.iter().flat_map(|folder| names_in(folder)).collect();
    let hint = suggestion(name_or_path, known.iter().map(String::as_str));
    Err(Diagnostics::one(
        Location::whole(format!("{FOLDER}/{name_or_path}.toml")),
        format!("there is no such scenario{hint}"),
    ))
}

fn names_in(folder: &Path) -> Vec<String> {
    let files = scenario_files(folder).unwrap_or_default();
    files
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
        .collect()
}

fn scenario_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
                && path.is_file()
        })
        .collect();
    files.sort();
    Ok(files)
}
