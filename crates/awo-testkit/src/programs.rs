//! Owns the way to the programs that play agents in tests, and to recordings of real ones.

use std::path::PathBuf;

use serde_json::Value;

/// Where a program of `programs/` is, such as `stream-json-agent.sh`.
///
/// # Panics
/// If there is none of that name.
pub fn path(name: &str) -> PathBuf {
    existing("programs", name)
}

/// Programs that every run of the tests is provided with; others only `cargo xtask agents --all`.
const IN_EVERY_RUN: [&str; 6] = ["claude", "codex", "python", "chromium", "chromedriver", "axe"];

/// Where a real program is, an agent such as `claude` or what a client needs: `cargo xtask test` provides it and names it in
/// `AWO_TEST_CLAUDE`. `None` where it does not, which is said; the test then has nothing to do.
///
/// # Panics
/// If one of those of every run is missing in a continuous integration, where nothing may be skipped.
pub fn real(name: &str) -> Option<PathBuf> {
    let variable = format!("AWO_TEST_{}", name.to_ascii_uppercase());
    if let Some(path) = std::env::var_os(&variable).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    assert!(!(in_ci && IN_EVERY_RUN.contains(&name)), "{variable} is not set; `cargo xtask test` sets it");
    let command = if IN_EVERY_RUN.contains(&name) { "test" } else { "agents --all" };
    eprintln!("SKIPPED: this test needs the real {name}; run `cargo xtask {command}`, which provides it");
    None
}

/// What a real program did while it was recorded.
#[derive(Debug)]
pub struct Recording {
    /// What was recorded, such as `text` or `sigint-tool`.
    pub name: String,
    /// What it wrote to stdout.
    pub output: String,
    /// What it wrote to stderr.
    pub errors: String,
    /// How it ended.
    pub exit: RecordedExit,
}

/// How a recorded program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedExit {
    /// By itself, with a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// The recordings of a program (`claude`, `codex`, `gemini`, `opencode`), sorted by name.
///
/// # Panics
/// If they cannot be read, or if one is not told of in `captures/exits.json`.
pub fn recordings(program: &str) -> Vec<Recording> {
    let read = |name: &str| std::fs::read_to_string(existing("captures", name)).expect("a recording is text");
    let exits: Value = serde_json::from_str(&read("exits.json")).expect("a list of exits");
    let exits = exits.as_object().expect("an exit for each recording");
    let prefix = format!("{program}-");
    let names = exits.keys().filter_map(|name| Some((name, name.strip_prefix(&prefix)?)));
    let mut recordings: Vec<Recording> = names
        .map(|(file, name)| Recording {
            name: name.to_owned(),
            output: read(&format!("{file}.jsonl")),
            errors: if directory("captures").join(format!("{file}.stderr")).exists() {
                read(&format!("{file}.stderr"))
            } else {
                String::new()
            },
            exit: exit_of(&exits[file]),
        })
        .collect();
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!recordings.is_empty(), "there are no recordings of {program}");
    recordings
}

fn exit_of(exit: &Value) -> RecordedExit {
    let number = |name: &str| i32::try_from(exit[name].as_i64()?).ok();
    let signal = || number("signal").map(RecordedExit::Signal);
    number("code").map(RecordedExit::Code).or_else(signal).expect("a code or a signal")
}

fn existing(directory_name: &str, name: &str) -> PathBuf {
    let path = directory(directory_name).join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_is_told_of_with_its_exit() {
        let files = std::fs::read_dir(directory("captures")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut recorded: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned())).collect();
        recorded.sort();
        let mut told = Vec::new();
        for program in ["claude", "codex", "gemini", "opencode"] {
            told.extend(recordings(program).into_iter().map(|recording| format!("{program}-{}", recording.name)));
        }
        told.sort();
        assert_eq!(told, recorded);
    }
}
