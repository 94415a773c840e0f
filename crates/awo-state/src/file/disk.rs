//! Every call that touches the data directory, behind one trait, so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The calls that the files' owners make. None of them does more than its name says.
pub(super) trait Disk: Debug + Send + Sync {
    /// A new file, for its owner only; an error if the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<File>;
    /// An existing file, to append to.
    fn open_append(&self, path: &Path) -> io::Result<File>;
    /// An existing file, to read from its beginning.
    fn open_read(&self, path: &Path) -> io::Result<File>;
    /// All the bytes; in one call of the system unless it takes fewer.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// The file's content is on the device.
    fn sync_data(&self, file: &File) -> io::Result<()>;
    /// The file's content and all about it is on the device.
    fn sync_all(&self, file: &File) -> io::Result<()>;
    /// Cuts the file.
    fn set_len(&self, file: &File, length: u64) -> io::Result<()>;
    /// The names in a directory are on the device.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, replacing what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// A new directory, for its owner only.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Paths in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// What a name stands for; of a link, the link.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Makes a file its owner's only.
    fn make_private(&self, file: &File) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create_new(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn set_len(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect()
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::symlink_metadata(path)
    }

    fn make_private(&self, file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o600))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}

/// Makes a directory and its missing parents; each new name is on the device when this returns.
pub(super) fn create_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_dirs(disk, parent)?;
    match disk.create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    disk.sync_dir(parent)
}

/// The create recipe: after a crash there is the whole new file or what was there before.
///
/// `Err(Stored::No)` leaves what was there; after `Err(Stored::Perhaps)` the name may stand for either.
pub(super) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), (Stored, io::Error)> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent.join(format!(".{name}{TEMPORARY}"));
    let written = create_dirs(disk, parent)
        .and_then(|()| match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => disk.create_new(&temporary),
        })
        .and_then(|file| {
            disk.write(&file, bytes)?;
            disk.sync_all(&file)
        })
        .and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = written {
        let _ = disk.remove(&temporary); // left-overs are removed at the next start too
        return Err((Stored::No, error));
    }
    disk.sync_dir(parent).map_err(|error| (Stored::Perhaps, error))
}

/// Paths in a directory; none if it is not there, or is none.
pub(super) fn listed(disk: &dyn Disk, path: &Path) -> io::Result<Vec<PathBuf>> {
    match disk.list(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Removes the files in a directory whose writing was cut; answers how many.
pub(super) fn remove_temporaries(disk: &dyn Disk, dir: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for path in listed(disk, dir)? {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") && name.ends_with(TEMPORARY.as_bytes()) {
            disk.remove(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// End of the names of files that are being written.
pub(super) const TEMPORARY: &str = ".writing";

/// Whether a write that failed may be there all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is not.
    No,
    /// Nobody knows.
    Perhaps,
}
