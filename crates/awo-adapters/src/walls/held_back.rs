//! Owns the settings of agents that a repository brings along: which files they are, and how they are kept from an agent.
//!
//! They stay in the tree and on the branch. Within bubblewrap the agent sees something empty in their place that it cannot
//! change; within Landlock, where nothing can be laid over a file, they are elsewhere as long as it works.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
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
        open(&checkout)?;
        fs::DirBuilder::new().mode(0o700).create(&place)?;
        let set_aside = Self { checkout };
        for name in HELD_BACK {
            match move_to(&set_aside.checkout.join(name), &place.join(name)) {
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

/// Lets its owner work in a directory; whoever worked there may have closed it.
fn open(directory: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(directory)?;
    let mode = metadata.mode() & 0o7777;
    if metadata.is_dir() && mode & 0o700 != 0o700 {
        fs::set_permissions(directory, Permissions::from_mode(mode | 0o700))?;
    }
    Ok(())
}

/// Renames a file or directory. A directory goes elsewhere only if its owner may write it.
fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open(from)?;
            fs::rename(from, to)
        }
        moved => moved,
    }
}

/// Moves back what is elsewhere, also of a run that was cut. It is lost with a checkout that is gone, which is made anew with
/// what was committed of it.
pub(crate) fn put_back(checkout: &Path) -> io::Result<()> {
    let place = aside(checkout);
    if !place.try_exists()? {
        return Ok(());
    }
    match open(checkout) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return crate::workspace::remove(&place),
        opened => opened?,
    }
    for name in HELD_BACK {
        let held = place.join(name);
        if fs::symlink_metadata(&held).is_ok() {
            let there = checkout.join(name);
            crate::workspace::remove(&there)?;
            move_to(&held, &there)?;
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

    /// Does something as somebody whom modes hold back, as they do not the superuser.
    fn as_an_account(place: &Path, work: impl FnOnce() + Send) {
        use super::super::{Account, inside};
        if !rustix::process::geteuid().is_root() {
            return work();
        }
        let account = Account(0x7000_0001);
        account.take(place).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // Of this thread only.
                inside::become_account(account.0, &[]).unwrap();
                work();
            });
            thread.join().unwrap();
        });
    }

    #[test]
    fn what_was_closed_or_removed_meanwhile_keeps_nothing_from_coming_back() {
        let place = tempfile::tempdir().unwrap();
        let checkout = place.path().join("repo");
        let settings = checkout.join(".claude");
        fs::create_dir_all(&settings).unwrap();
        fs::write(settings.join("settings.json"), "its own").unwrap();
        let close = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o500)).unwrap();
        as_an_account(place.path(), || {
            close(&settings);
            close(&checkout);
            let set_aside = SetAside::of(checkout.clone()).unwrap();
            assert!(!settings.exists());
            close(&checkout);
            set_aside.end().unwrap();
            assert_eq!(fs::read(settings.join("settings.json")).unwrap(), b"its own");

            std::mem::forget(SetAside::of(checkout.clone()).unwrap());
            fs::remove_dir_all(&checkout).unwrap();
            put_back(&checkout).unwrap();
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        });
    }
}
