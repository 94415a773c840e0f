//! `fleet`: several workers share orders on PostgreSQL, and nothing that was told is lost, whatever happens to any of them.
//!
//! In a round there is a database, a server that runs nothing, and some workers, each with a directory of its own as if it
//! were on a machine of its own. Clients follow each order at the server. Meanwhile, by chance: workers are killed, stopped
//! past their leases and let go on, told to end, and the database crashes in the middle of whatever it does, or stands
//! still. Each
//! worker that is gone is replaced. When all orders have ended, what each client has is compared with what is stored, and
//! each branch must be there with its commit once.

pub(crate) mod party;
mod round;

use anyhow::{Result, bail};

use crate::repository::Repository;
use crate::{postgres, random};
use party::Programs;
use round::Counts;

/// Rounds that a continuous integration has time for.
const SHORT: usize = 2;

/// Options of `fleet`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many rounds.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Seed of the first round; each further one has the next number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Try the release build.
    #[arg(long)]
    release: bool,
}

/// What a continuous integration has time for.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    run(repository, &Arguments { rounds: SHORT, seed: None, release: false })
}

/// Runs rounds.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let agent = repository.root().join("crates/awo-testkit/programs/stream-json-agent.sh");
    let programs = Programs { awo: repository.program("awo", "awo", None, arguments.release)?, agent };
    let first = arguments.seed.unwrap_or_else(random::seed);
    if let Some(reason) = postgres::missing()? {
        bail!("fleet: {reason}");
    }
    eprintln!("{} rounds from seed {first}", arguments.rounds);
    let mut all = Counts::default();
    for seed in (0..arguments.rounds as u64).map(|n| first.wrapping_add(n)) {
        let outcome = round::run(repository, &programs, seed)?;
        eprintln!("seed {seed}: {}", outcome.counts);
        all.add(&outcome.counts);
        if let Some(kept) = outcome.kept {
            for violation in &outcome.violations {
                eprintln!("error: {violation}");
            }
            eprintln!("error: the directory of the round, with the logs of all nodes, is {}", kept.display());
            bail!("fleet: `cargo xtask fleet --rounds 1 --seed {seed}`: what must hold did not; see above");
        }
    }
    eprintln!("in all: {all}; every order completed once, and each client had each event once, as it is stored");
    Ok(())
}
