//! Snapshot files belong to a test that is there and reads them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::repository::has_extension;

/// A snapshot whose header names no file, or one that is gone.
pub(super) fn without_source(path: &str, text: &str, files: &[String]) -> Option<String> {
    if !has_extension(path, "snap") {
        return None;
    }
    match source(text) {
        None => Some(format!("{path}: the header names no source; write it with `INSTA_UPDATE=always`")),
        Some(source) if !files.iter().any(|file| file == source) => {
            Some(format!("{path}: its test was in {source}, which is gone; remove the snapshot"))
        }
        Some(_) => None,
    }
}

/// The test file in the header, which stands between two lines of dashes.
fn source(text: &str) -> Option<&str> {
    let header = text.strip_prefix("---\n")?.split("\n---").next()?;
    header.lines().find_map(|line| line.strip_prefix("source: ")).map(|value| value.trim().trim_matches('"'))
}

/// Snapshots among `files` that are not among those that tests read.
pub(super) fn not_in(root: &Path, files: &[String], read: &[PathBuf]) -> Vec<String> {
    let known: BTreeSet<PathBuf> = read.iter().map(|path| resolve(path)).collect();
    let snapshots = files.iter().filter(|path| has_extension(path, "snap"));
    let unread = snapshots.filter(|path| !known.contains(&resolve(&root.join(path))));
    unread.map(|path| format!("{path}: no test reads it; remove it, or find out why its test did not run")).collect()
}

/// Tests may note a path with `..` or through a link.
fn resolve(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
