//! The keeper: a small process between this program and each one that it starts.
//!
//! It is the parent of the program, and inherits whatever loses its own parent below it, in a new session or not. When the
//! program has ended, when it is told to, or when this process is gone, it ends all of that, and itself last.
//!
//! *Invariant*: the keeper is started with the environment of its program and nothing else, and holds nothing that the
//! program would have to close.
//! *Not promised*: a program with the same rights can kill its keeper. What it had started is then looked for by its
//! marks: see [`Processes`](crate::Processes).

#[cfg(target_os = "linux")]
mod descendants;
#[cfg(target_os = "linux")]
mod inherited;
#[cfg(target_os = "linux")]
mod priority;
#[cfg(target_os = "linux")]
mod protocol;
#[cfg(target_os = "linux")]
mod service;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::process::{Child, Custody, Input, NotStarted, Start};

#[cfg(target_os = "linux")]
pub(crate) use protocol::{Command, FRAME, Report, send_start};

/// First argument of a keeper. The number changes with what is said between the two.
#[cfg(target_os = "linux")]
const MODE: &str = "awo-keeper/1";
/// The same, of a keeper whose program makes walls and waits there: see [`Invocation::walled`](crate::Invocation::walled).
#[cfg(target_os = "linux")]
const MODE_WALLED: &str = "awo-keeper/1-walled";

/// First arguments of keepers.
#[cfg(target_os = "linux")]
pub(crate) const MODES: [&str; 2] = [MODE, MODE_WALLED];

/// First argument of a keeper.
#[cfg(target_os = "linux")]
pub(crate) fn mode(walled: bool) -> &'static str {
    if walled { MODE_WALLED } else { MODE }
}

/// A program that can be started as a keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    program: PathBuf,
}

impl Keeper {
    /// This program. Call it first in `main`, before threads, arguments and all else: when the process was started to be
    /// a keeper, it is one from here on, and the call does not return.
    ///
    /// `None` where there are no keepers, which is everywhere but on Linux.
    ///
    /// ```
    /// let keeper = awo_adapters::Keeper::run_if_asked();
    /// assert_eq!(keeper.is_some(), cfg!(target_os = "linux"));
    /// ```
    pub fn run_if_asked() -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            let mut arguments = std::env::args_os().skip(1);
            if let Some(first) = arguments.next() {
                if first == MODE || first == MODE_WALLED {
                    std::process::exit(service::serve(arguments, first == MODE_WALLED));
                }
                if first == crate::walls::MODE {
                    std::process::exit(crate::walls::enter(arguments));
                }
                if first == crate::walls::LANDLOCK_MODE {
                    std::process::exit(crate::walls::enter_landlock(arguments));
                }
                if first == crate::walls::FORWARD {
                    std::process::exit(crate::walls::forward());
                }
            }
            // Also right when the file was replaced or removed since.
            let link = Path::new("/proc/self/exe");
            let program = if link.exists() { link.to_owned() } else { std::env::current_exe().ok()? };
            Some(Self { program })
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Another program whose `main` calls [`run_if_asked`](Self::run_if_asked), such as `awo` or `awo-keeper`, of the same
    /// version; an absolute path. For libraries in programs that cannot. It is of use on Linux only.
    pub fn at(program: PathBuf) -> Self {
        Self { program }
    }

    /// Whether it is there and one of this version: an error says why not.
    pub async fn check(&self) -> io::Result<()> {
        if !cfg!(target_os = "linux") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let start = Start {
            // Nothing is to run: a keeper says that it could not start this.
            program: "/nonexistent/awo-keeper-check".into(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: "/".into(),
            stdin: Input::Nothing,
            stdout: Stdio::null(),
            walled: false,
        };
        match Child::start(start, &Custody { keeper: Some(self.clone()), marks: Vec::new() }).await {
            Err(NotStarted::Program(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(NotStarted::Program(error) | NotStarted::Keeper(error)) => Err(error),
            Ok(_) => Err(io::Error::other("it started what is not there")),
        }
    }

    /// Where its file is, also for those who are not this process.
    pub(crate) fn real_program(&self) -> PathBuf {
        self.program.canonicalize().unwrap_or_else(|_| self.program.clone())
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }
}
