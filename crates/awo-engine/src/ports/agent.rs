//! The port to the program that does the thinking.

mod health;
mod progress;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{AgentName, Failure, Isolation, Network, OrderId, StepName, Usage};
use tokio_util::sync::CancellationToken;

pub use health::{AgentHealth, Login};
pub use progress::{AgentProgress, ProgressSink};

/// Runs an agent program (claude, codex, …) once.
///
/// # Contract
/// - *Ends in time*: returns within `timeout` and the grace the program is given to stop, whatever the program does.
/// - *Truth*: `answer` is `Ok` only if the program ended without error, with a final answer, and by itself or because it
///   went on after that answer.
/// - *Leaves nothing*: when it returns, nothing that the program started runs any more, as far as it can be reached.
///
/// # Cancellation
/// When `cancel` fires the program is asked to stop, then made to; the answer is then a failure with code `cancelled`.
/// Dropping the future has all of it killed too, without the grace.
///
/// ```
/// use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentHealth, AgentReport, AgentRequest};
/// use awo_models::{Failure, FailureCode};
/// use tokio_util::sync::CancellationToken;
///
/// /// Agrees with everything, and changes nothing.
/// #[derive(Debug)]
/// struct Yes;
///
/// #[async_trait::async_trait]
/// impl AgentExecutor for Yes {
///     fn capabilities(&self) -> AgentCapabilities {
///         AgentCapabilities::default()
///     }
///
///     async fn probe(&self) -> AgentHealth {
///         AgentHealth::built_in()
///     }
///
///     async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
///         if cancel.is_cancelled() {
///             return AgentReport::failed(Failure::new(FailureCode::Cancelled, "cancelled before it began"));
///         }
///         let answer = Ok(format!("yes, {}", request.step).into());
///         AgentReport { answer, session_id: None, usage: None, files: Vec::new(), warnings: Vec::new() }
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AgentExecutor: Debug + Send + Sync {
    /// What the program can do. The same at every call.
    fn capabilities(&self) -> AgentCapabilities;

    /// Whether the program can be used here, without a question to its model. Bounded; starts the program at most to
    /// ask for its version.
    async fn probe(&self) -> AgentHealth;

    /// Runs the program to its end.
    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport;

    /// Forgets the sessions of an order: none of them will be resumed. Trouble is logged; a program that keeps none has
    /// nothing to do.
    async fn forget(&self, order: OrderId) {
        let _ = order;
    }

    /// Removes a file of a report that the artifacts could not take. Trouble is logged; a program that leaves no files
    /// has nothing to do.
    async fn discard(&self, file: &Path) {
        let _ = file;
    }
}

/// What an agent program can do. What it cannot is never faked: the engine goes another way, or the runner enforces it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentCapabilities {
    /// It takes a session id that awo chose, which is then stored before it starts.
    pub chooses_session: bool,
    /// It can go on in an earlier session of the same order.
    pub resumes: bool,
    /// It says what it cost.
    pub reports_cost: bool,
}

/// Which conversation an execution is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentSession {
    /// A new one, under an id that awo chose, if the program takes one.
    New(Option<Arc<str>>),
    /// An earlier one of the same order goes on: only for programs that can. One that is not there any more is a failure.
    Resumed(Arc<str>),
}

impl AgentSession {
    /// The id, where it is known beforehand.
    pub fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::New(id) => id.as_ref(),
            Self::Resumed(id) => Some(id),
        }
    }
}

/// One execution of an agent program.
#[derive(Debug, Clone)]
pub struct AgentRequest {
    /// The order it is for.
    pub order: OrderId,
    /// The step it is for.
    pub step: StepName,
    /// The role it plays.
    pub agent_name: AgentName,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// What it is told. Untrusted parts are delimited and named as data.
    pub prompt: String,
    /// Checkout it works in.
    pub working_dir: PathBuf,
    /// Directories outside of it that it may read, as the checkout needs them.
    pub borrowed: Vec<PathBuf>,
    /// Address of the repository that is checked out there.
    pub repository_url: Arc<str>,
    /// Walls to run it within; what is really there, and never `Auto`.
    pub isolation: Isolation,
    /// What of the network it may use; what is really there, and never `Auto`.
    pub network: Network,
    /// Model to use; `None` leaves it to the program.
    pub model: Option<Arc<str>>,
    /// Conversation it is part of.
    pub session: AgentSession,
    /// Turns it may take.
    pub max_turns: Option<u32>,
    /// Money it may spend, in billionths of a US dollar.
    pub max_cost_nanousd: Option<u64>,
    /// Wall time it may take.
    pub timeout: Duration,
    /// Longest time it may give no sign of life; `None` leaves it to the executor.
    pub silence: Option<Duration>,
    /// Where what it does is told while it does it.
    pub progress: ProgressSink,
}

/// How an execution went.
#[derive(Debug, Clone)]
pub struct AgentReport {
    /// The final answer, or why there is none.
    pub answer: Result<Arc<str>, Failure>,
    /// Session of the program, where it has one.
    pub session_id: Option<Arc<str>>,
    /// What it consumed, where it says so.
    pub usage: Option<Usage>,
    /// Files the execution left for the order's artifacts (transcript, error output). The engine takes them
    /// away, or gives them to [`AgentExecutor::discard`].
    pub files: Vec<AgentFile>,
    /// Trouble that did not end it, such as hosts that it tried to reach and may not. Few.
    pub warnings: Vec<Failure>,
}

impl AgentReport {
    /// A report of an execution that never began or left nothing.
    pub fn failed(failure: Failure) -> Self {
        Self { answer: Err(failure), session_id: None, usage: None, files: Vec::new(), warnings: Vec::new() }
    }
}

/// A file that an execution left.
#[derive(Debug, Clone)]
pub struct AgentFile {
    /// What it is, as the end of an artifact's name: `transcript.jsonl`, `stderr.txt`.
    pub kind: String,
    /// Where it is.
    pub path: PathBuf,
}
