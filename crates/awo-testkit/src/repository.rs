//! Fixture repositories: a bare remote with a first commit, in a temporary directory.

#![expect(clippy::missing_panics_doc, reason = "a fixture that cannot be made as described panics, always")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Files of the first commit.
const FILES: [(&str, &str); 4] = [
    ("README.md", "# Greeting\n\nSays hello.\n"),
    (".gitignore", "/target\n*.log\n"),
    ("docs/usage.md", "Call `greeting`.\n"),
    ("src/greeting.rs", "pub fn greeting() -> &'static str {\n    \"hello\"\n}\n"),
];

/// A bare repository to clone from and push to, with four small files.
///
/// # Panics
/// Every method panics if git fails: a fixture that is not as described proves nothing.
#[derive(Debug)]
pub struct FixtureRepository {
    /// Removed when dropped.
    place: TempDir,
}

impl Default for FixtureRepository {
    fn default() -> Self {
        Self::new()
    }
}

impl FixtureRepository {
    /// A repository whose default branch is `main`.
    pub fn new() -> Self {
        Self::with_default_branch("main")
    }

    /// A repository whose default branch has the given name.
    pub fn with_default_branch(branch: &str) -> Self {
        let fixture = Self::empty_with_default_branch(branch);
        fixture.commit(branch, "first commit", &FILES);
        fixture
    }

    /// A repository without commits.
    pub fn empty() -> Self {
        Self::empty_with_default_branch("main")
    }

    fn empty_with_default_branch(branch: &str) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let fixture = Self { place };
        run(fixture.place.path(), ["init", "--quiet", "--bare", "remote.git"]);
        fixture.git(["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
        fixture
    }

    /// Where the bare repository is.
    pub fn path(&self) -> PathBuf {
        self.place.path().join("remote.git")
    }

    /// Its address: the path as text.
    pub fn url(&self) -> String {
        self.path().to_str().expect("a path in UTF-8").to_owned()
    }

    /// Adds a commit with the given files to a branch, as somebody else would. Makes the branch if there is none, on
    /// top of the default branch.
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
        let work = tempfile::tempdir().expect("a temporary directory");
        let directory = work.path();
        run(directory, ["clone", "--quiet", "--", &self.url(), "."]);
        let known = self.branches().iter().any(|known| known == branch);
        if known {
            run(directory, ["checkout", "--quiet", branch]);
        } else {
            run(directory, ["checkout", "--quiet", "-B", branch]);
        }
        for (path, text) in files {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        run(directory, ["add", "--all"]);
        run(directory, ["commit", "--quiet", "--message", message]);
        run(directory, ["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
        self.head(branch)
    }

    /// Names of its branches, sorted.
    pub fn branches(&self) -> Vec<String> {
        let names = self.git(["for-each-ref", "--format=%(refname:strip=2)", "refs/heads"]);
        names.lines().map(str::to_owned).collect()
    }

    /// Commit at the end of a branch.
    pub fn head(&self, branch: &str) -> String {
        self.git(["rev-parse", "--verify", &format!("refs/heads/{branch}")]).trim().to_owned()
    }

    /// Text of a file on a branch; `None` if there is none.
    pub fn file_at(&self, branch: &str, path: &str) -> Option<String> {
        let object = format!("refs/heads/{branch}:{path}");
        let output = command(&self.path(), ["cat-file", "blob", &object]).output().expect("git runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// First lines of the commits of a branch, newest first.
    pub fn log(&self, branch: &str) -> Vec<String> {
        let log = self.git(["log", "--format=%s", &format!("refs/heads/{branch}")]);
        log.lines().map(str::to_owned).collect()
    }

    /// Runs git in the bare repository; what it printed.
    pub fn git<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        run(&self.path(), arguments)
    }
}

fn run<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    let output = command(directory, arguments).output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Git with an environment that is the same on every machine.
fn command<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Fixture")
        .env("GIT_AUTHOR_EMAIL", "fixture@example.org")
        .env("GIT_AUTHOR_DATE", "2024-01-01T00:00:00Z")
        .env("GIT_COMMITTER_NAME", "Fixture")
        .env("GIT_COMMITTER_EMAIL", "fixture@example.org")
        .env("GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z")
        .stdin(Stdio::null());
    command
}
