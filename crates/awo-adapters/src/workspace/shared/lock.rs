//! The lock of a mirror: a file, so that it counts between processes too.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The right to change a mirror, until this and all its handles are closed, also by the end of a process.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes it; `None` if somebody else has it.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Somebody may have moved the directory away meanwhile; others then lock another file.
        let (ours, there) = (file.metadata()?, fs::metadata(path));
        let is_the_one = there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        Ok(is_the_one.then_some(Self(file)))
    }

    /// Another handle, for a program to hold.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}
