//! Settings: flags, then `AWO_*` variables, then the names of the original, then the file, then defaults.

mod access;
mod agents;
mod database;
mod git;
mod github;
mod network;
mod notify;
mod otel;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod variables;
mod walls;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use awo_adapters::Keeper;
use config::{Config, ConfigError, File, FileFormat};
use database::Database;
use git::Git;
use github::Github;
use network::Network;
use otel::Otel;
use serde::Deserialize;
use steps::{Slow, Steps, Waiting};
use store::{FileSettings, Retention};
use variables::VARIABLES;
use walls::Walls;
pub(crate) use workers::Kept;
use workers::Workers;

use access::Auth;
pub(crate) use access::{Bind, Tls};
pub(crate) use agents::{Agent, Kind, SCRIPTED, kind_of};
pub(crate) use notify::Notify;
pub(crate) use otel::Collector;

use crate::cli::{Agents, Common};
use crate::exit::{BAD_INPUT, coded};

/// All settings, with the defaults filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Settings {
    #[serde(default = "default_data_dir")]
    pub(crate) data_dir: PathBuf,
    #[serde(default = "default_bind")]
    pub(crate) bind: Bind,
    /// File of the socket that programs of this account reach the server at.
    pub(crate) socket: Option<PathBuf>,
    #[serde(default)]
    pub(crate) tls: Tls,
    /// The server that commands ask, if it is not the one that has the data directory.
    pub(crate) server: Option<String>,
    /// Whether callers are asked for keys; `None` leaves it to the address.
    pub(crate) auth: Option<Auth>,
    /// The address that clients reach the server by.
    pub(crate) public_url: Option<String>,
    /// File that holds the key of this user and nothing else.
    pub(crate) api_key_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) http: access::Http,
    #[serde(default)]
    pub(crate) state: Backend,
    #[serde(default = "default_agent")]
    pub(crate) agent: String,
    /// What is logged; `None` leaves it to the command.
    pub(crate) log_level: Option<String>,
    pub(crate) commands_dir: Option<PathBuf>,
    pub(crate) workspaces_dir: Option<PathBuf>,
    pub(crate) spill_dir: Option<PathBuf>,
    pub(crate) agents_dir: Option<PathBuf>,
    #[serde(default = "default_step_timeout")]
    pub(crate) step_timeout_seconds: u64,
    pub(crate) silence_timeout_seconds: Option<u64>,
    #[serde(default = "default_max_running")]
    pub(crate) max_running: usize,
    #[serde(default = "default_max_queued")]
    pub(crate) max_queued: usize,
    #[serde(default)]
    pub(crate) keep_workspaces: bool,
    /// Bytes that must be free where the checkouts are, before an order begins.
    #[serde(default = "default_min_free_bytes")]
    pub(crate) min_free_bytes: u64,
    #[serde(default)]
    pub(crate) lenient: bool,
    /// How agents are run, by their names.
    #[serde(default)]
    pub(crate) agents: BTreeMap<String, Agent>,
    /// Agents of single steps, by the names of the steps.
    #[serde(default)]
    pub(crate) step_agents: BTreeMap<String, String>,
    /// Whether all agents skip their questions: a flag, and no setting.
    #[serde(skip)]
    pub(crate) all_skip_permissions: bool,
    #[serde(default)]
    pub(crate) git: Git,
    #[serde(default)]
    pub(crate) github: Github,
    /// Whether changes of files that tell machines what to run are not pushed.
    #[serde(default)]
    pub(crate) hold_ci_changes: bool,
    #[serde(default)]
    pub(crate) file: FileSettings,
    #[serde(default)]
    pub(crate) database: Database,
    #[serde(default)]
    pub(crate) retention: Retention,
    #[serde(default)]
    pub(crate) steps: Steps,
    #[serde(default)]
    pub(crate) waiting: Waiting,
    #[serde(default)]
    pub(crate) slow: Slow,
    /// Where the state after each step is kept.
    #[serde(default)]
    pub(crate) checkpoints: Kept,
    /// How workers share the orders of a database.
    #[serde(default)]
    pub(crate) workers: Workers,
    #[serde(default)]
    pub(crate) walls: Walls,
    #[serde(default)]
    pub(crate) network: Network,
    #[serde(default)]
    pub(crate) notify: Notify,
    #[serde(default)]
    pub(crate) otel: Otel,
    /// Through whom agents and git are started; found out by `main`, not set.
    #[serde(skip)]
    pub(crate) keeper: Option<Keeper>,
}

/// Where state lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Backend {
    #[default]
    File,
    Memory,
    Postgres,
}

impl TryFrom<String> for Backend {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "file" => Ok(Self::File),
            "memory" => Ok(Self::Memory),
            // Supabase is PostgreSQL.
            "postgres" | "supabase" => Ok(Self::Postgres),
            _ => Err(format!("{word:?} is not a state backend; there are file, memory and postgres")),
        }
    }
}

impl Settings {
    pub(crate) fn step_timeout(&self) -> Duration {
        Duration::from_secs(self.step_timeout_seconds)
    }

    pub(crate) fn silence_timeout(&self) -> Option<Duration> {
        self.silence_timeout_seconds.map(Duration::from_secs)
    }

    /// Whether a server asks its callers for keys: unless it is told, if others than this machine reach it. A socket is this
    /// account's, and as good as loopback.
    pub(crate) fn asks_for_keys(&self) -> bool {
        self.auth.map_or_else(
            || matches!(self.bind, Bind::Address(address) if !address.ip().is_loopback()),
            |auth| auth == Auth::Key,
        )
    }

    /// Whether it is told to ask for none.
    pub(crate) fn is_open(&self) -> bool {
        self.auth == Some(Auth::Loopback)
    }

    /// The socket of a server. With TLS it always has one: commands have no certificates.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let of_tls = || self.tls.files().map(|_| self.data_dir.join("awo.sock"));
        self.socket.clone().or_else(of_tls)
    }

    /// Where artifacts are kept.
    pub(crate) fn artifacts_dir(&self) -> PathBuf {
        self.data_dir.join("artifacts")
    }

    pub(crate) fn workspaces_dir(&self) -> PathBuf {
        self.workspaces_dir.as_deref().map_or_else(|| self.data_dir.join("workspaces"), |dir| self.own_place(dir))
    }

    /// Where results go that the store does not take: beside the data directory, best on another disk.
    pub(crate) fn spill_dir(&self) -> PathBuf {
        self.spill_dir.as_deref().map_or_else(
            || {
                let mut name = self.data_dir.file_name().unwrap_or_default().to_owned();
                name.push(".spill");
                self.data_dir.with_file_name(name)
            },
            |dir| self.own_place(dir),
        )
    }

    /// The part of a directory outside the data directory that is this data directory's own: several may share it.
    fn own_place(&self, shared: &Path) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        let path = xxhash_rust::xxh3::xxh3_64(self.data_dir.as_os_str().as_bytes());
        let name = self.data_dir.file_name().unwrap_or_default().to_string_lossy();
        shared.join(format!("{name}-{path:016x}"))
    }

    /// Where agents have their homes and leave their files, for the time of one execution. They need room to work, also
    /// when the disk of the data directory is full.
    pub(crate) fn agents_dir(&self) -> PathBuf {
        self.agents_dir.as_deref().map_or_else(|| self.data_dir.join("agents"), |dir| self.own_place(dir))
    }

    /// Uses the agent flags of a command.
    pub(crate) fn with_agents(mut self, flags: &Agents) -> Self {
        if let Some(agent) = &flags.agent {
            self.agent.clone_from(agent);
        }
        if let Some(dir) = &flags.commands_dir {
            self.commands_dir = Some(dir.clone());
        }
        self.all_skip_permissions |= flags.skip_permissions;
        self
    }

    /// Names of all agents.
    pub(crate) fn agent_names(&self) -> BTreeSet<&str> {
        let kinds = Kind::BUILT_IN.iter().map(|kind| kind.name());
        self.agents.keys().map(String::as_str).chain(kinds).chain([SCRIPTED]).collect()
    }

    /// Names of the agents that orders use which name none.
    pub(crate) fn used_agents(&self) -> BTreeSet<&str> {
        self.step_agents.values().chain([&self.agent]).map(String::as_str).collect()
    }

    /// How an agent is run, as far as that is set.
    pub(crate) fn agent(&self, name: &str) -> Agent {
        let mut agent = self.agents.get(name).cloned().unwrap_or_default();
        agent.skip_permissions |= self.all_skip_permissions;
        agent
    }

    /// What is in the way of an agent's work while it may not skip its questions.
    pub(crate) fn hindrance(&self, name: &str) -> Option<&'static str> {
        let kind = kind_of(name, self.agents.get(name)).ok()?;
        kind.hindrance().filter(|_| !self.agent(name).skip_permissions)
    }
}

/// Loads the settings. `variable` looks up an environment variable.
pub(crate) fn load(flags: &Common, variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<Settings> {
    let mut config = Config::builder();
    let file = flags.config.clone().or_else(|| variable("AWO_CONFIG").map(PathBuf::from));
    if let Some(path) = &file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| coded(BAD_INPUT, format!("cannot read the settings file {}: {error}", path.display())))?;
        config = config.add_source(File::from_str(&text, FileFormat::Toml));
    }
    for (name, key) in VARIABLES.iter().rev() {
        let Some(value) = variable(name).filter(|value| !value.is_empty()) else { continue };
        let value = value.into_string().map_err(|_| coded(BAD_INPUT, format!("{name} is not valid text")))?;
        config = config.set_override(key, value).with_context(|| format!("cannot use {name}"))?;
    }
    let path = |path: &Path| path.to_string_lossy().into_owned();
    config = config
        .set_override_option("data_dir", flags.data_dir.as_deref().map(path))?
        .set_override_option("log_level", flags.log_level.clone())?
        .set_override_option("server", flags.server.clone())?;
    let settings: Settings = config.build().and_then(Config::try_deserialize).map_err(|error| {
        let origin = origin_of(&error, file.as_deref(), &variable);
        coded(BAD_INPUT, format!("cannot use the settings{origin}: {}", error.to_string().trim_end()))
    })?;
    checked(settings)
}

/// Where the setting comes from that an error is about: the strongest variable that sets it, else the file.
fn origin_of(error: &ConfigError, file: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let key = match error {
        ConfigError::Type { key, .. } | ConfigError::At { key, .. } => key.as_deref(),
        _ => None,
    };
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let name = VARIABLES.iter().find(|(name, set)| Some(*set) == key && is_set(name)).map(|(name, _)| *name);
    match (name, file) {
        (Some(name), _) => format!(" (variable {name})"),
        (None, Some(file)) => format!(" (file {})", file.display()),
        (None, None) => String::new(),
    }
}

fn checked(mut settings: Settings) -> anyhow::Result<Settings> {
    if settings.step_timeout_seconds == 0 {
        return Err(coded(BAD_INPUT, "step_timeout_seconds is 0; a step needs time"));
    }
    if settings.max_running == 0 || settings.max_queued == 0 {
        return Err(coded(BAD_INPUT, "max_running and max_queued must be at least 1"));
    }
    settings.file.options().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.retention.policy().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.retention.pause().map_err(|reason| coded(BAD_INPUT, reason))?;
    if settings.state == Backend::Postgres {
        settings.database.options().map_err(|reason| coded(BAD_INPUT, reason))?;
    }
    settings.steps.retry().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.steps.attempts().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.slow.policy().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.http.limits().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.http.proxies().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.tls.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.walls.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    agents::check(&settings.agents, &settings.step_agents).map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.git.hosts(&settings.github).map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.notify.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.github.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    // Children run elsewhere: what they are given must not depend on where awo was started.
    settings.data_dir = std::path::absolute(&settings.data_dir)
        .map_err(|error| coded(BAD_INPUT, format!("cannot use data_dir: {error}")))?;
    let Settings { commands_dir, workspaces_dir, spill_dir, agents_dir, socket, .. } = &mut settings;
    for dir in [commands_dir, workspaces_dir, spill_dir, agents_dir, socket].into_iter().flatten() {
        *dir = std::path::absolute(&*dir).map_err(|error| coded(BAD_INPUT, format!("cannot use a path: {error}")))?;
    }
    Ok(settings)
}

fn default_data_dir() -> PathBuf {
    use etcetera::BaseStrategy as _;
    etcetera::choose_base_strategy().map_or_else(|_| PathBuf::from("awo-data"), |dirs| dirs.data_dir().join("awo"))
}

fn default_bind() -> Bind {
    Bind::Address(([127, 0, 0, 1], 8888).into())
}

fn default_min_free_bytes() -> u64 {
    64 << 20
}

fn default_agent() -> String {
    "claude".into()
}

fn default_step_timeout() -> u64 {
    3600
}

fn default_max_running() -> usize {
    8
}

fn default_max_queued() -> usize {
    1_000
}
