//! Looking at one path of a checkout without being led out of it.

use std::fs;
use std::io;
use std::path::{Component, Path};

use awo_engine::ports::FileKind;

/// What is at a path relative to the root. Any link on the way, and anything of git's own, is outside.
pub(super) fn inspect(root: &Path, path: &str) -> io::Result<FileKind> {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) if !part.eq_ignore_ascii_case(".git") => parts.push(part),
            Component::CurDir => {}
            _ => return Ok(FileKind::Outside),
        }
    }
    if path.contains('\0') {
        return Ok(FileKind::Outside);
    }
    let mut place = root.to_owned();
    let mut found = FileKind::Other;
    let last = parts.len();
    for (number, part) in parts.into_iter().enumerate() {
        place.push(part);
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(FileKind::Missing);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Ok(FileKind::Missing),
            Err(error) => return Err(error),
        };
        if metadata.is_symlink() {
            return Ok(FileKind::Outside);
        }
        let is_last = number + 1 == last;
        found = if is_last && metadata.is_file() { FileKind::File(metadata.len()) } else { FileKind::Other };
    }
    Ok(found)
}
