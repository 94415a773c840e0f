//! Python with the packages that a check needs: pinned in the repository, installed into an environment outside of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::repository::Repository;
use crate::{process, provision};

/// Where the lists of packages are.
const LISTS: &str = "crates/awo-testkit/python";

/// What may be missing, and how it comes there.
const CURE: &str = "install python3 with its module venv, and let pip reach its index";

/// The Python of a list, such as `clients`, which is installed if it is not there; else why it is missing. In a continuous
/// integration, where nothing may be skipped, that is an error.
pub(crate) fn provide(repository: &Repository, list: &str) -> Result<Result<PathBuf, String>> {
    match provide_list(repository, list) {
        Ok(python) => Ok(Ok(python)),
        Err(error) => {
            let reason = format!("{error:#}");
            provision::refuse_in_ci(&reason, CURE)?;
            Ok(Err(format!("{reason}: {CURE}")))
        }
    }
}

fn provide_list(repository: &Repository, list: &str) -> Result<PathBuf> {
    let packages = repository.root().join(LISTS).join(format!("{list}.txt"));
    let places = provision::cache_directory()?.join("python");
    let place = places.join(format!("{list}-{}", provision::digest(std::slice::from_ref(&packages))?));
    if let Some(python) = python_in(&place) {
        return Ok(python);
    }
    std::fs::create_dir_all(&places).with_context(|| format!("cannot make {}", places.display()))?;
    // Whole or not at all, also when two runs do this at once. It is moved afterwards, so of its programs only Python itself
    // may be used, as the others name the place that they were installed in.
    let partial = tempfile::Builder::new().prefix(&format!("{list}-partial-")).tempdir_in(&places)?;
    let environment = partial.path().join("environment");
    make(&environment)?;
    let python = python_in(&environment).context("the module venv made no Python")?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]);
    install.args(["--no-deps", "--only-binary=:all:", "--requirement"]).arg(&packages);
    process::run(&mut install)?;
    if std::fs::rename(&environment, &place).is_err() && python_in(&place).is_none() {
        std::fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        std::fs::rename(&environment, &place).with_context(|| format!("cannot make {}", place.display()))?;
    }
    python_in(&place).with_context(|| format!("there is no Python in {}", place.display()))
}

/// Makes an environment. Some systems have Python without the module for that.
fn make(environment: &Path) -> Result<()> {
    if let Some(reason) = provision::missing_program("python3", "--version", "python3")? {
        return Err(anyhow!(reason));
    }
    let made = || process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment));
    let look = || made().err().map(|error| format!("{error:#}"));
    match provision::missing(look, "python3-venv", "install the package python3-venv")? {
        Some(reason) => Err(anyhow!(reason)),
        None => Ok(()),
    }
}

/// The Python of an environment, if it runs.
fn python_in(environment: &Path) -> Option<PathBuf> {
    let python = environment.join("bin/python");
    process::version_of(&python, &["--version"]).map(|_| python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_and_no_address_is_named() {
        let repository = Repository::find().unwrap();
        for list in ["clients", "contract"] {
            let path = repository.root().join(LISTS).join(format!("{list}.txt"));
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let (name, version) = line.split_once("==").unwrap_or_else(|| panic!("{list}: {line} is not pinned"));
                let plain =
                    |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
                assert!(plain(name, "-_") && plain(version, "."), "{list}: {line}");
            }
        }
    }
}
