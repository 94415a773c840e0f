//! `crash`: the real server is killed at random moments while real orders run, and nothing that it told may be lost.
//!
//! A trial is a data directory, one to three orders, and up to three lives of the server that end by SIGKILL; the last
//! life must complete all orders. The seed decides orders and moments; what the machine does meanwhile it cannot.

mod data_dir;
mod figures;
mod history;
mod plan;
mod processes;
mod remote;
mod server;
mod trial;

use std::hash::BuildHasher as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;
use figures::Figures;
use plan::Plan;
use trial::Setting;

/// Options of `crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many trials.
    #[arg(long, default_value_t = 20)]
    pub(crate) trials: u64,
    /// Seed of the first trial; each further one has the next number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Try the release build.
    #[arg(long)]
    pub(crate) release: bool,
}

impl Arguments {
    /// What a continuous integration has time for.
    pub(crate) fn short() -> Self {
        Self { trials: 8, seed: None, release: false }
    }
}

/// Builds the program and runs the trials.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("`crash` looks for left-over processes in /proc, which only Linux has");
    }
    let setting = Setting {
        program: build(repository, arguments.release)?,
        agent: repository.root().join("crates/awo-testkit/programs/stream-json-agent.sh"),
    };
    // Small, so that it can be typed again.
    let chance = || std::hash::RandomState::new().hash_one(std::process::id()) % 1_000_000;
    let first = arguments.seed.unwrap_or_else(chance);
    eprintln!("{} trials from seed {first}", arguments.trials);

    // Moments are parts of the time that an order takes here, so that they mean the same on a slow machine.
    let undisturbed = trial::run(&setting, &Plan::undisturbed(), None)?;
    let whole = undisturbed.took;
    eprintln!("an order that nobody disturbs takes {:.2} s", whole.as_secs_f64());
    let mut figures = Figures::default();
    let mut failed = undisturbed.report("the undisturbed trial");
    for seed in (0..arguments.trials).map(|n| first.wrapping_add(n)) {
        let plan = Plan::new(seed);
        let outcome = trial::run(&setting, &plan, Some(whole))?;
        eprintln!("seed {seed}: {plan}: {}", outcome.summary());
        if outcome.report(&format!("`cargo xtask crash --trials 1 --seed {seed}`")) {
            failed = true;
        }
        figures.add(&outcome);
    }
    eprintln!("{figures}");
    if failed {
        bail!("crash: what must hold did not; see above");
    }
    Ok(())
}

fn build(repository: &Repository, release: bool) -> Result<PathBuf> {
    let mut build = repository.cargo();
    build.args(["build", "--quiet", "--package", "awo", "--bin", "awo"]);
    if release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let target = repository.metadata()?.target_directory.into_std_path_buf();
    let program = target.join(if release { "release" } else { "debug" }).join("awo");
    program.canonicalize().with_context(|| format!("cargo built no {}", program.display()))
}
