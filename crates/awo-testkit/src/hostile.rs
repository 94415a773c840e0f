//! Owns the names of what the program `hostile` does to whoever runs it. It is built by the feature `hostile`.
//!
//! It does what its own name says, so that a driver can be given it as its agent: a link named after the trick. If its
//! arguments are those of `claude`, `codex`, `gemini` or `opencode`, it speaks that program's protocol, after `--lines` one
//! of lines of JSON; else each word is a plain line.
//!
//! Every process that a trick leaves behind tells its number in a line `left <number>`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What it can do, each with what it means.
pub const TRICKS: &[(&str, &str)] = &[
    ("hangs", "works for ever"),
    ("deaf", "works for ever and ignores requests to stop"),
    ("silent", "closes its output and works for ever"),
    ("stops-itself", "stops itself"),
    ("floods-lines", "writes short lines without end"),
    ("floods-one-line", "writes one line without end"),
    ("floods-binary", "writes bytes of all values without end"),
    ("floods-errors", "writes errors without end"),
    ("splits-utf8", "writes characters in two pieces, and half a one at its end"),
    ("two-results", "answers twice"),
    ("no-result", "ends without an answer"),
    ("talks-on", "answers, says more, begins to use a tool, and ends"),
    ("long-line", "says something of 3 MiB in one line, and answers"),
    ("lingers", "answers and works on for ever"),
    ("dies", "is killed by a signal while a tool is at work"),
    ("exits-130", "answers and ends with a code that looks like a signal"),
    ("claims", "answers that all is done, and did nothing"),
    ("tells-secrets", "says all that is in its environment, and answers with it"),
    ("leaves-session", "leaves a process in a session of its own, which holds its output, and answers"),
    ("leaves-orphans", "leaves processes whose parents have ended, deaf ones in sessions of their own, and answers"),
    ("leaves-strangers", "leaves one whose environment tells nothing, and answers"),
    ("leaves-supervisor", "leaves a process that starts another as often as that is ended, and answers"),
    ("forks", "leaves a tree of 127 processes that is still growing, and answers"),
    ("kills-keeper", "kills its parent, leaves an orphan, and works for ever"),
    ("stops-keeper", "stops its parent, leaves an orphan, and works for ever, deaf"),
    ("fills-disk", "writes a file until it may not, 64 MiB at most, and answers"),
];

/// A link to the program, named after a trick, in a directory.
///
/// # Panics
/// If there is no such trick, or the link cannot be made.
pub fn link(hostile: &Path, trick: &str, directory: &Path) -> PathBuf {
    assert!(TRICKS.iter().any(|(name, _)| *name == trick), "{trick} is no trick");
    let link = directory.join(trick);
    symlink(hostile, &link).expect("a link can be made");
    link
}
