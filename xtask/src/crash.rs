//! `crash`: what was told must be there, whatever happens to the process, to its calls of the system, to the power, to
//! the disk and to the clock.
//!
//! Without a flag the real server is killed at random moments while real orders run. A trial is a data directory, one to
//! three orders, and up to three lives of the server that end by SIGKILL, with a checkout damaged between two of them;
//! the last life must complete all orders. The seed
//! decides orders and moments; what the machine does meanwhile it cannot. `--full` fills the disk below the real server,
//! `--strays` has agents leave processes behind. The other rigs run the real engine on real files in a small program of the
//! test kit: see `life.rs`.

mod calls;
pub(crate) mod clock;
mod damage;
pub(crate) mod data_dir;
mod device;
mod figures;
mod full;
pub(crate) mod history;
mod life;
mod plan;
mod power;
pub(crate) mod processes;
mod strays;
mod trial;

use anyhow::{Result, bail};

use crate::random;
use crate::repository::Repository;
use figures::Figures;
use plan::Plan;
use power::Syncs;
use trial::Setting;

/// Options of `crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many trials.
    #[arg(long, default_value_t = 20)]
    trials: u64,
    /// Seed of the first trial; each further one has the next number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Try the release build.
    #[arg(long)]
    release: bool,
    /// Another rig than kills of the server at random moments.
    #[command(flatten)]
    rig: Rig,
    /// With --calls, so many of these, chosen by the seed, instead of all.
    #[arg(long, value_name = "N", requires = "calls")]
    sample: Option<usize>,
    /// With --power, what becomes of syncs.
    #[arg(long, value_enum, default_value_t, requires = "power")]
    syncs: Syncs,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, of which one may be given")]
struct Rig {
    /// Kill at each call of the system that touches the data directory, and let each fail. Needs strace.
    #[arg(long)]
    calls: bool,
    /// Cut the power as many times as there are trials. Needs root, loop devices, e2fsprogs and strace.
    #[arg(long)]
    power: bool,
    /// Fill the disk of the data directory while orders run. Needs root, loop devices and e2fsprogs.
    #[arg(long)]
    full: bool,
    /// Turn the clock while orders run. Needs libfaketime.
    #[arg(long)]
    clock: bool,
    /// Kill the server, or it and all keepers, while agents leave processes in sessions of their own.
    #[arg(long)]
    strays: bool,
    /// A little of each, as `cargo xtask ci` does.
    #[arg(long)]
    short: bool,
}

/// Runs the rig that was asked for.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    only_linux()?;
    let seed = arguments.seed.unwrap_or_else(random::seed);
    let Rig { calls, power, full, clock, strays, short } = arguments.rig;
    if short {
        return run_short(repository, seed);
    }
    if full {
        return full::run(&setting(repository, arguments.release)?, arguments.trials, seed);
    }
    if strays {
        return strays::run(&stray_setting(repository, arguments.release)?, arguments.trials, seed);
    }
    if !(calls || power || clock) {
        return kills(repository, arguments.trials, seed, arguments.release);
    }
    let life = life::build(repository, arguments.release)?;
    if calls {
        calls::run(&life, arguments.sample, seed)
    } else if power {
        power::run(&life, arguments.trials, seed, arguments.syncs)
    } else {
        clock::run(&life)
    }
}

/// What a continuous integration has time for.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    only_linux()?;
    run_short(repository, random::seed())
}

/// A little of each rig.
fn run_short(repository: &Repository, seed: u64) -> Result<()> {
    kills(repository, 8, seed, false)?;
    strays::run(&stray_setting(repository, false)?, 8, seed)?;
    full::run(&setting(repository, false)?, 5, seed)?;
    let life = life::build(repository, false)?;
    calls::run(&life, Some(30), seed)?;
    power::run(&life, 10, seed, Syncs::All)?;
    power::run(&life, 2, seed, Syncs::Fake)?;
    clock::run(&life)
}

fn only_linux() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("`crash` looks for left-over processes in /proc, which only Linux has");
    }
    Ok(())
}

/// Builds the program and runs the trials that kill it at random moments.
fn kills(repository: &Repository, trials: u64, first: u64, release: bool) -> Result<()> {
    let setting = setting(repository, release)?;
    eprintln!("{trials} trials from seed {first}");

    // Moments are parts of the time that an order takes here, so that they mean the same on a slow machine.
    let undisturbed = trial::run(&setting, &Plan::undisturbed(), None)?;
    let whole = undisturbed.took;
    eprintln!("an order that nobody disturbs takes {:.2} s", whole.as_secs_f64());
    let mut figures = Figures::default();
    let mut failed = undisturbed.report("the undisturbed trial");
    for seed in (0..trials).map(|n| first.wrapping_add(n)) {
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

/// The programs that the real server is tried with.
fn setting(repository: &Repository, release: bool) -> Result<Setting> {
    with_agent(repository, release, "stream-json-agent.sh")
}

/// The same with an agent that leaves processes behind.
fn stray_setting(repository: &Repository, release: bool) -> Result<Setting> {
    with_agent(repository, release, "stray-agent.sh")
}

fn with_agent(repository: &Repository, release: bool, agent: &str) -> Result<Setting> {
    let programs = repository.root().join("crates/awo-testkit/programs");
    Ok(Setting { program: repository.program("awo", "awo", None, release)?, agent: programs.join(agent) })
}
