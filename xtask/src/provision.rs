//! Programs that checks need and Rust does not bring: found, else installed where that is possible and allowed, else
//! said to be missing.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process;

/// Why something is missing, or `None` when it is there. A package is installed where that is possible and allowed.
/// In a continuous integration, where nothing may be skipped, what is missing is an error.
pub(crate) fn missing(look: impl Fn() -> Option<String>, package: &str, cure: &str) -> Result<Option<String>> {
    let Some(reason) = look() else { return Ok(None) };
    if is_root() && process::version_of("apt-get", &["--version"]).is_some() {
        eprintln!("{reason}; installing it");
        // A fresh machine may have no list of packages yet.
        let installed = install(package).or_else(|_| {
            process::run(Command::new("apt-get").arg("update"))?;
            install(package)
        });
        if let Err(error) = installed {
            eprintln!("{error:#}");
        }
    }
    let Some(reason) = look() else { return Ok(None) };
    refuse_in_ci(&reason, cure)?;
    Ok(Some(format!("{reason}: {cure}")))
}

/// The same for a program that says its version when it is asked.
pub(crate) fn missing_program(program: &str, version: &str, package: &str) -> Result<Option<String>> {
    let look = || {
        let there = process::version_of(program, &[version]).is_some();
        (!there).then(|| format!("{program} is not installed"))
    };
    missing(look, package, &format!("install the package {package}"))
}

/// An error in a continuous integration, where nothing may be skipped.
pub(crate) fn refuse_in_ci(reason: &str, cure: &str) -> Result<()> {
    if process::in_ci() {
        bail!("{reason}, and nothing may be skipped in a continuous integration: {cure}");
    }
    Ok(())
}

/// Where programs stay between runs, outside of any checkout.
pub(crate) fn cache_directory() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = set("AWO_CI_CACHE") {
        return Ok(directory);
    }
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Ok(base.context("neither AWO_CI_CACHE nor HOME is set, so there is no place for programs")?.join("awo-ci"))
}

/// What files hold, as the beginning of a digest: the name of what is made from them.
pub(crate) fn digest(files: &[PathBuf]) -> Result<String> {
    use std::fmt::Write as _;
    let mut digest = Sha256::new();
    for file in files {
        digest.update(std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let mut name = String::new();
    for byte in &digest.finalize()[..8] {
        write!(name, "{byte:02x}")?;
    }
    Ok(name)
}

pub(crate) fn is_root() -> bool {
    process::version_of("id", &["-u"]).as_deref() == Some("0")
}

fn install(package: &str) -> Result<()> {
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    process::run(install.args(["install", "-y", "--no-install-recommends", package]))
}
