//! Processes outside: seen, read and signalled; and what is kept where others can read it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::{Outside, Try, anybody, does, refused, superuser};

pub(super) fn all(outside: &Outside) -> Vec<Try<'_>> {
    let stranger = || Pid::from_raw(outside.pid).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    vec![
        anybody("sees those of others", || {
            let processes = fs::read_dir("/proc")?
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
            match processes.count() {
                0..=3 => refused("there are only its own"),
                _ => Ok(()),
            }
        }),
        anybody("that one outside is there", || fs::metadata(outside.proc("")).map(drop)),
        anybody("signals one outside", move || Ok(kill_process(stranger()?, Signal::CONT)?)),
        anybody("holds on to one outside", move || Ok(pidfd_open(stranger()?, PidfdFlags::empty()).map(drop)?)),
        anybody("reads the environment of one outside", || has(&outside.proc("environ"), &outside.canary)),
        anybody("reads its command line", || has(&outside.proc("cmdline"), "/")),
        anybody("reads where its memory is", || has(&outside.proc("maps"), "/")),
        anybody("reads in which directory it is", || fs::read_link(outside.proc("cwd")).map(drop)),
        anybody("reads which files it has open", || fs::read_link(outside.proc("fd/0")).map(drop)),
        anybody("reads what one outside waits for", || has(&outside.proc("status"), "State")),
        superuser("reads the memory of one outside", || memory(outside)),
        superuser("gives one outside another priority", || {
            does("/usr/bin/renice", &["-n", "0", "-p", &outside.pid.to_string()])
        }),
        anybody("finds a secret of awo's environment in that of any process", || {
            anywhere(outside, "environ", &outside.canary)
        }),
        anybody("finds a secret of its own environment in any command line", || {
            anywhere(outside, "cmdline", &std::env::var("PRISONER_KEY").map_err(io::Error::other)?)
        }),
        anybody("has variables that nobody gave it", || {
            let given = ["HOME", "PATH", "TMPDIR", "TERM", "PRISONER_KEY", "PWD", "GIT_CONFIG_NOSYSTEM"];
            let is_given = |name: &str| {
                // Marks, and the way to the proxy, where there is one.
                given.contains(&name) || name.starts_with("AWO_") || name.to_ascii_lowercase().ends_with("_proxy")
            };
            match std::env::vars().find(|(name, _)| !is_given(name)) {
                Some(_) => Ok(()),
                None => refused("there are none"),
            }
        }),
    ]
}

fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn has(file: &std::path::Path, text: &str) -> io::Result<()> {
    if contains(&fs::read(file)?, text) { Ok(()) } else { refused("it is not in there") }
}

/// Looks into all processes by their numbers, as they may not be listed.
fn anywhere(outside: &Outside, name: &str, text: &str) -> io::Result<()> {
    let last = std::process::id().max(outside.pid.unsigned_abs());
    let mut files = (1..=last).map(|pid| PathBuf::from(format!("/proc/{pid}/{name}")));
    if files.any(|file| has(&file, text).is_ok()) { Ok(()) } else { refused("it is in none") }
}

/// Reads where there is something to read.
fn memory(outside: &Outside) -> io::Result<()> {
    let maps = fs::read_to_string(outside.proc("maps"))?;
    let start = maps.lines().find(|line| line.contains(" r")).and_then(|line| line.split('-').next());
    let start = start.and_then(|start| u64::from_str_radix(start, 16).ok()).ok_or(io::ErrorKind::NotFound)?;
    File::open(outside.proc("mem"))?.read_exact_at(&mut [0], start)
}
