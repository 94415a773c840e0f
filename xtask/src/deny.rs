//! `deny`: the licences, bans and sources of all dependencies, by cargo-deny and `deny.toml`.
//!
//! *Absent*: advisories. Their list lives on the network and changes without a commit here, so it would make a check
//! of this repository depend on the day; run `cargo deny check advisories` when the dependencies change.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::repository::Repository;
use crate::{process, provision};

/// The release that a continuous integration installs; its verdicts must not change by themselves.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny, which a continuous integration installs on first use.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let program = find_or_install(repository)?;
    let mut command = std::process::Command::new(program);
    command.current_dir(repository.root());
    command.args(["--all-features", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    process::run(&mut command)?;
    eprintln!("advisories are not checked here, they need the network: `cargo deny check advisories`");
    Ok(())
}

fn find_or_install(repository: &Repository) -> Result<PathBuf> {
    if process::version_of("cargo-deny", &["--version"]).is_some() {
        return Ok("cargo-deny".into());
    }
    let tools = provision::cache_directory()?.join("tools");
    let program = tools.join("bin").join("cargo-deny");
    if process::version_of(&program, &["--version"]).is_some() {
        return Ok(program);
    }
    if !process::in_ci() {
        bail!("cargo-deny is not installed; get it by `cargo install cargo-deny --locked --version {VERSION}`");
    }
    let mut install = repository.cargo();
    // Its own target directory, which cargo removes afterwards: the tool's build products serve nobody else.
    install.env_remove("CARGO_TARGET_DIR");
    install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&tools);
    process::run(&mut install)?;
    Ok(program)
}
