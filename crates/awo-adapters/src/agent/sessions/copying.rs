//! Owns the copy of an agent's files by name, out of a tree that the agent has filled as it liked.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};

use super::super::driver::SessionFiles;
use super::super::home::private_directory;
use crate::Secrets;

/// Bytes, files and levels of directories that are copied at most.
const MOST_BYTES: u64 = 64 << 20;
const MOST_FILES: usize = 2000;
const DEEPEST: usize = 8;

/// What was copied, and what was there beyond the bounds or could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) files: usize,
    pub(super) bytes: u64,
    pub(super) left_out: usize,
}

/// Copies the files that are asked for from one tree to another. Files of the same name are replaced.
///
/// Texts are copied without secrets: an agent writes down what its tools show, its own key too. Other files, such as
/// databases, would not be what they are with anything replaced in them.
pub(super) fn copy(from: &Path, to: &Path, kinds: &[SessionFiles], secrets: &Secrets) -> io::Result<Copied> {
    let mut copied = Copied::default();
    for kind in kinds {
        if let Some(directory) = open_below(from, &kind.below)? {
            let ending = kind.ending.as_bytes();
            copy_directory(&directory, &to.join(&kind.below), ending, secrets, DEEPEST, &mut copied)?;
        }
    }
    Ok(copied)
}

/// Writes a file so that there is always the old or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Opens a directory below another without following links; `None` if there is none.
fn open_below(root: &Path, below: &Path) -> io::Result<Option<OwnedFd>> {
    let mut directory = match openat(CWD, root, directory_flags(), Mode::empty()) {
        Ok(directory) => directory,
        Err(error) => return not_there(error),
    };
    for part in below.components() {
        let Component::Normal(part) = part else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} leads out", below.display())));
        };
        directory = match openat(&directory, part, directory_flags(), Mode::empty()) {
            Ok(directory) => directory,
            Err(error) => return not_there(error),
        };
    }
    Ok(Some(directory))
}

/// A link, or a file in the place of a directory, is as good as nothing.
fn not_there(error: rustix::io::Errno) -> io::Result<Option<OwnedFd>> {
    use rustix::io::Errno;
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Ok(None),
        other => Err(other.into()),
    }
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn copy_directory(
    from: &OwnedFd,
    to: &Path,
    ending: &[u8],
    secrets: &Secrets,
    levels: usize,
    copied: &mut Copied,
) -> io::Result<()> {
    for entry in Dir::read_from(from)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        // Links, pipes and devices are not what a session is made of. What kind it is, is asked of what was opened.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(opened) = openat(from, name, flags, Mode::empty()) else {
            continue;
        };
        let found = fstat(&opened)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory if levels == 0 => copied.left_out += 1,
            FileType::Directory => {
                copy_directory(&opened, &to.join(name), ending, secrets, levels - 1, copied)?;
            }
            FileType::RegularFile if name.as_bytes().ends_with(ending) => {
                let length = u64::try_from(found.st_size).unwrap_or(u64::MAX);
                if copied.files >= MOST_FILES || length > MOST_BYTES - copied.bytes {
                    copied.left_out += 1;
                    continue;
                }
                let mut bytes = Vec::new();
                // It may have grown since.
                File::from(opened).take(length).read_to_end(&mut bytes)?;
                private_directory(to)?;
                let clean = match String::from_utf8(bytes) {
                    Ok(text) => secrets.redact(&text).into_bytes(),
                    Err(other) => other.into_bytes(),
                };
                write(&to.join(name), &clean)?;
                copied.files += 1;
                copied.bytes += length;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn kinds() -> Vec<SessionFiles> {
        vec![SessionFiles { below: ".agent/sessions".into(), ending: ".jsonl".into() }]
    }

    #[test]
    fn only_files_of_sessions_are_copied() {
        let place = tempfile::tempdir().unwrap();
        let (home, kept) = (place.path().join("home"), place.path().join("kept"));
        let sessions = home.join(".agent/sessions/2026/11");
        fs::create_dir_all(&sessions).unwrap();
        fs::write(sessions.join("a.jsonl"), "session a").unwrap();
        fs::write(sessions.join("hook.sh"), "#!/bin/sh").unwrap();
        fs::write(home.join(".agent/settings.json"), "hooks").unwrap();
        let copied = copy(&home, &kept, &kinds(), &Secrets::default()).unwrap();
        assert_eq!(copied, Copied { files: 1, bytes: 9, left_out: 0 });
        let path = kept.join(".agent/sessions/2026/11/a.jsonl");
        assert_eq!(fs::read_to_string(&path).unwrap(), "session a");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!kept.join(".agent/settings.json").exists());
        assert_eq!(fs::read_dir(kept.join(".agent/sessions/2026/11")).unwrap().count(), 1);
        fs::write(sessions.join("a.jsonl"), "session a goes on").unwrap();
        copy(&home, &kept, &kinds(), &Secrets::default()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "session a goes on");
    }

    #[test]
    fn what_a_session_tells_of_secrets_is_not_kept() {
        let place = tempfile::tempdir().unwrap();
        let (home, kept) = (place.path().join("home"), place.path().join("kept"));
        let sessions = home.join(".agent/sessions");
        fs::create_dir_all(&sessions).unwrap();
        fs::write(sessions.join("a.jsonl"), "{\"printed\": \"KEY=sk-canary-1\"}").unwrap();
        fs::write(sessions.join("b.jsonl"), b"\xff is no text").unwrap();
        let mut secrets = Secrets::default();
        secrets.add("KEY", "sk-canary-1");
        copy(&home, &kept, &kinds(), &secrets).unwrap();
        let read = |name| fs::read(kept.join(".agent/sessions").join(name)).unwrap();
        assert_eq!(read("a.jsonl"), b"{\"printed\": \"KEY=[KEY]\"}");
        assert_eq!(read("b.jsonl"), b"\xff is no text");
    }

    #[test]
    fn links_lead_nowhere() {
        let place = tempfile::tempdir().unwrap();
        let (home, kept, secret) = (place.path().join("home"), place.path().join("kept"), place.path().join("secret"));
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("key.jsonl"), "canary").unwrap();
        fs::create_dir_all(home.join(".agent/sessions")).unwrap();
        symlink(secret.join("key.jsonl"), home.join(".agent/sessions/a.jsonl")).unwrap();
        symlink(&secret, home.join(".agent/sessions/dir")).unwrap();
        assert_eq!(copy(&home, &kept, &kinds(), &Secrets::default()).unwrap(), Copied::default());
        fs::remove_dir_all(home.join(".agent")).unwrap();
        fs::create_dir_all(secret.join("sessions")).unwrap();
        fs::write(secret.join("sessions/key.jsonl"), "canary").unwrap();
        symlink(&secret, home.join(".agent")).unwrap();
        assert_eq!(copy(&home, &kept, &kinds(), &Secrets::default()).unwrap(), Copied::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_does_not_hold_the_copy_up() {
        let place = tempfile::tempdir().unwrap();
        let sessions = place.path().join(".agent/sessions");
        fs::create_dir_all(&sessions).unwrap();
        rustix::fs::mknodat(CWD, sessions.join("a.jsonl"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert_eq!(
            copy(place.path(), &place.path().join("kept"), &kinds(), &Secrets::default()).unwrap(),
            Copied::default()
        );
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_left_out_and_counted() {
        let place = tempfile::tempdir().unwrap();
        let sessions = place.path().join(".agent/sessions");
        let deep = sessions.join("1/2/3/4/5/6/7/8/9");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("a.jsonl"), "deep").unwrap();
        fs::write(sessions.join("small.jsonl"), "small").unwrap();
        File::create(sessions.join("large.jsonl")).unwrap().set_len(MOST_BYTES + 1).unwrap();
        let copied = copy(place.path(), &place.path().join("kept"), &kinds(), &Secrets::default()).unwrap();
        assert_eq!(copied, Copied { files: 1, bytes: 5, left_out: 2 });
    }

    #[test]
    fn a_tree_that_is_not_there_is_empty() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(
            copy(&place.path().join("none"), &place.path().join("kept"), &kinds(), &Secrets::default()).unwrap(),
            Copied::default()
        );
    }
}
