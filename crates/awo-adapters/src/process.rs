//! Owns child processes: how they are described, bounded, stopped and told of.
//!
//! *Invariant*: one process group per run; when [`run()`] returns or its future is dropped, the group has been killed.
//! *Not promised*: a process that moved to a session of its own is not reached. Only the walls of a sandbox hold it.

mod group;
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

use crate::Secrets;

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
    /// Its whole environment: nothing else is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// What may show neither in its transcript nor in its lines and errors.
    pub secrets: Secrets,
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
    /// Longest transcript, in bytes. Lines are delivered to the end, whatever their number: each is bounded by itself.
    pub max_transcript: u64,
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

/// Remembers outside this process which process groups run, so that the next life of the program can end them.
///
/// ```
/// use awo_adapters::{NoTracking, ProcessTracker};
/// use awo_models::OrderId;
/// let record = NoTracking.track(OrderId::new(0, [0; 10]), std::process::id());
/// assert!(record.is_ok()); // and the record goes when it is dropped
/// ```
pub trait ProcessTracker: Debug + Send + Sync {
    /// Records a process, the leader of its group. The record goes away when the answer is dropped.
    fn track(&self, order: OrderId, pid: u32) -> io::Result<Box<dyn Send>>;
}

/// Records nothing, for tests and for programs that run nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTracking;

impl ProcessTracker for NoTracking {
    fn track(&self, _order: OrderId, _pid: u32) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}
