//! `fuzz`: coverage-guided fuzzing of whatever reads text that others wrote. The targets are a package of their own, as
//! they need the nightly toolchain.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::repository::Repository;

const MANIFEST: &str = "fuzz/Cargo.toml";

/// A target of `fuzz/`, and where it finds its first inputs.
struct Target {
    name: &'static str,
    /// Directory or file of the repository.
    seeds: &'static str,
    /// What the target wants before the text of a seed.
    prefix: &'static str,
}

const TARGETS: &[Target] = &[
    Target { name: "drivers", seeds: "crates/awo-testkit/captures", prefix: "\x01" },
    Target { name: "address", seeds: "crates/awo-adapters/src/address/tests.rs", prefix: "" },
    Target { name: "journal", seeds: "crates/awo-state/tests/it/snapshots/it__file_format__journal.snap", prefix: "f" },
];

/// Options of `fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Time for each target.
    #[arg(long, default_value_t = 2, value_name = "N")]
    minutes: u64,
}

/// Runs all targets in turn. What they find is kept in `fuzz/artifacts`, and what they learnt in `fuzz/corpus`.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if process::version_of("rustup", &["run", "nightly", "rustc", "--version"]).is_none() {
        bail!("fuzzing needs the nightly toolchain: rustup toolchain install nightly");
    }
    if process::version_of("cargo", &["fuzz", "--version"]).is_none() {
        bail!("cargo-fuzz is not installed: cargo install cargo-fuzz --locked");
    }
    let mut found = Vec::new();
    for target in TARGETS {
        let corpus = repository.root().join("fuzz/corpus").join(target.name);
        sow(target, &repository.root().join(target.seeds), &corpus)?;
        // Not by `CARGO`, which is the toolchain of this program.
        let mut fuzz = Command::new("rustup");
        fuzz.current_dir(repository.root()).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        fuzz.args(["run", "nightly", "cargo", "fuzz", "run", target.name, "--"]);
        fuzz.arg(format!("-max_total_time={}", arguments.minutes * 60));
        // Ten seconds for an input are a defect too.
        fuzz.args(["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        if process::run(&mut fuzz).is_err() {
            found.push(target.name);
        }
    }
    if !found.is_empty() {
        bail!("fuzz: {} failed; the inputs are in fuzz/artifacts", found.join(", "));
    }
    Ok(())
}

/// Checks how the targets are laid out, with the workspace's toolchain.
pub(crate) fn format(repository: &Repository) -> Result<()> {
    process::run(repository.cargo().args(["fmt", "--manifest-path", MANIFEST, "--", "--check"]))
}

/// Checks that the targets still fit what they test, with the workspace's toolchain. Nothing is linked, so the fuzzer's own
/// library is not built.
pub(crate) fn clippy(repository: &Repository) -> Result<()> {
    let mut clippy = repository.cargo();
    clippy.env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a");
    clippy.args(["clippy", "--manifest-path", MANIFEST, "--locked", "--all-targets", "--", "-D", "warnings"]);
    process::run(&mut clippy)
}

/// Puts the first inputs into a corpus: texts, and for a single file its lines too.
fn sow(target: &Target, seeds: &Path, corpus: &Path) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let mut texts = Vec::new();
    if seeds.is_dir() {
        for entry in fs::read_dir(seeds).with_context(|| format!("cannot read {}", seeds.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                texts.push(fs::read_to_string(path)?);
            }
        }
    } else {
        let text = fs::read_to_string(seeds).with_context(|| format!("cannot read {}", seeds.display()))?;
        // A snapshot begins with what it is about.
        let text = text.rsplit_once("---\n").map_or(&*text, |(_, text)| text).to_owned();
        // Addresses are the texts in quotes.
        texts.extend(text.split('"').skip(1).step_by(2).filter(|quoted| quoted.len() < 200).map(ToOwned::to_owned));
        texts.push(text);
    }
    for (number, text) in texts.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), format!("{}{text}", target.prefix))?;
    }
    Ok(())
}
