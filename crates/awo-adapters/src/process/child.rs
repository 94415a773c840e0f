//! A program that was started: under a keeper, or as the leader of a process group. Both are told and awaited the same way.

mod group;
#[cfg(target_os = "linux")]
mod kept;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::{Custody, Exit};
use group::Group;
#[cfg(target_os = "linux")]
use kept::{Kept, Line};

/// How long killed processes may take to be gone. They have no say in it, so this is for the kernel only.
pub(super) const GONE_WITHIN: Duration = Duration::from_secs(5);

/// A program to start.
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// All of its environment but the marks of its custody.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) working_dir: PathBuf,
    pub(crate) stdin: Input,
    /// Where it prints; its errors come over a pipe always.
    pub(crate) stdout: Stdio,
    /// See [`Invocation::walled`](super::Invocation::walled).
    pub(crate) walled: bool,
}

/// What a program reads.
pub(crate) enum Input {
    /// Nothing.
    Nothing,
    /// What is written to [`Child::stdin`].
    Pipe,
    /// A file.
    File(File),
}

/// Why a program does not run.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// The operating system did not start it.
    Program(io::Error),
    /// Its keeper could not be started, or is none.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are no keepers"))]
    Keeper(io::Error),
}

/// A program that was started, with its pipes.
pub(crate) struct Child {
    /// Its number; none if it was gone before it could be told.
    pub(crate) pid: Option<u32>,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
    /// What it is told with. Dropping it ends the program and all that it started; to be dropped before `ending`.
    pub(crate) control: Control,
    pub(crate) ending: Ending,
}

impl Child {
    pub(crate) async fn start(start: Start, custody: &Custody) -> Result<Self, NotStarted> {
        #[cfg(target_os = "linux")]
        if let Some(keeper) = &custody.keeper {
            return kept::start(start, keeper, &custody.marks).await;
        }
        group::start(start, &custody.marks).map_err(NotStarted::Program)
    }
}

/// The way to a program that runs, and to what it started.
#[derive(Debug)]
pub(crate) enum Control {
    #[cfg(target_os = "linux")]
    Kept(Line),
    Group(Group),
}

impl Control {
    /// Asks the program to stop. It knows best how to stop its own children, so they are not signalled.
    pub(crate) fn interrupt(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kept(line) => line.tell(crate::keeper::Command::Interrupt),
            Self::Group(group) => group.interrupt(),
        }
    }

    /// Tells its process group to stop.
    pub(crate) fn terminate(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kept(line) => line.tell(crate::keeper::Command::Terminate),
            Self::Group(group) => group.terminate(),
        }
    }

    /// Makes it stop, and all that it started as far as that can be reached.
    pub(crate) fn kill(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kept(line) => line.kill(),
            Self::Group(group) => group.kill(),
        }
    }
}

/// The end of a program.
#[derive(Debug)]
pub(crate) enum Ending {
    #[cfg(target_os = "linux")]
    Kept(Box<Kept>),
    Group(Box<tokio::process::Child>),
}

impl Ending {
    /// Waits until the program has ended. What it started may still be there.
    ///
    /// Its group must then be killed: [`Control::kill`].
    pub(crate) async fn ended(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kept(kept) => kept.ended().await,
            Self::Group(child) => group::ended(child).await,
        }
    }

    /// Waits until nothing is left of a program that has ended or was killed, within bounds; how it ended.
    pub(crate) async fn gone(&mut self, control: &Control) -> Exit {
        match (self, control) {
            #[cfg(target_os = "linux")]
            (Self::Kept(kept), _) => kept.gone().await,
            (Self::Group(child), Control::Group(group)) => group::gone(child, group).await,
            #[cfg(target_os = "linux")]
            (Self::Group(child), Control::Kept(_)) => group::collect(child).await,
        }
    }
}
