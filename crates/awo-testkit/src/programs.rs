//! Owns the way to the programs that play agents in tests, and to recordings of real ones.

use std::path::PathBuf;

/// Where a program of `programs/` is, such as `stream-json-agent.sh`.
///
/// # Panics
/// If there is none of that name.
pub fn path(name: &str) -> PathBuf {
    existing("programs", name)
}

/// Where a recording of `captures/` is, such as `claude-text.jsonl`.
///
/// # Panics
/// If there is none of that name.
pub fn capture(name: &str) -> PathBuf {
    existing("captures", name)
}

/// The names of all recordings that end so, sorted.
///
/// # Panics
/// If the directory cannot be read.
pub fn captures(ending: &str) -> Vec<String> {
    let files = std::fs::read_dir(directory("captures")).expect("the recordings are there");
    let names = files.map(|file| file.expect("readable").file_name().into_string().expect("a plain name"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

fn existing(directory_name: &str, name: &str) -> PathBuf {
    let path = directory(directory_name).join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}
