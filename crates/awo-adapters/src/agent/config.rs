//! Owns what the program that embeds awo says about an agent program.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::AllowedHosts;
use crate::process::RunLimits;

/// What to run as an agent, and with what.
#[derive(Clone)]
pub struct ProgramConfig {
    /// The name that orders choose it by. Part of paths.
    pub name: String,
    /// The program: a path, or a name that is looked for in the `PATH` of `passed_env`.
    pub program: PathBuf,
    /// The setting that says where the program is, for failures that name the cure.
    pub program_setting: String,
    /// Model where the request names none; `None` leaves it to the program.
    pub model: Option<String>,
    /// Turns where the request names none.
    pub max_turns: Option<u32>,
    /// Let the agent use its tools without asking.
    pub skip_permissions: bool,
    /// Further arguments.
    pub more_arguments: Vec<OsString>,
    /// Directory for transcripts and error output, until the engine takes them away.
    pub files_dir: PathBuf,
    /// Directory for the homes that executions are given.
    pub home_dir: PathBuf,
    /// Directory for what programs need to go on in a session. It lasts as long as the orders.
    pub sessions_dir: PathBuf,
    /// Home directory whose login the agent shares, if any.
    pub credentials_from: Option<PathBuf>,
    /// What the agent gets of our environment: see [`agent_environment`](crate::agent_environment).
    pub passed_env: Vec<(OsString, OsString)>,
    /// What it may reach where not everything may be, beside the hosts of its own service.
    pub allowed_hosts: AllowedHosts,
    /// Longest time without output.
    pub silence: Option<Duration>,
    /// How long a program may go on after its final result, before it is stopped and its answer taken.
    pub linger: Duration,
    /// Other bounds; wall time is the request's, and silence is the field above.
    pub limits: RunLimits,
}

impl ProgramConfig {
    /// The program of that name, with files, homes and sessions below `directory` and nothing of our environment.
    pub fn new(name: &str, directory: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: name.into(),
            program_setting: format!("agents.{name}.path"),
            model: None,
            max_turns: None,
            skip_permissions: false,
            more_arguments: Vec::new(),
            files_dir: directory.join("files"),
            home_dir: directory.join("homes"),
            sessions_dir: directory.join("sessions"),
            credentials_from: None,
            passed_env: Vec::new(),
            allowed_hosts: AllowedHosts::default(),
            silence: None,
            linger: Duration::from_secs(30),
            limits: RunLimits::default(),
        }
    }
}

impl Debug for ProgramConfig {
    /// Shows the names in the environment and not the values, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgramConfig")
            .field("name", &self.name)
            .field("program", &self.program)
            .field("skip_permissions", &self.skip_permissions)
            .field("passed_env", &self.passed_env.iter().map(|(k, _)| k).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
