//! Builder of one run of git.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::dialling::{Dialling, Pinned};
use super::error::{self, GitError};
use super::run::{self, Limit};
use crate::forge_token::{ForgeTokens, GitCredential};
use crate::process::{Input, Start};
use crate::walls::{Launch, Room, Walls};
use crate::{Processes, RepositoryAddress, find_program};
use awo_engine::ports::Progress;
use awo_models::OrderId;

/// Output of commands that print little.
const SMALL: usize = 64 * 1024;

/// Where git is, as an absolute path. What cannot be found stays as it is, and every run of it is refused.
pub(crate) fn find_git(program: &Path, search_path: &OsStr) -> PathBuf {
    find_program(program, Some(search_path)).unwrap_or_else(|| program.to_owned())
}

/// The git program in one environment and directory.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    /// The program, as an absolute path: see [`find_git`].
    pub(crate) program: PathBuf,
    /// The whole environment of its processes.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Settings that win over every configuration file (`key=value`).
    pub(crate) settings: &'static [&'static str],
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// How long one run may take.
    pub(crate) deadline: Duration,
    /// Who its processes belong to.
    pub(crate) owner: Option<(Arc<Processes>, OrderId)>,
    /// The token for remotes on a forge; host git only.
    pub(crate) tokens: Option<Arc<ForgeTokens>>,
    /// Within which walls it runs, if any.
    pub(crate) walls: Option<(Arc<Walls>, Arc<Room>)>,
    /// Which addresses of the network it may dial; host git only.
    pub(crate) dialling: Option<Arc<Dialling>>,
}

impl Git {
    /// Begins a command.
    pub(crate) fn command(&self, name: &'static str) -> GitCommand<'_> {
        GitCommand {
            git: self,
            name,
            arguments: Vec::new(),
            variables: Vec::new(),
            input: None,
            output: None,
            limit: Limit::Refuse(SMALL),
            accepted: &[0],
            remote: None,
            progress: Progress::default(),
        }
    }
}

/// One run of git, not yet started.
#[derive(Debug)]
#[must_use = "nothing happens until it is run"]
pub(crate) struct GitCommand<'a> {
    git: &'a Git,
    name: &'static str,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    input: Option<File>,
    output: Option<File>,
    limit: Limit,
    accepted: &'static [i32],
    remote: Option<RepositoryAddress>,
    progress: Progress,
}

impl GitCommand<'_> {
    /// Adds an argument. Whatever a caller supplied comes after `--` or was checked not to begin with a dash.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Adds `--` and the address of a remote, which it may reach with the token of its forge.
    pub(crate) fn toward(mut self, remote: &RepositoryAddress) -> Self {
        self.remote = Some(remote.clone());
        self.arg("--").arg(remote.to_string())
    }

    /// Sets a variable for this run.
    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// Gives it a file to read; without one its input is closed.
    pub(crate) fn input(mut self, file: File) -> Self {
        self.input = Some(file);
        self
    }

    /// Has it print into a file, without limit; what it left has then no `stdout`.
    pub(crate) fn output(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// Who hears how a long transfer gets on; git must be told to say it.
    pub(crate) fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// How much it may print.
    pub(crate) fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Exit codes that are answers, not failures.
    pub(crate) fn accept(mut self, codes: &'static [i32]) -> Self {
        self.accepted = codes;
        self
    }

    /// Runs it to its end. Dropping the future has it killed.
    pub(crate) async fn run(self) -> Result<GitOutput, GitError> {
        if !self.git.program.is_absolute() {
            // The operating system would look for it again, from the checkout.
            return Err(GitError::Missing { program: self.git.program.clone() });
        }
        let pinned = match (&self.git.dialling, &self.remote) {
            (Some(dialling), Some(remote)) => dialling.pin(remote, &self.git.environment).await?,
            _ => Pinned::default(),
        };
        let credential = match (&self.git.tokens, &self.remote) {
            (Some(tokens), Some(remote)) => tokens.for_git(remote).await,
            _ => None,
        };
        let settings = self.git.settings.iter().copied().chain(pinned.setting.as_deref());
        let settings = settings.flat_map(|setting| ["-c", setting]).map(OsString::from);
        let variables = self.variables.into_iter().chain(pinned.variable);
        let variables = variables.map(|(name, value)| (name.into(), value));
        let secret_variables = credential.iter().flat_map(|credential| credential.variables.iter());
        let secret_variables = secret_variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let args: Vec<OsString> = settings.chain([self.name.into()]).chain(self.arguments).collect();
        let (walls, program) = (self.git.walls.as_ref(), &self.git.program);
        let launch = match walls {
            Some((walls, room)) => walls.launch(room, program, args, &self.git.directory),
            None => Launch { program: program.clone(), args },
        };
        let start = Start {
            program: launch.program,
            args: launch.args,
            env: self.git.environment.iter().cloned().chain(variables).chain(secret_variables).collect(),
            working_dir: self.git.directory.clone(),
            stdin: self.input.map_or(Input::Nothing, Input::File),
            stdout: self.output.map_or_else(Stdio::piped, Stdio::from),
            walled: walls.is_some_and(|(_, room)| room.kind.waits()),
        };
        let mut output = run::run(start, self.name, self.git, self.limit, &self.progress).await?;
        if let Some(GitCredential { secrets, .. }) = credential {
            output.stderr = secrets.redact(&String::from_utf8_lossy(&output.stderr)).into_bytes();
        }
        if self.accepted.contains(&output.code) { Ok(output) } else { Err(GitError::failed(self.name, &output)) }
    }
}

/// What a run of git left.
#[derive(Debug)]
pub(crate) struct GitOutput {
    /// Its exit code; 128 and the signal's number if a signal ended it.
    pub(crate) code: i32,
    /// What it printed.
    pub(crate) stdout: Vec<u8>,
    /// Whether it would have printed more.
    pub(crate) cut: bool,
    /// The end of what it complained about.
    pub(crate) stderr: Vec<u8>,
}

impl GitOutput {
    /// What it printed as one trimmed text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// What it complained about as one line, without secrets.
    pub(crate) fn complaint(&self) -> String {
        error::complaint(&self.stderr)
    }
}
