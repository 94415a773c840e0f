//! Locks that a killed git left in a git directory: git refuses to work until somebody removes them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Removes the locks of a git directory in which no git runs: of its files, and of its refs. Follows no links.
pub(super) fn remove(git_directory: &Path) -> io::Result<()> {
    let mut open = vec![git_directory.join("refs")];
    remove_in(git_directory, |_| ())?;
    while let Some(directory) = open.pop() {
        if fs::symlink_metadata(&directory).is_ok_and(|it| it.is_dir()) {
            remove_in(&directory, |below| open.push(below))?;
        }
    }
    Ok(())
}

/// The same in one directory; the directories in it are shown.
fn remove_in(directory: &Path, mut below: impl FnMut(PathBuf)) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            below(path);
        } else if path.extension().is_some_and(|ending| ending == "lock") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_files_and_refs_go_and_nothing_else_does() {
        let place = tempfile::tempdir().unwrap();
        let (git, outside) = (place.path().join("git"), place.path().join("outside"));
        let locks =
            ["index.lock", "packed-refs.lock", "refs/heads/main.lock", "refs/heads/a/b.lock", "refs/tags/v1.lock"];
        let others = ["index", "refs/heads/main", "refs/heads/a/b", "objects/info/a.lock"];
        for name in locks.iter().chain(&others) {
            let path = git.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("theirs.lock"), "").unwrap();
        std::os::unix::fs::symlink(&outside, git.join("refs/linked")).unwrap();
        std::os::unix::fs::symlink(outside.join("theirs.lock"), git.join("HEAD.lock")).unwrap();

        remove(&git).unwrap();

        for name in locks.iter().chain(&["HEAD.lock"]) {
            assert!(fs::symlink_metadata(git.join(name)).is_err(), "{name}");
        }
        for path in others.map(|name| git.join(name)).iter().chain([&outside.join("theirs.lock")]) {
            assert!(path.exists(), "{}", path.display());
        }
        fs::remove_dir_all(git.join("refs")).unwrap();
        std::os::unix::fs::symlink(&outside, git.join("refs")).unwrap();
        remove(&git).unwrap();
        assert!(outside.join("theirs.lock").exists(), "refs that lead elsewhere are not followed");
    }
}
