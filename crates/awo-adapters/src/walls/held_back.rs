//! Owns the settings of agents that a repository brings along: which files they are, and how they are kept from an agent.
//!
//! They stay in the tree and on the branch. Within bubblewrap the agent sees something empty in their place that it cannot
//! change; within Landlock, where nothing can be laid over a file, they are elsewhere as long as it works.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Names, in the top directory of a repository, of what programs of agents read as their own settings, servers, plugins
/// or environment. Instructions in plain text (`AGENTS.md`, `CLAUDE.md`) are not among them.
pub(crate) const HELD_BACK: &[&str] =
    &[".claude", ".codex", ".cursor", ".env", ".gemini", ".mcp.json", ".opencode", "opencode.json", "opencode.jsonc"];

/// What is covered in a checkout: what is seen instead, and where. `empty` is a directory in which the empty ones lie.
///
/// A link cannot be covered, only what it leads to; one of these names is an error.
pub(crate) fn held_back(checkout: &Path, empty: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let (file, directory) = (empty.join("file"), empty.join("directory"));
    fs::create_dir_all(&directory)?;
    fs::write(&file, "")?;
    let mut covered = Vec::new();
    for name in HELD_BACK {
        let place = checkout.join(name);
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            covered.push((directory.clone(), place));
        } else if metadata.is_file() {
            covered.push((file.clone(), place));
        } else {
            let message = format!(
                "{name} of the checkout is neither a file nor a directory, so it cannot be held back from the agent; \
                 remove it, or trust the repository (walls.trusted_repositories)"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(covered)
}

/// What is elsewhere as long as an agent works. It comes back when this is dropped, at the latest.
#[derive(Debug)]
pub(crate) struct SetAside {
    checkout: PathBuf,
}

impl SetAside {
    /// Moves it out of a checkout. What an earlier run left elsewhere comes back first.
    pub(crate) fn of(checkout: PathBuf) -> io::Result<Self> {
        put_back(&checkout)?;
        let place = aside(&checkout);
        fs::DirBuilder::new().mode(0o700).create(&place)?;
        let set_aside = Self { checkout };
        for name in HELD_BACK {
            match fs::rename(set_aside.checkout.join(name), place.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(set_aside)
    }

    /// Moves it back, in place of what the agent left there.
    pub(crate) fn end(self) -> io::Result<()> {
        put_back(&self.checkout)
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        if let Err(error) = put_back(&self.checkout) {
            tracing::warn!(%error, checkout = %self.checkout.display(), "held_back_not_put_back");
        }
    }
}

/// Beside the checkout, where no agent gets to.
fn aside(checkout: &Path) -> PathBuf {
    checkout.with_file_name("held-back")
}

/// Moves back what is elsewhere, also of a run that was cut.
pub(crate) fn put_back(checkout: &Path) -> io::Result<()> {
    let place = aside(checkout);
    if !place.try_exists()? {
        return Ok(());
    }
    for name in HELD_BACK {
        let held = place.join(name);
        if fs::symlink_metadata(&held).is_ok() {
            let there = checkout.join(name);
            crate::workspace::remove(&there)?;
            fs::rename(held, there)?;
        }
    }
    fs::remove_dir(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_covered_and_links_refused() {
        let place = tempfile::tempdir().unwrap();
        let (checkout, empty) = (place.path().join("repo"), place.path().join("empty"));
        fs::create_dir_all(checkout.join(".claude")).unwrap();
        fs::write(checkout.join(".env"), "TOKEN=1").unwrap();
        fs::write(checkout.join("AGENTS.md"), "be kind").unwrap();
        assert_eq!(
            held_back(&checkout, &empty).unwrap(),
            [(empty.join("directory"), checkout.join(".claude")), (empty.join("file"), checkout.join(".env"))]
        );
        std::os::unix::fs::symlink("/etc", checkout.join(".gemini")).unwrap();
        let error = held_back(&checkout, &empty).unwrap_err();
        assert!(error.to_string().starts_with(".gemini of the checkout is neither"), "{error}");
    }

    #[test]
    fn what_is_set_aside_comes_back_whatever_took_its_place() {
        let place = tempfile::tempdir().unwrap();
        let checkout = place.path().join("repo");
        fs::create_dir_all(checkout.join(".claude")).unwrap();
        fs::write(checkout.join(".claude/settings.json"), "its own").unwrap();
        fs::write(checkout.join(".env"), "TOKEN=1").unwrap();
        std::os::unix::fs::symlink("/etc", checkout.join(".gemini")).unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(&checkout).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        for cut in [false, true] {
            let set_aside = SetAside::of(checkout.clone()).unwrap();
            assert_eq!(names(), [""; 0]);
            fs::write(checkout.join(".claude"), "of the agent").unwrap();
            fs::create_dir(checkout.join(".env")).unwrap();
            fs::create_dir(checkout.join(".codex")).unwrap();
            if cut {
                std::mem::forget(set_aside);
                put_back(&checkout).unwrap();
            } else {
                set_aside.end().unwrap();
            }
            assert_eq!(names(), [".claude", ".codex", ".env", ".gemini"]);
            assert_eq!(fs::read(checkout.join(".claude/settings.json")).unwrap(), b"its own");
            assert_eq!(fs::read(checkout.join(".env")).unwrap(), b"TOKEN=1");
            assert_eq!(fs::read_link(checkout.join(".gemini")).unwrap(), Path::new("/etc"));
            fs::remove_dir(checkout.join(".codex")).unwrap();
        }
    }
}
