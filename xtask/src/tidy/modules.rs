//! Rules for source files: a first line that says what the module owns, and a length that a reader can hold.

use crate::repository::has_extension;

/// Files beyond this many lines are too long.
const LIMIT: usize = 800;

/// Files beyond this many lines should be looked at.
const WARN: usize = 400;

/// A file that is longer than it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    Problem(String),
    Warning(String),
}

/// A module that does not begin by saying what it owns. Tests are named after what they test and need no sentence.
pub(super) fn without_sentence(path: &str, text: &str) -> Option<String> {
    if !is_source(path) || is_test(path) {
        return None;
    }
    let sentence = text.lines().next().and_then(|line| line.strip_prefix("//!")).map_or("", str::trim);
    sentence.is_empty().then(|| format!("{path}:1: begin with a `//!` line that says what the module owns"))
}

/// A source file that is too long, or nearly.
pub(super) fn too_long(path: &str, text: &str) -> Option<Length> {
    if !has_extension(path, "rs") {
        return None;
    }
    match text.lines().count() {
        lines if lines > LIMIT => {
            Some(Length::Problem(format!("{path}: {lines} lines; split it, {LIMIT} are the limit")))
        }
        lines if lines > WARN => Some(Length::Warning(format!("{path}: {lines} lines; is it still about one thing?"))),
        _ => None,
    }
}

fn is_source(path: &str) -> bool {
    let inside = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')).map(|(_, inside)| inside);
    has_extension(path, "rs")
        && (path.starts_with("xtask/src/") || inside.is_some_and(|inside| inside.starts_with("src/")))
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}
