//! The version of the git program.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Git, GitError, find_git, workspace_environment};

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion(pub u32, pub u32);

impl GitVersion {
    /// The oldest that awo works with.
    pub const MINIMUM: Self = Self(2, 30);

    /// Reads what `git version` prints: `git version 2.47.3`, `git version 2.39.5 (Apple Git-154)`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

impl fmt::Display for GitVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The version of a git program (a name looked up in the search path, or a path); an error if it is too old.
pub async fn git_version(program: &Path, search_path: &OsStr) -> Result<GitVersion, GitError> {
    let git = Git {
        program: find_git(program, search_path),
        environment: workspace_environment(search_path, Path::new("/")),
        settings: &[],
        directory: PathBuf::from("/"),
        deadline: Duration::from_secs(10),
        owner: None,
        tokens: None,
        walls: None,
        dialling: None,
    };
    let output = git.command("version").run().await?;
    let said = output.text();
    match GitVersion::parse(&said) {
        Some(version) if version >= GitVersion::MINIMUM => Ok(version),
        version => Err(GitError::Unsupported {
            found: version.map_or_else(|| format!("{said:?}"), |version| version.to_string()),
            minimum: GitVersion::MINIMUM.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_vendors_write_them() {
        for (text, expected) in [
            ("git version 2.47.3", Some(GitVersion(2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some(GitVersion(2, 39))),
            ("git version 3.0-rc1", Some(GitVersion(3, 0))),
            ("hub version 2.14", None),
        ] {
            assert_eq!(GitVersion::parse(text), expected, "{text}");
        }
        assert!(GitVersion(2, 9) < GitVersion::MINIMUM);
    }

    #[tokio::test]
    async fn this_machine_has_git_and_a_missing_one_is_named() {
        let path = OsStr::new("/usr/local/bin:/usr/bin:/bin");
        assert!(git_version(Path::new("git"), path).await.unwrap() >= GitVersion::MINIMUM);
        let error = git_version(Path::new("/nowhere/git"), path).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot find the program \"/nowhere/git\"; install git or set its path");
        for nowhere in ["/nowhere", ".", ""] {
            let error = git_version(Path::new("git"), OsStr::new(nowhere)).await.unwrap_err();
            assert_eq!(error.to_string(), "cannot find the program \"git\"; install git or set its path");
        }
    }
}
