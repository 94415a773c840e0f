//! What may happen to checkouts and bare clones while no server runs: one of the two is lost, the other must do.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What is taken, or spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// All workspaces.
    Workspaces,
    /// All bare clones, with the checkpoints; the checkouts stay.
    Mirrors,
    /// The `HEAD` of a checkout becomes empty.
    Head,
    /// A checkout loses its objects.
    Objects,
    /// A file is where the `.git` of a checkout was.
    GitFile,
}

impl Damage {
    pub(super) const ALL: [Self; 5] = [Self::Workspaces, Self::Mirrors, Self::Head, Self::Objects, Self::GitFile];

    /// Does it to a data directory; what is taken away is put into `aside`. False if there was nothing to damage.
    ///
    /// It is moved in one piece: a git of the killed server may still be at work there.
    pub(super) fn happen(self, data: &Path, aside: &Path) -> io::Result<bool> {
        let directory = match self {
            Self::Workspaces => Some(data.join("workspaces")),
            Self::Mirrors => Some(data.join("mirrors")),
            _ => checkout(data)?,
        };
        let Some(path) = directory else { return Ok(false) };
        let git = path.join(".git");
        let happened = match self {
            Self::Workspaces | Self::Mirrors => {
                fs::read_dir(&path).and_then(|mut entries| Ok(entries.next().is_some() && take(&path, aside)?))
            }
            Self::Head => File::options().write(true).truncate(true).open(git.join("HEAD")).map(|_| true),
            Self::Objects => take(&git.join("objects"), aside),
            Self::GitFile => take(&git, aside).and_then(|taken| {
                fs::write(&git, "gitdir: /nowhere\n")?;
                Ok(taken)
            }),
        };
        match happened {
            // A kill may come before anything was made.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            happened => happened,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workspaces => "no workspaces",
            Self::Mirrors => "no bare clones",
            Self::Head => "an empty HEAD",
            Self::Objects => "no objects",
            Self::GitFile => "a file as .git",
        })
    }
}

/// The first checkout there is.
fn checkout(data: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(data.join("workspaces")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut checkouts = entries.map(|entry| Ok(entry?.path().join("repo"))).collect::<io::Result<Vec<_>>>()?;
    checkouts.retain(|path| path.join(".git").is_dir());
    checkouts.sort();
    Ok(checkouts.into_iter().next())
}

fn take(path: &Path, aside: &Path) -> io::Result<bool> {
    fs::rename(path, aside)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_damage_takes_what_it_names_and_nothing_else() {
        for damage in Damage::ALL {
            let place = tempfile::tempdir().unwrap();
            let (data, aside) = (place.path().join("data"), place.path().join("aside"));
            assert!(!damage.happen(&data, &aside).unwrap(), "{damage}: nothing is there");
            let git = data.join("workspaces/a/repo/.git");
            fs::create_dir_all(git.join("objects")).unwrap();
            fs::create_dir_all(data.join("mirrors/a.git")).unwrap();
            fs::write(git.join("HEAD"), "ref: refs/heads/main").unwrap();
            assert!(damage.happen(&data, &aside).unwrap(), "{damage}");
            let head = fs::read(git.join("HEAD")).is_ok_and(|text| !text.is_empty());
            let is = (data.join("mirrors").exists(), head, git.join("objects").exists(), git.is_file());
            let expected = match damage {
                Damage::Workspaces => (true, false, false, false),
                Damage::Mirrors => (false, true, true, false),
                Damage::Head => (true, false, true, false),
                Damage::Objects => (true, true, false, false),
                Damage::GitFile => (true, false, false, true),
            };
            assert_eq!(is, expected, "{damage}");
        }
    }
}
