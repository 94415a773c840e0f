//! The repository that the orders of a trial work on: a bare one with a first commit.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

/// A bare repository on this machine.
#[derive(Debug)]
pub(super) struct Remote {
    path: PathBuf,
}

impl Remote {
    /// Makes one in a directory.
    pub(super) fn new(place: &Path) -> Result<Self> {
        let path = place.join("remote.git");
        let seed = place.join("seed");
        git(place, &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"])?;
        git(place, &["init", "--quiet", "--initial-branch=main", "seed"])?;
        std::fs::write(seed.join("README.md"), "# Greeting\n\nSays hello.\n")?;
        git(&seed, &["add", "--all"])?;
        git(&seed, &["commit", "--quiet", "--message", "first commit"])?;
        git(&seed, &["push", "--quiet", "../remote.git", "HEAD:refs/heads/main"])?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// First lines of the commits of a branch that the default branch does not have.
    pub(super) fn commits(&self, branch: &str) -> Result<Vec<String>> {
        let log = git(&self.path, &["log", "--format=%s", &format!("main..refs/heads/{branch}"), "--"])?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

/// Git with an environment that is the same on every machine.
fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Fixture").env(format!("GIT_{who}_EMAIL"), "fixture@example.org");
    }
    process::output(&mut command)
}
