//! The repository that the orders of a trial work on: a bare one with a first commit.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process;

/// A bare repository on this machine.
#[derive(Debug)]
pub(crate) struct Remote {
    path: PathBuf,
}

impl Remote {
    /// Makes one in a directory.
    pub(crate) fn new(place: &Path) -> Result<Self> {
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

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// First lines of the commits of a branch that the default branch does not have. None if there is no such branch.
    pub(crate) fn commits(&self, branch: &str) -> Result<Vec<String>> {
        let branch_name = format!("refs/heads/{branch}");
        if git(&self.path, &["for-each-ref", "--format=%(refname)", &branch_name])?.is_empty() {
            return Ok(Vec::new());
        }
        let log = git(&self.path, &["log", "--format=%s", &format!("main..{branch_name}"), "--"])?;
        Ok(log.lines().map(str::to_owned).collect())
    }

    /// Removes a branch, as a forge does when it is merged.
    pub(crate) fn remove(&self, branch: &str) -> Result<()> {
        git(&self.path, &["update-ref", "-d", &format!("refs/heads/{branch}")]).map(|_| ())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_is_not_there_has_no_commits() {
        let place = tempfile::tempdir().unwrap();
        let remote = Remote::new(place.path()).unwrap();
        assert_eq!(remote.commits("feat-x").unwrap(), Vec::<String>::new());
        let seed = place.path().join("seed");
        git(&seed, &["commit", "--quiet", "--allow-empty", "--message", "work"]).unwrap();
        git(&seed, &["push", "--quiet", "../remote.git", "HEAD:refs/heads/feat-x"]).unwrap();
        assert_eq!(remote.commits("feat-x").unwrap(), ["work"]);
        remote.remove("feat-x").unwrap();
        assert_eq!(remote.commits("feat-x").unwrap(), Vec::<String>::new());
    }
}
