//! `streams`: clients that lose their connection anywhere, again and again, while orders run and the server is killed or
//! ended and started anew, have each event once, as it is stored.
//!
//! In a round there is a server with a few orders, and some clients follow each, over server-sent events and web sockets. A
//! client drops its connection after so many bytes, or after a time in which nothing came, both chosen by chance, and comes
//! back with the number of its last event. Meanwhile the server ends by SIGKILL or SIGTERM, and is there again at the same
//! address. When all orders have ended, what each client has is compared with what is stored.

pub(crate) mod follower;
mod record;
mod round;
pub(crate) mod wire;

use anyhow::{Result, bail};

use crate::repository::Repository;
use crate::{crowd, random};
use round::{Counts, Setting};

/// Disconnects that a continuous integration has time for.
const SHORT: usize = 300;

/// Options of `streams`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds go on until connections were lost so many times.
    #[arg(long, default_value_t = 10_000)]
    disconnects: usize,
    /// What is done when is chosen by this number. Chosen by chance if absent, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Try the release build.
    #[arg(long)]
    release: bool,
    /// Instead, follow order after order with 1,000 clients, and 500 that take nothing, for so many minutes: the server must
    /// not grow.
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["disconnects", "seed"])]
    soak: Option<u64>,
}

/// What a continuous integration has time for.
pub(crate) fn stage(repository: &Repository) -> Result<()> {
    run(repository, &Arguments { disconnects: SHORT, seed: None, release: false, soak: None })
}

/// Runs rounds until there were enough disconnects.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<()> {
    if let Some(minutes) = arguments.soak {
        return crowd::soak(repository, minutes);
    }
    let agent = repository.root().join("crates/awo-testkit/programs/stream-json-agent.sh");
    let setting = Setting { program: repository.program("awo", "awo", None, arguments.release)?, agent };
    let first = arguments.seed.unwrap_or_else(random::seed);
    eprintln!("at least {} disconnects, from seed {first}", arguments.disconnects);
    let mut all = Counts::default();
    for seed in first.. {
        let outcome = round::run(&setting, seed)?;
        eprintln!("seed {seed}: {}", outcome.counts);
        all.add(&outcome.counts);
        if !outcome.violations.is_empty() {
            for violation in &outcome.violations {
                eprintln!("error: {violation}");
            }
            let kept = outcome.kept.unwrap_or_default();
            eprintln!("error: the directory of the round, with server.log, is {}", kept.display());
            bail!("streams: `cargo xtask streams --disconnects 1 --seed {seed}`: what must hold did not; see above");
        }
        if all.disconnects() >= arguments.disconnects {
            break;
        }
    }
    eprintln!("in all: {all}; each client had each event once, as it is stored");
    Ok(())
}
