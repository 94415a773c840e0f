//! `ci`: every check of the repository as one named stage after the other; the first failure ends it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::{codegen, contract, counts, crash, deny, docs, fleet, fuzz, layers, process, soak, streams, test, tidy};

type Stage = (&'static str, fn(&Repository) -> Result<()>);

/// Cheap stages first, so that a slip is reported soon.
const STAGES: &[Stage] = &[
    ("format", format),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("layers", layers::run),
    ("docs", docs::run),
    ("codegen", |repository| codegen::run(repository, &codegen::Arguments { check: true })),
    ("deny", deny::run),
    ("test", |repository| test::run(repository, &test::Arguments::default())),
    ("contract", contract::stage),
    ("streams", streams::stage),
    ("crash", crash::stage),
    ("fleet", fleet::stage),
    ("soak", soak::stage),
    ("counts", |repository| counts::run(repository, &counts::Arguments::default())),
];

/// Runs all stages.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let mut done: Vec<(&str, Duration)> = Vec::new();
    for (index, (name, stage)) in STAGES.iter().enumerate() {
        eprintln!("\n=== {name} ({} of {})", index + 1, STAGES.len());
        let start = Instant::now();
        let result = stage(repository);
        done.push((name, start.elapsed()));
        if result.is_err() {
            eprintln!("\n{}", summary(&done, true));
        }
        result.with_context(|| format!("stage `{name}` failed; repeat it by `{}`", command_of(name)))?;
    }
    eprintln!("\n{}", summary(&done, false));
    Ok(())
}

fn format(repository: &Repository) -> Result<()> {
    process::run(repository.cargo().args(["fmt", "--all", "--", "--check"]))?;
    fuzz::format(repository)
}

fn clippy(repository: &Repository) -> Result<()> {
    process::run(repository.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))?;
    fuzz::clippy(repository)
}

/// What to type to run one stage again.
fn command_of(stage: &str) -> String {
    match stage {
        "format" => "cargo fmt --all -- --check".to_owned(),
        "clippy" => "cargo clippy --workspace --all-targets --all-features -- -D warnings".to_owned(),
        "codegen" => "cargo xtask codegen --check".to_owned(),
        "crash" => "cargo xtask crash --short".to_owned(),
        "contract" => "cargo xtask contract --short".to_owned(),
        "fleet" => "cargo xtask fleet --rounds 2 --only plain,partitions".to_owned(),
        "soak" => "cargo xtask soak --minutes 0.5".to_owned(),
        "streams" => "cargo xtask streams --disconnects 300".to_owned(),
        other => format!("cargo xtask {other}"),
    }
}

/// A line per stage with its time; the last one is the one that failed, if any did.
fn summary(done: &[(&str, Duration)], failed: bool) -> String {
    let lines = done.iter().enumerate().map(|(index, (name, time))| {
        let verdict = if failed && index + 1 == done.len() { "FAILED" } else { "ok" };
        format!("{name:<8} {verdict:<6} {:>7.1} s", time.as_secs_f64())
    });
    let not_run = STAGES.iter().skip(done.len()).map(|(name, _)| format!("{name:<8} not run"));
    lines.chain(not_run).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_failed_stage_and_those_that_did_not_run() {
        let text = summary(&[("format", Duration::from_millis(1250)), ("tidy", Duration::from_secs(75))], true);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "format   ok         1.2 s");
        assert_eq!(lines[1], "tidy     FAILED    75.0 s");
        assert_eq!(lines[2], "clippy   not run");
        assert_eq!(lines.len(), STAGES.len());
    }
}
