//! Owns the end of all processes that bear certain marks, and of all that is below them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, getpid};

use crate::keeper::MODES;
use crate::proc;

/// How long a keeper whose server is gone may take to end what it keeps. It knows more of it than the marks tell.
const KEEPERS: Duration = Duration::from_millis(1500);
/// How long the kernel may take to end what was killed.
const DEATH: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// Kills what bears all of the marks, and what is below it, until nothing is there; how many processes there were. Without
/// marks it does nothing.
pub(crate) fn end_all(marks: &[(OsString, OsString)]) -> io::Result<usize> {
    let mut seen = BTreeSet::new();
    if marks.is_empty() {
        return Ok(0);
    }
    let begun = Instant::now();
    loop {
        let found = marked(marks)?;
        seen.extend(found.iter().map(|pid| pid.as_raw_nonzero().get()));
        if found.is_empty() {
            return Ok(seen.len());
        }
        let waited = begun.elapsed();
        if waited > KEEPERS + DEATH {
            let left: Vec<_> = found.iter().map(ToString::to_string).collect();
            let message = format!("processes do not end although they were killed: {}", left.join(", "));
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        if waited > KEEPERS || !found.iter().any(|pid| is_keeper(*pid)) {
            for pid in found {
                proc::kill_tree(pid, || bears(&proc::environment(pid), marks));
            }
        }
        sleep(PAUSE);
    }
}

/// Running processes with the marks. This one is none of them, even if it was started by one.
fn marked(marks: &[(OsString, OsString)]) -> io::Result<Vec<Pid>> {
    let mut found = proc::all()?;
    // One that has ended has no environment any more.
    found.retain(|pid| *pid != getpid() && bears(&proc::environment(*pid), marks));
    Ok(found)
}

fn bears(environment: &[u8], marks: &[(OsString, OsString)]) -> bool {
    let has = |(name, value): &(OsString, OsString)| {
        let mark = [name.as_bytes(), b"=", value.as_bytes()].concat();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark)
    };
    marks.iter().all(has)
}

fn is_keeper(pid: Pid) -> bool {
    let line = proc::command_line(pid);
    line.split(|byte| *byte == 0).nth(1).is_some_and(|first| MODES.iter().any(|mode| OsStr::from_bytes(first) == *mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_whole_entry_and_all_of_them_count() {
        let marks: Vec<(OsString, OsString)> =
            [("AWO_INSTANCE", "1-2"), ("AWO_ORDER", "wo-1")].map(|(n, v)| (n.into(), v.into())).into();
        assert!(bears(b"A=b\0AWO_ORDER=wo-1\0AWO_INSTANCE=1-2\0", &marks));
        assert!(!bears(b"AWO_ORDER=wo-1\0AWO_INSTANCE=1-22\0", &marks));
        assert!(!bears(b"X=AWO_ORDER=wo-1\0AWO_INSTANCE=1-2\0", &marks));
        assert!(!bears(b"AWO_INSTANCE=1-2\0", &marks));
        assert!(!bears(b"", &marks));
        assert_eq!(end_all(&[]).unwrap(), 0, "no marks mean nobody, not everybody");
    }
}
