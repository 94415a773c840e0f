//! Files that a crash leaves whole: the old one or the new one, never a mix.

use std::fs::{DirBuilder, File, OpenOptions, remove_file, rename};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Ending of files that are being written.
pub(crate) const UNFINISHED: &str = "writing";

/// Writes a file, for its owner only. When this answers it is on the device, and so is its name. Two writers of one path
/// must take turns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = unfinished(path);
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        rename(&new, path)
    });
    if written.is_err() {
        let _ = remove_file(&new);
    }
    written.and_then(|()| sync_parent(path))
}

/// Makes a directory and those above it, for their owner only; each new name is on the device.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_parent(path)
}

/// What was renamed or removed in the directory of a path is so on the device.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Where a file is written before it has its name.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{UNFINISHED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        make_directory(path.parent().unwrap()).unwrap();
        replace(&path, b"old").unwrap();
        std::fs::create_dir(unfinished(&path)).unwrap(); // so that it cannot be written
        assert!(replace(&path, b"new").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        std::fs::remove_dir(unfinished(&path)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
