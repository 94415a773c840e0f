//! The nodes of a round: a server that runs nothing, and workers, each with a directory of its own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::server::Server;

/// Seconds that a lease lasts.
pub(crate) const LEASE: u64 = 3;

/// A client that comes back is a client that asks often.
const SETTINGS: &str = "[http]\nrequests_per_minute = 10000000\n";

/// What all nodes run.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) awo: PathBuf,
    pub(crate) agent: PathBuf,
}

/// Starts nodes of one database.
pub(crate) struct Party<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) place: PathBuf,
    pub(crate) database: String,
}

impl Party<'_> {
    /// A server at this address, which runs no order.
    pub(crate) fn server(&self, address: &str) -> Result<Server> {
        let mut command = self.command("server", &["serve", "--no-run", "--bind", address])?;
        let file = self.place.join("awo.toml");
        fs::write(&file, SETTINGS)?;
        command.env("AWO_CONFIG", file);
        self.start(command, "server")
    }

    /// The worker of a number, for so many orders at once. One of the same number had the same directory.
    pub(crate) fn worker(&self, number: usize, at_once: usize) -> Result<Server> {
        let name = format!("worker-{number}");
        let command = self.command(&name, &["worker", "--max-running", &at_once.to_string()])?;
        self.start(command, &name)
    }

    fn start(&self, command: Command, name: &str) -> Result<Server> {
        let log = File::options().create(true).append(true).open(self.place.join(format!("{name}.log")))?;
        Server::start(command, log)
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Result<Command> {
        let home = self.place.join(name);
        fs::create_dir_all(&home)?;
        let mut command = Command::new(&self.programs.awo);
        command.args(arguments).arg("--skip-permissions").current_dir(&home).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &home).env("LC_ALL", "C.UTF-8");
        command.env("AWO_DATA_DIR", home.join("data")).env("AWO_ISOLATION", "none");
        command.env("AWO_STATE", "postgres").env("AWO_DATABASE_URL", &self.database);
        command.env("AWO_LEASE_SECONDS", LEASE.to_string()).env("AWO_CHECKPOINTS", "remote");
        command.env("CLAUDE_CLI_PATH", &self.programs.agent);
        Ok(command)
    }
}

/// Stops a node as it is, or lets it go on.
pub(crate) fn signal(node: &Server, signal: Signal) -> Result<()> {
    let process = i32::try_from(node.process()).ok().and_then(Pid::from_raw).context("a process number")?;
    kill_process(process, signal).context("a node cannot be signalled")
}
