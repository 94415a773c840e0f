//! `fleet`: several workers share orders on PostgreSQL, and nothing that was told is lost, whatever happens to any of them.
//!
//! In a round there is a database, two servers that run nothing, and some workers, each with a directory of its own as if it
//! were on a machine of its own, and a forge. Several clients send each order with one key, and follow it at both servers.
//! Meanwhile things happen, by chance and by the kind of the round: see `kind.rs`. Who is gone is replaced. When all orders
//! have ended, what each client has is compared with what is stored, and the tables and the forge are looked at.

mod counts;
mod forge;
mod kind;
mod ledger;
mod network;
mod orders;
pub(crate) mod party;
mod rig;
mod round;
mod verdict;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::repository::Repository;
use crate::{postgres, random};
use counts::Counts;
use kind::Kind;
use party::Programs;
use round::Around;

/// Rounds that a continuous integration has time for.
const SHORT: [Kind; 2] = [Kind::Plain, Kind::Partitions];

/// Options of `fleet`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many rounds.
    #[arg(long, default_value_t = 24)]
    rounds: usize,
    /// Seed of the first round; each further one has the next number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Kinds of rounds, which take turns; all of them if absent, by the seed.
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    only: Vec<Kind>,
    /// Try the release build.
    #[arg(long)]
    release: bool,
    /// Another version of the program, which some nodes run.
    #[arg(long, value_name = "PROGRAM")]
    other: Option<PathBuf>,
}

/// What a continuous integration has time for.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    let (rounds, only) = (SHORT.len(), SHORT.to_vec());
    run(repository, &Arguments { rounds, seed: None, only, release: false, other: None })
}

/// Runs rounds.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    let agent = repository.root().join("crates/awo-testkit/programs/fleet-agent.sh");
    let other = arguments.other.as_ref().map(|other| other.canonicalize()).transpose();
    let other = other.context("the other version of the program is not there")?;
    let programs = Programs { awo: repository.program("awo", "awo", None, arguments.release)?, other, agent };
    let around = Around::build(repository, arguments.release)?;
    let first = arguments.seed.unwrap_or_else(random::seed);
    if let Some(reason) = postgres::missing()? {
        bail!("fleet: {reason}");
    }
    eprintln!("{} rounds from seed {first}", arguments.rounds);
    let mut all = Counts::default();
    for number in 0..arguments.rounds {
        let seed = first.wrapping_add(number as u64);
        let kind = match arguments.only.as_slice() {
            [] => Kind::of(seed),
            only => only[number % only.len()],
        };
        let name = format!("{kind:?}").to_lowercase();
        if let Some(reason) = round::missing(kind)? {
            eprintln!("SKIPPED: a round of {name}, because {reason}");
            continue;
        }
        let outcome = round::run(&around, &programs, kind, seed)?;
        eprintln!("seed {seed}, {name}: {}", outcome.counts);
        all.add(&outcome.counts);
        all.one("rounds");
        if let Some(kept) = outcome.kept {
            for violation in &outcome.violations {
                eprintln!("error: {violation}");
            }
            eprintln!("error: the directory of the round, with the logs of all nodes, is {}", kept.display());
            bail!(
                "fleet: `cargo xtask fleet --rounds 1 --seed {seed} --only {name}`: what must hold did not; see above"
            );
        }
    }
    eprintln!(
        "in all: {all}; every order ended once, as it should, and each client had each event once, as it is stored"
    );
    Ok(())
}
