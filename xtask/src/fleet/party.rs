//! The nodes of a round: servers that run nothing, and workers, each with a directory of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::network::Link;
use crate::server::Server;

/// Seconds that a lease lasts.
pub(crate) const LEASE: u64 = 3;

/// The address that orders name, and the token that its forge knows.
pub(super) const REPOSITORY: &str = "https://github.com/owner/repo.git";
pub(super) const TOKEN: &str = "ghp_fleet0123456789";

/// How far the clocks of workers are off, in turn.
const CLOCKS: [&str; 3] = ["-3h", "+0", "+5h"];

/// What nodes run.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) awo: PathBuf,
    /// Another version, which some nodes run.
    pub(crate) other: Option<PathBuf>,
    pub(crate) agent: PathBuf,
}

/// Starts nodes of one database.
#[derive(Debug)]
pub(crate) struct Party<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) place: PathBuf,
    pub(crate) database: String,
    /// Where the forge is.
    pub(crate) forge: String,
    /// The networks of workers, if they have some.
    pub(crate) links: Vec<Link>,
    /// What turns the clocks of workers, if they are to be off.
    pub(crate) clocks: Option<PathBuf>,
}

impl Party<'_> {
    /// Writes what all nodes have in common: where git finds the repository. A client that comes back often is let in.
    pub(crate) fn prepare(&self, remote: &Path) -> Result<()> {
        std::os::unix::fs::symlink(&self.programs.agent, self.place.join("agent"))?;
        let remote = remote.to_str().context("the path of the remote is not UTF-8")?;
        let redirect = format!("[[git.redirect]]\nfrom = {REPOSITORY:?}\nto = {remote:?}\n");
        fs::write(self.place.join("awo.toml"), format!("{redirect}\n[http]\nrequests_per_minute = 10000000\n"))?;
        Ok(())
    }

    /// The server of a name at an address. It runs no order.
    pub(crate) fn server(&self, program: &Path, name: &str, address: &str) -> Result<Server> {
        let mut command = Command::new(program);
        command.args(["serve", "--no-run", "--bind", address]);
        self.start(command, name, &self.database)
    }

    /// The worker of a number, for so many orders at once. One of the same number had the same directory.
    pub(crate) fn worker(&self, program: &Path, number: usize, at_once: usize) -> Result<Server> {
        let link = self.links.get(number);
        let mut command = link.map_or_else(
            || Command::new(program),
            |link| {
                let mut command = link.enter();
                command.arg(program);
                command
            },
        );
        command.args(["worker", "--max-running", &at_once.to_string()]);
        if let Some(library) = &self.clocks {
            // As `env` sets them, so that the command's own are set before.
            command = with_clock(&command, library, CLOCKS[number % CLOCKS.len()]);
        }
        let there = link.map(|link| format!("postgres://awo@{}:5432/postgres", link.machine()));
        self.start(command, &worker_name(number), there.as_ref().unwrap_or(&self.database))
    }

    fn start(&self, mut command: Command, name: &str, database: &str) -> Result<Server> {
        let home = self.place.join(name);
        fs::create_dir_all(&home)?;
        command.arg("--skip-permissions").current_dir(&home).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &home).env("LC_ALL", "C.UTF-8");
        command.env("AWO_DATA_DIR", home.join("data")).env("AWO_ISOLATION", "none");
        command.env("AWO_CONFIG", self.place.join("awo.toml"));
        command.env("AWO_STATE", "postgres").env("AWO_DATABASE_URL", database);
        command.env("AWO_LEASE_SECONDS", LEASE.to_string()).env("AWO_CHECKPOINTS", "remote");
        command.env("CLAUDE_CLI_PATH", self.place.join("agent"));
        command.env("GITHUB_TOKEN", TOKEN).env("AWO_GITHUB_API_URL", &self.forge);
        Server::start(command, File::options().create(true).append(true).open(self.log(name))?)
    }

    /// What a node logs.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.place.join(format!("{name}.log"))
    }
}

/// The name of a worker, and of its directory.
pub(super) fn worker_name(number: usize) -> String {
    format!("worker-{number}")
}

/// A command whose program has a clock that is off; the time that only goes forward is right.
fn with_clock(command: &Command, library: &Path, off: &str) -> Command {
    let mut with = Command::new("env");
    with.arg(format!("LD_PRELOAD={}", library.display())).arg(format!("FAKETIME={off}"));
    with.args(["FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]).arg(command.get_program()).args(command.get_args());
    with
}

/// Stops a node as it is, or lets it go on.
pub(crate) fn signal(node: &Server, signal: Signal) -> Result<()> {
    let process = i32::try_from(node.process()).ok().and_then(Pid::from_raw).context("a process number")?;
    kill_process(process, signal).context("a node cannot be signalled")
}
