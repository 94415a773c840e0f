//! `agents`: the tests that run real agent programs against a server that plays their model, by themselves; and the
//! programs, pinned by lock files in the repository and installed outside of it.

mod programs;

use anyhow::{Result, bail};

use crate::process;
use crate::repository::Repository;

pub(crate) use programs::{Programs, provide};

/// Programs that are part of every run of the tests.
pub(crate) const USUAL: &[&str] = &["main"];

/// All programs. Those of `more` are slow or large.
const ALL: &[&str] = &["main", "more"];

/// The packages that have such tests, and the module that they stand in.
pub(crate) const PACKAGES: &[&str] = &["awo", "awo-adapters", "awo-testkit"];
const MODULE: &str = "real_agents::";

/// Options of `agents`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Also the programs that are too slow or too large for every run.
    #[arg(long)]
    all: bool,
}

/// Runs the tests of real agent programs.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let programs = provide(repository, if arguments.all { ALL } else { USUAL })?;
    if let Some(reason) = programs.skipped() {
        bail!("there are no agent programs to test with: {reason}");
    }
    let mut tests = repository.cargo();
    let nextest = process::version_of("cargo-nextest", &["nextest", "--version"]).is_some();
    tests.args(if nextest { &["nextest", "run"][..] } else { &["test"] });
    tests.args(PACKAGES.iter().flat_map(|package| ["--package", package])).arg("--all-features");
    tests.arg(MODULE).envs(programs.variables()).env("INSTA_UPDATE", "no");
    process::run(&mut tests)
}
