//! A PostgreSQL server of a rig's own, played by a small program of the test kit: see its `cluster`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::provision;
use crate::repository::Repository;

/// A server that ends with this value.
#[derive(Debug)]
pub(crate) struct Cluster {
    process: Child,
    input: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
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
    /// Starts one. With `durable`, it keeps what it says it keeps; else it is faster.
    pub(crate) fn start(repository: &Repository, durable: bool) -> Result<Self> {
        Self::of(&repository.program("awo-testkit", "cluster", Some("postgres"), false)?, durable)
    }

    /// The same with the program that is built already.
    pub(crate) fn of(program: &Path, durable: bool) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(durable.then_some("durable")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("PostgreSQL cannot be started")?;
        let input = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("its output was asked for")?);
        let mut cluster = Self { process, input, answers, url: String::new() };
        cluster.url = cluster.answer()?;
        Ok(cluster)
    }

    /// Where clients reach it.
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

    fn tell(&mut self, what: &str) -> Result<()> {
        let input = self.input.as_mut().context("it hears until it ends")?;
        writeln!(input, "{what}")?;
        let answer = self.answer()?;
        ensure!(answer == "done", "PostgreSQL answered {answer:?} to {what:?}");
        Ok(())
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let count = self.answers.read_line(&mut line)?;
        ensure!(count > 0, "PostgreSQL has ended; see above");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It ends when it hears nothing any more.
        self.input = None;
        let _ = self.process.wait();
    }
}
