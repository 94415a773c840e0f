//! Owns the seam between the shared executor and what sets one agent program apart from another.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_engine::ports::{AgentCapabilities, AgentProgress, AgentRequest};
use awo_models::{Failure, Usage};

use crate::process::Exit;

/// A kind of agent program: how it is started, and what its words mean.
///
/// # Contract
/// - *Pure*: no method looks at files, the environment or the time, or starts anything. [`ProgramAgent`] does all that.
/// - *Complete*: what the program needs of the environment and of the operator's home is in its facts. It gets nothing
///   else.
/// - *Truth*: its parser gives an answer only if the program said, in the way that it says it, that it is done.
///
/// ```
/// use awo_adapters::{
///     AgentCall, AgentDriver, AgentInvocation, AgentOutcome, AgentParser, DriverFacts, Earlier, ProgramEnd,
/// };
/// use awo_engine::ports::{AgentCapabilities, AgentProgress};
/// use awo_models::{Failure, FailureCode};
///
/// /// A program that prints one line, which is its answer.
/// #[derive(Debug)]
/// struct OneLine;
///
/// impl AgentDriver for OneLine {
///     fn facts(&self) -> DriverFacts {
///         DriverFacts::new("one-line", AgentCapabilities::default())
///     }
///
///     fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
///         Ok(AgentInvocation { stdin: call.request.prompt.clone().into_bytes(), ..AgentInvocation::default() })
///     }
///
///     fn parser(&self, _call: &AgentCall<'_>, _earlier: Earlier) -> Box<dyn AgentParser> {
///         Box::new(Line(None))
///     }
/// }
///
/// #[derive(Debug)]
/// struct Line(Option<String>);
///
/// impl AgentParser for Line {
///     fn feed(&mut self, line: &str, _tell: &mut dyn FnMut(AgentProgress)) {
///         self.0 = Some(line.to_owned());
///     }
///
///     fn skip(&mut self) {}
///
///     fn has_answered(&self) -> bool {
///         false
///     }
///
///     fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
///         let answer = self.0.filter(|_| end.is_clean()).map(Into::into);
///         let failed = || Failure::new(FailureCode::AgentNoResult, "it printed nothing, or failed");
///         AgentOutcome { answer: answer.ok_or_else(failed), session_id: None, usage: None, session_total: None }
///     }
/// }
/// ```
///
/// [`ProgramAgent`]: crate::ProgramAgent
pub trait AgentDriver: Debug + Send + Sync {
    /// What is the same in every execution.
    fn facts(&self) -> DriverFacts;

    /// Where the program that does the work may be, if what was found may be only a wrapper that starts it: the first
    /// that is there is run instead. A wrapper that is killed may leave the program behind.
    fn behind(&self, found: &Path) -> Vec<PathBuf> {
        let _ = found;
        Vec::new()
    }

    /// How the program is started.
    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure>;

    /// What reads the program's output, once.
    fn parser(&self, call: &AgentCall<'_>, earlier: Earlier) -> Box<dyn AgentParser>;
}

/// What is the same in every execution of a kind of program.
#[derive(Debug, Clone)]
pub struct DriverFacts {
    /// Its name, as failures and logs say it.
    pub name: String,
    /// What it can do.
    pub capabilities: AgentCapabilities,
    /// Variables that it gets of awo's environment, beside those that every program gets.
    pub variables: Vec<String>,
    /// Those of them that let it in, each by itself.
    pub keys: Vec<String>,
    /// Files of the operator's home that it gets copies of.
    pub logins: Vec<LoginFile>,
    /// Where in its home it keeps what it needs to go on in a session.
    pub sessions: Vec<SessionFiles>,
    /// Hosts of its service, with a port if that is not 443: what it may reach where not everything may be.
    pub hosts: Vec<String>,
    /// Those of its variables that hold the address of a service in place of its own.
    pub services: Vec<String>,
    /// How it is installed and logged in, for people.
    pub setup: String,
}

impl DriverFacts {
    /// Facts of a program that needs and keeps nothing.
    pub fn new(name: impl Into<String>, capabilities: AgentCapabilities) -> Self {
        Self {
            name: name.into(),
            capabilities,
            variables: Vec::new(),
            keys: Vec::new(),
            logins: Vec::new(),
            sessions: Vec::new(),
            hosts: Vec::new(),
            services: Vec::new(),
            setup: "install it".to_owned(),
        }
    }
}

/// A file of the operator's home that a program gets a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFile {
    /// Where it is, below the home.
    pub path: PathBuf,
    /// What of it is copied.
    pub keep: Keep,
    /// What shows that the operator is logged in.
    pub proof: Proof,
}

/// What of a login file is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// All.
    Whole,
    /// These fields of the object that it holds; the rest tells of other things.
    Fields(Vec<String>),
}

/// What of a login file shows that somebody is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// That it is there.
    Presence,
    /// That the object in it has this field.
    Field(String),
}

/// Files of a program's home that outlive an execution. Nothing else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFiles {
    /// Directory below the home. Files in all directories below it count.
    pub below: PathBuf,
    /// End of their names.
    pub ending: String,
}

/// One execution, as a driver needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct AgentCall<'a> {
    /// What is asked for. What the configuration says about model and limits is filled in.
    pub request: &'a AgentRequest,
    /// Home directory of the program. It is empty but for copies of logins and the files of sessions.
    pub home: &'a Path,
    /// Whether the agent may use its tools without asking.
    pub skip_permissions: bool,
    /// Whether it runs as the superuser.
    pub as_root: bool,
    /// Arguments that the operator adds.
    pub more_arguments: &'a [OsString],
    /// What is passed on of our environment.
    pub passed_env: &'a [(OsString, OsString)],
}

impl AgentCall<'_> {
    /// A variable that is passed on, if it is text and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        super::environment::value(self.passed_env, name)?.to_str().filter(|value| !value.is_empty())
    }
}

/// How a program is started. What is not here, the executor adds: the program, and the rest of its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentInvocation {
    /// Arguments. Never the prompt or secrets: other users can read them.
    pub args: Vec<OsString>,
    /// Variables beside those that are passed on, and beside `HOME`, `TMPDIR` and `TERM`. They win over those passed on.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// Files that are written into its home first, by their paths below it.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Whether it keeps to `max_turns` itself; otherwise the executor stops it.
    pub keeps_turns: bool,
    /// Whether it keeps to `max_cost_nanousd` itself.
    pub keeps_cost: bool,
}

/// What the session of an execution had consumed before. Some programs only tell totals of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// It is new.
    Nothing,
    /// So much.
    Total(Usage),
    /// Nobody knows.
    Unknown,
}

/// Reads what a program prints: a pure fold over its lines, settled by how it ended.
///
/// # Contract
/// - *Hostile input*: any text may come as a line, cut, repeated or mixed with others. None makes it panic.
/// - *Bounded*: it keeps what it needs for the outcome, and not the lines.
pub trait AgentParser: Debug + Send {
    /// Reads a line, and tells what the agent did. What is not understood is passed over.
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress));

    /// Notes a line that was too long to be read.
    fn skip(&mut self);

    /// Whether the program has given its final result and is not at work again: it should end now.
    fn has_answered(&self) -> bool;

    /// What the execution came to. Not asked for the answer of a program that was stopped for another reason than that
    /// it lingered.
    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome;
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramEnd {
    /// What the operating system says.
    pub exit: Exit,
    /// It had answered and did not end, so it was stopped. How it exited says nothing then.
    pub lingered: bool,
    /// The end of what it wrote to stderr.
    pub stderr_tail: String,
}

impl ProgramEnd {
    /// Whether it ended as programs do that have no complaint.
    pub fn is_clean(&self) -> bool {
        self.lingered || self.exit == Exit::Exited(0)
    }
}

/// What an execution came to.
#[derive(Debug)]
pub struct AgentOutcome {
    /// The final answer, or why there is none.
    pub answer: Result<Arc<str>, Failure>,
    /// The session, as the program names it.
    pub session_id: Option<Arc<str>>,
    /// What this execution consumed.
    pub usage: Option<Usage>,
    /// What its session has consumed in all its executions, if this is what the program tells.
    pub session_total: Option<Usage>,
}
