//! A PostgreSQL server of a rig's own, played by a small program of the test kit: see its `cluster`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::player::Player;
use crate::repository::Repository;
use crate::{process, provision};

/// A server that ends with this value.
#[derive(Debug)]
pub(crate) struct Cluster {
    player: Player,
    url: String,
}

/// How a server is made.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// It keeps what it says it keeps; else it is faster.
    pub(crate) durable: bool,
    /// Addresses at which it listens besides its socket.
    pub(crate) addresses: Vec<String>,
    /// Megabytes of a disk of its own.
    pub(crate) disk: Option<u32>,
}

/// Why there is no server, if it cannot be had.
pub(crate) fn missing() -> Result<Option<String>> {
    let look = || program("initdb").is_none().then(|| "PostgreSQL is not installed".to_owned());
    provision::missing(look, "postgresql", "install the package postgresql")
}

/// A program of the newest version that is installed.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |version: &std::fs::DirEntry| version.file_name().to_str()?.parse::<u32>().ok();
    let there = versions.filter(|version| version.path().join("bin").join(name).is_file());
    Some(there.max_by_key(number)?.path().join("bin").join(name))
}

impl Cluster {
    /// Starts one.
    pub(crate) fn start(repository: &Repository, options: &Options) -> Result<Self> {
        Self::of(&repository.program("awo-testkit", "cluster", Some("postgres"), false)?, options)
    }

    /// The same with the program that is built already.
    pub(crate) fn of(program: &Path, options: &Options) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(options.durable.then_some("durable"));
        if !options.addresses.is_empty() {
            command.arg(format!("listen={}", options.addresses.join(",")));
        }
        command.args(options.disk.map(|size| format!("disk={size}")));
        let (player, url) = Player::start(command, "PostgreSQL")?;
        Ok(Self { player, url })
    }

    /// Where clients on this machine reach it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a crash does, and starts it.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.tell("restart")
    }

    /// Lets it stand still.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.tell("stop")
    }

    /// Lets it go on.
    pub(crate) fn go(&mut self) -> Result<()> {
        self.tell("go")
    }

    /// Takes all room that is left on its disk.
    pub(crate) fn fill(&mut self) -> Result<()> {
        self.tell("fill")
    }

    /// Gives the room back, and starts the server if it has given up.
    pub(crate) fn free(&mut self) -> Result<()> {
        self.tell("free")
    }

    /// What it logs.
    pub(crate) fn log(&mut self) -> Result<PathBuf> {
        Ok(self.player.tell("log")?.into())
    }

    /// The rows that a statement gives, a line each.
    pub(crate) fn ask(&self, statement: &str) -> Result<Vec<String>> {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        let rows = process::output(command.args(["--dbname", &self.url, "--command", statement]))?;
        Ok(rows.lines().filter(|row| !row.is_empty()).map(str::to_owned).collect())
    }

    fn tell(&mut self, what: &str) -> Result<()> {
        let answer = self.player.tell(what)?;
        ensure!(answer == "done", "PostgreSQL answered {answer:?} to {what:?}");
        Ok(())
    }
}
