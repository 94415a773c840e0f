//! Owns the executor that runs agent programs of every kind; what sets one kind apart is its driver.
//!
//! It finds the program, makes it a home, keeps its transcript, prompt and complaints, hides its secrets, bounds and stops
//! it, and looks after its sessions.

mod caps;
mod config;
mod driver;
mod environment;
mod files;
#[cfg(test)]
mod fuzz;
mod home;
mod probe;
#[cfg(test)]
pub(crate) mod recordings;
mod room;
mod secrets;
mod sessions;
mod verdict;
mod watch;
mod way_out;
mod words;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentHealth, AgentReport, AgentRequest, AgentSession};
use awo_models::{Failure, FailureCode, OrderId};
use tokio_util::sync::CancellationToken;

pub(crate) use caps::usd;
pub use config::ProgramConfig;
pub use driver::{
    AgentCall, AgentDriver, AgentInvocation, AgentOutcome, AgentParser, DriverFacts, Earlier, Keep, LoginFile,
    ProgramEnd, Proof, SessionFiles,
};
pub use environment::agent_environment;
pub(crate) use words::{
    answered, clip, clip_to, code_of_status, detail, errors, fail, name, object, status_in, text, told, without_result,
};

use crate::process::{Invocation, ProcessTracker, Purpose, RunError, RunLimits, find_program, search_path};
use crate::walls::{Account, Launch, WallKind};
use crate::{Secrets, Walls};
use caps::Caps;
use files::Files;
use home::Home;
use sessions::{Sessions, is_session_id};
use watch::Watch;

/// Runs an agent program once per execution, with a fresh home directory each time.
///
/// A home that lasted would let one step's agent leave hooks there for the next.
#[derive(Debug)]
pub struct ProgramAgent {
    driver: Arc<dyn AgentDriver>,
    config: ProgramConfig,
    tracker: Arc<dyn ProcessTracker>,
    walls: Arc<Walls>,
}

impl ProgramAgent {
    /// An executor of a kind of program; running processes are recorded with `tracker`. Requests that ask for walls are
    /// refused.
    pub fn new(driver: Arc<dyn AgentDriver>, config: ProgramConfig, tracker: Arc<dyn ProcessTracker>) -> Self {
        Self { driver, config, tracker, walls: Arc::new(Walls::none()) }
    }

    /// With walls for the requests that ask for them.
    #[must_use]
    pub fn with_walls(self, walls: Arc<Walls>) -> Self {
        Self { walls, ..self }
    }

    async fn try_execute(
        &self,
        mut request: AgentRequest,
        cancel: &CancellationToken,
        files: &mut Files<'_>,
        secrets: &mut Secrets,
    ) -> Result<(AgentOutcome, Vec<Failure>), Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::new(FailureCode::Cancelled, "cancelled before the agent began"));
        }
        request.model = request.model.or_else(|| self.config.model.as_deref().map(Into::into));
        request.max_turns = request.max_turns.into_iter().chain(self.config.max_turns).min();
        let facts = self.driver.facts();
        let program = self.program()?;
        let (kind, network) = self.enclosure(&request).await?;
        let walled = kind.is_some();
        let account = Account::of(request.order).filter(|_| walled);
        let login = self.config.credentials_from.as_deref();
        let place = self.config.home_dir.join(request.order.to_string());
        let home = Home::create(place, login, facts.logins, secrets.clone())
            .await
            .map_err(|error| unusable("a home for the agent", &self.config.home_dir, &error))?;
        secrets.clone_from(home.secrets());
        let sessions = self.sessions(request.order, facts.sessions);
        let earlier = self.take_up(&request, &sessions, home.path()).await?;
        let call = AgentCall {
            request: &request,
            home: home.path(),
            skip_permissions: self.config.skip_permissions || walled,
            as_root: account.is_none() && rustix::process::geteuid().is_root(),
            more_arguments: &self.config.more_arguments,
            passed_env: &self.config.passed_env,
        };
        let parser = self.driver.parser(&call, earlier);
        let mut parts = self.driver.invocation(&call)?;
        home.write(std::mem::take(&mut parts.files))
            .await
            .map_err(|error| unusable("the agent's files", home.path(), &error))?;
        let transcript = files
            .create("transcript.jsonl")
            .await
            .map_err(|error| unusable("the agent's files", &self.config.files_dir, &error))?;
        files.keep("prompt.md", &secrets.redact(&request.prompt)).await;

        let silence = request.silence.or(self.config.silence);
        let limits = RunLimits { wall: request.timeout, silence, ..self.config.limits.clone() };
        let watch = Watch {
            parser,
            caps: Caps::of(&request, &parts),
            progress: request.progress.clone(),
            secrets: secrets.clone(),
            // Silence after the answer must not make a failure of it.
            linger: silence.map_or(self.config.linger, |silence| self.config.linger.min(silence / 2)),
        };
        let way_out = self
            .way_out(network, home.root(), account)
            .await
            .map_err(|error| unusable("the agent's way to the network", home.root(), &error))?;
        let mut env = self.environment(&home, parts.env);
        env.extend(way_out.variables());
        env.extend(kind.into_iter().filter_map(room::variables));
        let set_aside = self.set_aside(&request, kind).await?;
        let launch = match kind {
            Some(kind) => {
                let room = self.room(&request, kind, &home, account, &env, way_out.reach()).await?;
                self.walls.launch(&room, &program, parts.args, &request.working_dir)
            }
            None => Launch { program, args: parts.args },
        };
        let invocation = Invocation {
            program: launch.program,
            args: launch.args,
            env,
            working_dir: request.working_dir.clone(),
            stdin: parts.stdin,
            secrets: home.secrets().clone(),
            custody: self.tracker.custody(request.order),
            walled: kind.is_some_and(WallKind::waits),
            purpose: Purpose::Agent,
        };
        let order = request.order;
        let spawned = |pid| self.tracker.track(order, pid);
        let (end, stopped, parser) = watch
            .run(invocation, &limits, &transcript, cancel, &spawned)
            .await
            .map_err(|error| self.not_run(&error))?;
        room::put_back(set_aside).await?;
        if end.dropped_bytes > 0 {
            tracing::warn!(%order, missing = end.dropped_bytes, "the transcript of an agent is cut, as it is too long");
        }
        if !end.stderr_tail.is_empty() {
            files.keep("stderr.txt", &end.stderr_tail).await;
        }
        let mut outcome = verdict::settle(&facts.name, parser, end, stopped, &limits);
        let refused = way_out.refused();
        if let (Err(failure), Some(first)) = (&mut outcome.answer, refused.first()) {
            // Most likely that is why.
            failure.message = format!("{}; {}", failure.message, first.message).into();
        }
        let total = outcome.session_id.as_deref().zip(outcome.session_total.as_ref());
        if let Err(error) = sessions.keep(home.path(), total, home.secrets()).await {
            // Its work stands; only a follow-up has to begin anew.
            tracing::warn!(%order, agent = self.config.name, %error, "the session of an agent is not kept");
        }
        home.remove().await;
        Ok((outcome, refused))
    }

    /// Brings the sessions of the order back if one of them goes on; what it had consumed.
    async fn take_up(&self, request: &AgentRequest, sessions: &Sessions, home: &Path) -> Result<Earlier, Failure> {
        let id = match &request.session {
            AgentSession::New(None) => return Ok(Earlier::Nothing),
            AgentSession::New(Some(id)) | AgentSession::Resumed(id) => id,
        };
        if !is_session_id(id) {
            let message = format!("{:?} is not the id of a session", words::clip_to(id, 100));
            return Err(Failure::new(FailureCode::Internal, message));
        }
        if let AgentSession::New(_) = &request.session {
            return Ok(Earlier::Nothing);
        }
        let gone = |why: String| {
            let name = &self.config.name;
            Failure::new(
                FailureCode::AgentCrashed,
                format!("session {id} of {name} cannot go on: {why}; begin a new one"),
            )
        };
        if !self.driver.facts().capabilities.resumes {
            return Err(gone("the program cannot go on in a session".to_owned()));
        }
        match sessions.restore(home).await {
            // What keeps nothing here keeps its sessions elsewhere.
            Ok(0) if !self.driver.facts().sessions.is_empty() => Err(gone("nothing was kept of it".to_owned())),
            Ok(_) => Ok(sessions.total(id).await),
            Err(error) => Err(gone(error.to_string())),
        }
    }

    fn sessions(&self, order: OrderId, kinds: Vec<SessionFiles>) -> Sessions {
        Sessions::new(&self.config.sessions_dir, order, &self.config.name, kinds)
    }

    /// The program, or the one behind it.
    fn program(&self) -> Result<PathBuf, Failure> {
        let search = environment::value(&self.config.passed_env, "PATH");
        let found = find_program(&self.config.program, search).ok_or_else(|| self.missing(search))?;
        // Links lead to where the package is.
        let real = found.canonicalize().unwrap_or_else(|_| found.clone());
        let behind = self.driver.behind(&real);
        Ok(behind.iter().find_map(|path| find_program(path, None)).unwrap_or(found))
    }

    fn missing(&self, search: Option<&OsStr>) -> Failure {
        let program = self.config.program.display();
        let place = match search {
            _ if self.config.program.components().count() > 1 => "there is no program at that path".to_owned(),
            Some(search) => format!("it is not in PATH ({})", search.display()),
            None => "there is no PATH to look for it".to_owned(),
        };
        let setting = &self.config.program_setting;
        Failure::new(
            FailureCode::AgentMissing,
            format!("cannot find the agent program `{program}`: {place}; install it, or set {setting} to where it is"),
        )
    }

    /// The whole environment of the program.
    fn environment(&self, home: &Home, own: Vec<(OsString, OsString)>) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> = self.config.passed_env.iter().cloned().collect();
        if let Some(search) = env.get_mut(OsStr::new("PATH")) {
            *search = search_path(search);
        }
        env.extend(own);
        env.extend(environment::added(home.path(), home.tmp()));
        env
    }

    fn not_run(&self, error: &RunError) -> Failure {
        let setting = &self.config.program_setting;
        let (code, cure) = match error {
            RunError::WorkingDir { .. } => (FailureCode::WorkspaceFailed, "it was removed from outside".to_owned()),
            RunError::Transcript { .. } => (FailureCode::WorkspaceFailed, "check the free disk space".to_owned()),
            RunError::Keeper { .. } => (FailureCode::WorkspaceFailed, "`awo doctor` tries it by itself".to_owned()),
            RunError::Untracked { .. } => {
                (FailureCode::WorkspaceFailed, "check the state directory and its disk".to_owned())
            }
            RunError::Start { .. } => {
                (FailureCode::AgentMissing, format!("set {setting} to a program that can be run"))
            }
        };
        Failure::new(code, format!("{}; {cure}", chain(error)))
    }
}

#[async_trait]
impl AgentExecutor for ProgramAgent {
    fn capabilities(&self) -> AgentCapabilities {
        self.driver.facts().capabilities
    }

    async fn probe(&self) -> AgentHealth {
        probe::probe(self).await
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let mut files = Files::new(&self.config.files_dir, &request);
        let mut secrets = secrets::of_environment(&self.config.passed_env);
        let executed = self.try_execute(request, &cancel, &mut files, &mut secrets).await;
        let files = files.into_list();
        let report = match executed {
            Ok((outcome, warnings)) => AgentReport {
                answer: outcome.answer,
                session_id: outcome.session_id,
                usage: outcome.usage,
                files,
                warnings,
            },
            Err(failure) => AgentReport { files, ..AgentReport::failed(failure) },
        };
        secrets::cleaned(report, &secrets)
    }

    async fn forget(&self, order: OrderId) {
        if let Err(error) = self.sessions(order, Vec::new()).forget().await {
            tracing::warn!(%order, agent = self.config.name, %error, "agent_sessions_not_removed");
        }
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

fn unusable(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::WorkspaceFailed,
        format!("cannot make {what} in {}: {error}; check its rights and the free disk space", path.display()),
    )
}

/// An error and its causes, as one sentence.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |story, cause| format!("{story}: {cause}"))
}
