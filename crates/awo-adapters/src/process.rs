//! Owns child processes: how they are described, bounded, stopped and told of.
//!
//! *Invariant*: when [`run()`] returns, nothing is left of what the program started, in whatever session. When its future
//! is dropped, or this process is gone, that is so within a second.
//! *Not promised*: without a [`Keeper`] only the program's own process group is reached, and only by a process that lives.

mod child;
mod lines;
mod output;
mod program;
mod run;
mod stop;
mod transcript;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use awo_models::OrderId;

use crate::{Keeper, Secrets};

pub(crate) use child::{Child, Input, NotStarted, Start};
pub use lines::Line;
pub use program::find_program;
pub(crate) use program::search_path;
pub use run::run;

/// A program to start, with all that it is given.
#[derive(Clone)]
pub struct Invocation {
    /// The program, as an absolute path: see [`find_program`].
    pub program: PathBuf,
    /// Its arguments, without the program itself. Never secrets: other users can read them.
    pub args: Vec<OsString>,
    /// Its whole environment, but for the marks of its custody: nothing else is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// What may show neither in its transcript nor in its lines and errors.
    pub secrets: Secrets,
    /// Who sees to its end.
    pub custody: Custody,
    /// Whether it is the program that makes walls and waits there: then who runs within them is told to stop. With a keeper
    /// only.
    pub walled: bool,
    /// What it is counted as.
    pub purpose: Purpose,
}

/// What a program is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is an agent at work, or a look at one or at walls.
    Agent,
    /// It is told of an order.
    Notice,
}

/// Who sees to the end of a process and of all that it starts: see [`ProcessTracker::custody`].
#[derive(Debug, Clone, Default)]
pub struct Custody {
    /// Its parent, which outlives this process. Without one it leads a process group of its own.
    pub keeper: Option<Keeper>,
    /// Variables that are added to its environment. Whatever bears all of them is ended when its keeper was lost.
    pub marks: Vec<(OsString, OsString)>,
}

impl Debug for Invocation {
    /// Shows the names in the environment and not the values, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("working_dir", &self.working_dir)
            .field("stdin_bytes", &self.stdin.len())
            .field("secrets", &self.secrets)
            .field("custody", &self.custody)
            .field("walled", &self.walled)
            .field("purpose", &self.purpose)
            .finish()
    }
}

/// Bounds of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLimits {
    /// Wall time it may take.
    pub wall: Duration,
    /// Longest time without a byte on stdout or stderr.
    pub silence: Option<Duration>,
    /// Time between the interrupt and the termination signal.
    pub interrupt_grace: Duration,
    /// Time between the termination signal and the kill.
    pub terminate_grace: Duration,
    /// Longest line that is delivered whole, in bytes.
    pub max_line: usize,
    /// Longest transcript, in bytes. Lines are delivered beyond it: each is bounded by itself.
    pub max_transcript: u64,
    /// Bytes on stdout and stderr together after which it is stopped.
    pub max_output: u64,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_hours(1),
            silence: None,
            interrupt_grace: Duration::from_secs(5),
            terminate_grace: Duration::from_secs(5),
            max_line: 1 << 20,
            max_transcript: 64 << 20,
            max_output: 4 << 30,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// What the operating system says.
    pub exit: Exit,
    /// Who brought it about.
    pub cause: EndCause,
    /// The end of what it wrote to stderr.
    pub stderr_tail: String,
    /// Bytes of stdout that the transcript lacks: see [`RunLimits::max_transcript`].
    pub dropped_bytes: u64,
}

/// Exit of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended with a code.
    Exited(i32),
    /// A signal ended it. A code above 128 is not a signal: some programs use such codes for other things.
    Signalled(i32),
}

/// Who ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// The program itself, or somebody outside.
    Own,
    /// We did, because the run was cancelled.
    Cancelled,
    /// We did, because it took too long.
    WallTimeout,
    /// We did, because it was silent for too long.
    SilenceTimeout,
    /// We did, because it wrote too much.
    OutputLimit,
}

/// A run that could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The directory to run in is not there.
    #[error("cannot run a program in {path}: no such directory")]
    WorkingDir {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system did not start it.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its keeper was not started, or is none.
    #[error("cannot start {keeper} as the keeper of {program}")]
    Keeper {
        /// The keeper.
        keeper: PathBuf,
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its record could not be written, so it was ended at once: a crash would have left it alone in the world.
    #[error("cannot record process {pid}")]
    Untracked {
        /// The process.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file for its output could not be made.
    #[error("cannot write the transcript {path}")]
    Transcript {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Keeps in mind beyond the life of this process what runs, so that nothing outlives its order.
///
/// ```
/// use awo_adapters::{NoTracking, ProcessTracker};
/// use awo_models::OrderId;
/// let order = OrderId::new(0, [0; 10]);
/// assert!(NoTracking.custody(order).keeper.is_none());
/// let record = NoTracking.track(order, std::process::id());
/// assert!(record.is_ok()); // and the record goes when it is dropped
/// ```
pub trait ProcessTracker: Debug + Send + Sync {
    /// What a process of an order is started with.
    fn custody(&self, order: OrderId) -> Custody;

    /// What a process is started with that belongs to no order: a program that is only looked at.
    fn custody_of_a_look(&self) -> Custody;

    /// Records a process, the leader of its group. The record goes away when the answer is dropped.
    fn track(&self, order: OrderId, pid: u32) -> io::Result<Box<dyn Send>>;
}

/// Keeps and records nothing, for tests and for programs that run nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTracking;

impl ProcessTracker for NoTracking {
    fn custody(&self, _order: OrderId) -> Custody {
        Custody::default()
    }

    fn custody_of_a_look(&self) -> Custody {
        Custody::default()
    }

    fn track(&self, _order: OrderId, _pid: u32) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}
