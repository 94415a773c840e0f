//! What the figures were measured on, and when.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::getpriority_process;

use crate::process;
use crate::repository::Repository;

/// A machine, at the beginning of a run.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) date: String,
    /// Of the repository; with `+` if files differ from it.
    pub(super) commit: String,
    processor: String,
    cores: usize,
    memory: String,
    system: String,
    /// Of the disk that is measured.
    file_system: String,
    compiler: String,
    /// How many programs wanted to run, in the minute before.
    load: String,
    /// Below 0 if other programs had to wait for this one.
    niceness: i32,
}

impl Machine {
    pub(super) fn look(repository: &Repository, disk: &Path) -> Result<Self> {
        let git =
            |arguments: &[&str]| process::output(Command::new("git").current_dir(repository.root()).args(arguments));
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
        let commit = git(&["rev-parse", "--short", "HEAD"])?.trim().to_owned() + if changed { "+" } else { "" };
        let line = |command: &mut Command| Ok::<_, anyhow::Error>(process::output(command)?.trim().to_owned());
        let file_system = line(Command::new("df").arg("--output=fstype").arg(disk))?;
        let memory = field("/proc/meminfo", "MemTotal")?;
        let memory =
            memory.trim_end_matches(" kB").parse::<u64>().map_or(memory.clone(), |kb| format!("{} GiB", kb >> 20));
        Ok(Self {
            date: line(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?,
            commit,
            processor: field("/proc/cpuinfo", "model name")?,
            cores: std::thread::available_parallelism()?.into(),
            memory,
            system: line(Command::new("uname").args(["--kernel-name", "--kernel-release"]))?,
            file_system: file_system.lines().last().unwrap_or("an unknown file system").to_owned(),
            compiler: line(repository.cargo().arg("--version"))?,
            load: fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
            niceness: getpriority_process(None)?,
        })
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            date: text("2026-02-03"),
            commit: text("1234abc"),
            processor: text("A processor"),
            cores: 2,
            memory: text("8000 kB"),
            system: text("Linux 6"),
            file_system: text("ext4"),
            compiler: text("cargo 1"),
            load: text("0.5"),
            niceness: 0,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, commit, processor, cores, memory, system, file_system, compiler, load, niceness } = self;
        write!(
            f,
            "{date}, commit `{commit}`, release build, {compiler}; {processor}, {cores} cores, {memory}, {system}, \
             {file_system}; load before: {load}, run with `nice {niceness}`."
        )
    }
}

/// The value of the first `name: value`.
fn field(path: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    Ok(value.unwrap_or("unknown").trim().to_owned())
}
