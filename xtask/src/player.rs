//! Small programs of the test kit that play something, do what they are told line by line, and end with us.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// One that was started. It ends with this value: when it hears nothing any more.
#[derive(Debug)]
pub(crate) struct Player {
    process: Child,
    input: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    name: String,
}

impl Player {
    /// Starts one, and takes what it says first.
    pub(crate) fn start(mut command: Command, name: &str) -> Result<(Self, String)> {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.with_context(|| format!("{name} cannot be started"))?;
        let input = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("its output was asked for")?);
        let mut player = Self { process, input, answers, name: name.to_owned() };
        let first = player.answer()?;
        Ok((player, first))
    }

    /// Tells it something; its answer.
    pub(crate) fn tell(&mut self, what: &str) -> Result<String> {
        let input = self.input.as_mut().context("it hears until it ends")?;
        writeln!(input, "{what}").with_context(|| format!("{} does not hear {what:?}", self.name))?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let count = self.answers.read_line(&mut line)?;
        ensure!(count > 0, "{} has ended; see above", self.name);
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.process.wait();
    }
}
