//! Owns the agent program `claude`: how it is started, and what its words mean.

mod arguments;
mod environment;
mod failure;
mod home;
mod parser;
mod secrets;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{
    AgentCapabilities, AgentExecutor, AgentFile, AgentHealth, AgentReport, AgentRequest, AgentSession, Login,
};
use awo_models::{Failure, FailureCode};
use tokio_util::sync::CancellationToken;

pub use environment::claude_environment;

use crate::Secrets;
use crate::process::{Invocation, Line, ProcessTracker, RunError, RunLimits, find_program, run, search_path};
use home::Home;
use parser::ClaudeParser;

/// What to run as `claude`, and with what.
#[derive(Clone)]
pub struct ClaudeConfig {
    /// The program: a path, or a name that is looked for in the `PATH` of `passed_env`.
    pub program: PathBuf,
    /// Model where the request names none; `None` leaves it to the program.
    pub model: Option<String>,
    /// Turns where the request names none.
    pub max_turns: Option<u32>,
    /// Let the agent use its tools without asking. Without it, it can change nothing.
    pub skip_permissions: bool,
    /// Directory for transcripts and error output, until the engine takes them away.
    pub files_dir: PathBuf,
    /// Directory for the homes that executions are given.
    pub home_dir: PathBuf,
    /// Home directory whose login the agent shares, if any.
    pub credentials_from: Option<PathBuf>,
    /// What the agent gets of our environment: see [`claude_environment`].
    pub passed_env: Vec<(OsString, OsString)>,
    /// Longest time without output.
    pub silence: Option<Duration>,
    /// Other bounds; wall time is the request's, and silence is the field above.
    pub limits: RunLimits,
}

impl ClaudeConfig {
    /// The usual program, with files and homes below `directory` and nothing of our environment.
    pub fn new(directory: &Path) -> Self {
        Self {
            program: "claude".into(),
            model: None,
            max_turns: None,
            skip_permissions: false,
            files_dir: directory.join("files"),
            home_dir: directory.join("homes"),
            credentials_from: None,
            passed_env: Vec::new(),
            silence: None,
            limits: RunLimits::default(),
        }
    }
}

impl Debug for ClaudeConfig {
    /// Shows the names in the environment and not the values, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClaudeConfig")
            .field("program", &self.program)
            .field("skip_permissions", &self.skip_permissions)
            .field("passed_env", &self.passed_env.iter().map(|(k, _)| k).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Runs `claude` once per execution, with a fresh home directory each time.
///
/// A home that lasted would let one step's agent leave hooks there for the next.
#[derive(Debug)]
pub struct ClaudeExecutor {
    config: ClaudeConfig,
    tracker: Arc<dyn ProcessTracker>,
}

impl ClaudeExecutor {
    /// An executor with its configuration; running processes are recorded with `tracker`.
    pub fn new(config: ClaudeConfig, tracker: Arc<dyn ProcessTracker>) -> Self {
        Self { config, tracker }
    }

    async fn try_execute(
        &self,
        request: AgentRequest,
        cancel: &CancellationToken,
        files: &mut Vec<AgentFile>,
        secrets: &mut Secrets,
    ) -> Result<parser::ClaudeOutcome, Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::new(FailureCode::Cancelled, "cancelled before the agent began"));
        }
        if let AgentSession::Resumed(id) = &request.session {
            let message = format!("session {id} cannot go on: every execution of claude has a home of its own");
            return Err(Failure::new(FailureCode::Internal, message));
        }
        let program = self.program()?;
        let login = self.config.credentials_from.as_deref();
        let home = Home::create(&self.config.home_dir, request.order, login, secrets.clone())
            .await
            .map_err(|error| unusable("a home for the agent", &self.config.home_dir, &error))?;
        secrets.clone_from(home.secrets());
        let transcript = self.file(&request, "transcript.jsonl").await?;
        files.push(AgentFile { kind: "transcript.jsonl".to_owned(), path: transcript.clone() });
        let invocation = self.invocation(program, &home, &request);
        let limits = RunLimits {
            wall: request.timeout,
            silence: request.silence.or(self.config.silence),
            ..self.config.limits.clone()
        };
        let order = request.order;
        let mut parser = ClaudeParser::default();
        let end =
            run(invocation, &limits, Some(&transcript), cancel, &|pid| self.tracker.track(order, pid), &mut |line| {
                match line {
                    Line::Text(line) => parser.feed(&line),
                    Line::TooLong { .. } => parser.skip(),
                }
            })
            .await
            .map_err(|error| not_run(&error))?;
        home.remove().await;
        if end.dropped_bytes > 0 {
            tracing::warn!(%order, missing = end.dropped_bytes, "the transcript of an agent is cut, as it is too long");
        }
        if !end.stderr_tail.is_empty() {
            match self.written(&request, "stderr.txt", &end.stderr_tail).await {
                Ok(path) => files.push(AgentFile { kind: "stderr.txt".to_owned(), path }),
                // The agent has done its work: what it answered must not be lost for want of its complaints.
                Err(failure) => tracing::warn!(%order, %failure, "the errors of an agent are not kept"),
            }
        }
        Ok(parser.finish(&end, &limits))
    }

    fn program(&self) -> Result<PathBuf, Failure> {
        let search = self.config.passed_env.iter().find(|(name, _)| name == "PATH");
        let search = search.map(|(_, value)| value.as_os_str());
        find_program(&self.config.program, search).ok_or_else(|| self.missing(search))
    }

    fn missing(&self, search: Option<&OsStr>) -> Failure {
        let program = self.config.program.display();
        let place = match search {
            _ if self.config.program.components().count() > 1 => "there is no program at that path".to_owned(),
            Some(search) => format!("it is not in PATH ({})", search.display()),
            None => "there is no PATH to look for it".to_owned(),
        };
        Failure::new(
            FailureCode::AgentMissing,
            format!(
                "cannot find the agent program `{program}`: {place}; install it, or set CLAUDE_CLI_PATH to where it is"
            ),
        )
    }

    fn invocation(&self, program: PathBuf, home: &Home, request: &AgentRequest) -> Invocation {
        let root = rustix::process::geteuid().is_root();
        let mut env: BTreeMap<OsString, OsString> = self.config.passed_env.iter().cloned().collect();
        if let Some(search) = env.get_mut(OsStr::new("PATH")) {
            *search = search_path(search);
        }
        env.extend(environment::added(home.path(), home.tmp(), self.config.skip_permissions && root));
        Invocation {
            program,
            args: arguments::arguments(&self.config, request),
            env,
            working_dir: request.working_dir.clone(),
            stdin: request.prompt.clone().into_bytes(),
            secrets: home.secrets().clone(),
            custody: self.tracker.custody(request.order),
        }
    }

    /// Makes a file of its own for an execution, with a text in it.
    async fn written(&self, request: &AgentRequest, kind: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.file(request, kind).await?;
        match tokio::fs::write(&path, text).await {
            Ok(()) => Ok(path),
            Err(error) => {
                let _ = tokio::fs::remove_file(&path).await;
                Err(unusable("the agent's files", &path, &error))
            }
        }
    }

    /// Makes an empty file of its own for an execution, readable by its owner only.
    async fn file(&self, request: &AgentRequest, kind: &str) -> Result<PathBuf, Failure> {
        let directory = self.config.files_dir.clone();
        let prefix = format!("{}-{}-{}-", request.order, request.step, request.attempt);
        let suffix = format!(".{kind}");
        let place = directory.clone();
        let made = tokio::task::spawn_blocking(move || {
            home::private_directory(&directory)?;
            let mut builder = tempfile::Builder::new();
            let file = builder.prefix(&prefix).suffix(&suffix).tempfile_in(directory)?;
            file.into_temp_path().keep().map_err(|error| error.error)
        });
        match made.await {
            Ok(Ok(path)) => Ok(path),
            Ok(Err(error)) => Err(unusable("the agent's files", &place, &error)),
            Err(error) => Err(unusable("the agent's files", &place, &error.into())),
        }
    }
}

#[async_trait]
impl AgentExecutor for ClaudeExecutor {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities { chooses_session: true, resumes: false, reports_cost: true }
    }

    async fn probe(&self) -> AgentHealth {
        match self.program() {
            Ok(program) => AgentHealth {
                program: Some(program.display().to_string()),
                version: None,
                login: Login::Unknown,
                problem: None,
                cure: None,
            },
            Err(missing) => AgentHealth {
                program: None,
                version: None,
                login: Login::Unknown,
                problem: Some(missing.message.to_string()),
                cure: Some(missing.code.advice().to_owned()),
            },
        }
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let mut files = Vec::new();
        let mut secrets = secrets::of_environment(&self.config.passed_env);
        let report = match self.try_execute(request, &cancel, &mut files, &mut secrets).await {
            Ok(outcome) => {
                AgentReport { answer: outcome.answer, session_id: outcome.session_id, usage: outcome.usage, files }
            }
            Err(failure) => AgentReport { files, ..AgentReport::failed(failure) },
        };
        secrets::cleaned(report, &secrets)
    }

    async fn discard(&self, file: &Path) {
        match tokio::fs::remove_file(file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "agent_file_not_removed");
            }
            _ => {}
        }
    }
}

fn not_run(error: &RunError) -> Failure {
    let (code, cure) = match error {
        RunError::WorkingDir { .. } => (FailureCode::WorkspaceFailed, "it was removed from outside"),
        RunError::Transcript { .. } => (FailureCode::WorkspaceFailed, "check the free disk space"),
        RunError::Keeper { .. } => (FailureCode::WorkspaceFailed, "`awo doctor` tries it by itself"),
        RunError::Untracked { .. } => (FailureCode::WorkspaceFailed, "check the state directory and its disk"),
        RunError::Start { .. } => (FailureCode::AgentMissing, "set CLAUDE_CLI_PATH to a program that can be run"),
    };
    Failure::new(code, format!("{}; {cure}", chain(error)))
}

fn unusable(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::WorkspaceFailed,
        format!("cannot make {what} in {}: {error}; check its rights and the free disk space", path.display()),
    )
}

/// An error and its causes, as one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |story, cause| format!("{story}: {cause}"))
}
