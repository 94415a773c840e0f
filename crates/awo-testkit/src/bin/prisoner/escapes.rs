//! The tries to get out, each of which gets out where there are no walls.

mod files;
mod network;
mod processes;
mod rights;

use std::io;
use std::path::PathBuf;
use std::process::Command;

/// What is outside, to be reached for.
pub(super) struct Outside {
    /// A directory of whoever runs awo, with `secret`, `listener`, `datagram`, and `open`, in which there is `file`.
    place: PathBuf,
    /// A process out there.
    pid: i32,
    /// Ports of servers on loopback. That of UDP sends back what it gets.
    tcp: u16,
    udp: u16,
    /// The number of that secret, which that process has open and left so to all that it starts.
    open: String,
    /// Something of the environment of that process.
    canary: String,
}

impl Outside {
    /// Reads the arguments; those that follow are for whoever looks at command lines.
    pub(super) fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || arguments.next();
        Some(Self {
            place: next()?.into(),
            pid: next()?.parse().ok()?,
            tcp: next()?.parse().ok()?,
            udp: next()?.parse().ok()?,
            open: next()?,
            canary: next()?,
        })
    }

    /// The name of what the process out there left in places that all share.
    fn left(&self) -> String {
        format!("prisoner-{}", self.pid)
    }

    fn proc(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid).into()
    }
}

/// Who gets out where there are no walls: the proof that a try is one.
#[derive(Debug, Clone, Copy)]
enum Without {
    Anybody,
    Superuser,
    /// Whoever is on a machine that has what is tried for.
    Somebody,
}

impl Without {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Superuser => "the superuser",
            Self::Somebody => "depends on the machine",
        }
    }
}

/// One way to get out.
struct Try<'a> {
    what: String,
    without: Without,
    /// `Ok` if it got out.
    attempt: Box<dyn Fn() -> io::Result<()> + 'a>,
}

fn anybody<'a>(what: &str, attempt: impl Fn() -> io::Result<()> + 'a) -> Try<'a> {
    Try { what: what.to_owned(), without: Without::Anybody, attempt: Box::new(attempt) }
}

fn superuser<'a>(what: &str, attempt: impl Fn() -> io::Result<()> + 'a) -> Try<'a> {
    Try { without: Without::Superuser, ..anybody(what, attempt) }
}

fn somebody<'a>(what: &str, attempt: impl Fn() -> io::Result<()> + 'a) -> Try<'a> {
    Try { without: Without::Somebody, ..anybody(what, attempt) }
}

/// Tries all, and says of each what it is about, what was tried, who gets out without walls, and how it ended.
pub(super) fn all(outside: &Outside) {
    let tries = [
        ("reads", files::reads(outside)),
        ("writes", files::writes(outside)),
        ("processes", processes::all(outside)),
        ("network", network::all(outside)),
        ("rights", rights::all(outside)),
    ];
    for (about, tries) in tries {
        for Try { what, without, attempt } in tries {
            let end = match attempt() {
                Ok(()) => "ESCAPED".to_owned(),
                Err(error) => format!("refused: {}", error.to_string().replace('\n', " ")),
            };
            println!("{about} | {what} | {} | {end}", without.as_str());
        }
    }
}

fn refused<T>(why: &str) -> io::Result<T> {
    Err(io::Error::other(why.to_owned()))
}

/// Whether a program can do something.
fn does(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { refused(&complaint) }
}
