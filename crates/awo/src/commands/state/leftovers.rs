//! Files in the data directory that nothing names: unfinished ones, and what was cut off journals.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file that nothing names.
#[derive(Debug)]
pub(super) struct LeftOver {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    /// Whether it is what was cut off a journal; else its writing was cut off.
    pub(super) torn: bool,
}

/// All of them, sorted.
pub(super) fn find(data_dir: &Path) -> Vec<LeftOver> {
    let shards = |part: &str| within(&data_dir.join(part));
    let of_orders = shards("orders").into_iter().flat_map(|shard| within(&shard));
    let of_artifacts =
        shards("artifacts").into_iter().flat_map(|shard| within(&shard)).flat_map(|order| within(&order));
    let mut found: Vec<_> = of_orders.chain(of_artifacts).filter_map(look).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Unfinished artifacts, sorted.
pub(super) fn unfinished_artifacts(data_dir: &Path) -> Vec<LeftOver> {
    let artifacts = data_dir.join("artifacts");
    find(data_dir).into_iter().filter(|file| file.path.starts_with(&artifacts)).collect()
}

fn within(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn look(path: PathBuf) -> Option<LeftOver> {
    let name = path.file_name()?.to_str()?;
    let torn = name.contains(".awoj.torn-");
    let unfinished = name.starts_with('.') && name.ends_with(".writing");
    let found = fs::symlink_metadata(&path).ok().filter(|found| found.is_file() && (torn || unfinished))?;
    Some(LeftOver { bytes: found.len(), modified: found.modified().ok(), torn, path })
}
