//! Settings: flags, then `AWO_*` variables, then the names of the original, then the file, then defaults.

mod access;
mod agents;
mod git;
mod github;
mod network;
mod steps;
mod store;
mod variables;
mod walls;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use awo_adapters::Keeper;
use config::{Config, ConfigError, File, FileFormat};
use git::Git;
use github::Github;
use network::Network;
use serde::Deserialize;
use steps::{Steps, Waiting};
use store::{FileSettings, Retention};
use variables::VARIABLES;
use walls::Walls;

use access::Auth;
pub(crate) use access::{Bind, Tls};
pub(crate) use agents::{Agent, Kind, SCRIPTED, kind_of};

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
    pub(crate) retention: Retention,
    #[serde(default)]
    pub(crate) steps: Steps,
    #[serde(default)]
    pub(crate) waiting: Waiting,
    #[serde(default)]
    pub(crate) walls: Walls,
    #[serde(default)]
    pub(crate) network: Network,
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
}

impl TryFrom<String> for Backend {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "file" => Ok(Self::File),
            "memory" => Ok(Self::Memory),
            "postgres" | "supabase" => Err(format!(
                "state {word:?} is not part of this version yet; use file (durable, one machine) or memory"
            )),
            _ => Err(format!("{word:?} is not a state backend; there are file and memory")),
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
    settings.steps.retry().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.steps.attempts().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.http.limits().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.http.proxies().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.tls.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.walls.check().map_err(|reason| coded(BAD_INPUT, reason))?;
    agents::check(&settings.agents, &settings.step_agents).map_err(|reason| coded(BAD_INPUT, reason))?;
    settings.git.hosts(&settings.github).map_err(|reason| coded(BAD_INPUT, reason))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, String> {
        use clap::Parser as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("awo.toml");
        std::fs::write(&path, file).unwrap();
        let config = path.to_str().unwrap();
        let arguments = [["awo", "list", "--config", config].as_slice(), flags].concat();
        let arguments = crate::cli::Arguments::parse_from(arguments);
        let look = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        load(&arguments.common, look).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn streams_leave_connections_for_questions() {
        load_with("[http]\nmax_streams = 2000\nmax_connections = 2001", &[], &[]).unwrap();
        let error = load_with("[http]\nmax_streams = 700", &[], &[]).unwrap_err();
        assert!(error.contains("http.max_streams is 700, and http.max_connections is 640"), "{error}");
        assert!(load_with("[http]\nmax_connections = 0", &[], &[]).unwrap_err().contains("at least 1"));
    }

    #[test]
    fn flags_beat_variables_beat_the_file_beats_defaults() {
        let file = "data_dir = '/file'\nagent = 'scripted'\nmax_running = 3";
        let variables = [("AWO_DATA_DIR", "/variable"), ("FILE_STATE_DIRECTORY", "/original")];
        let settings = load_with(file, &variables, &["--data-dir", "/flag"]).unwrap();
        assert_eq!(settings.data_dir, Path::new("/flag"));
        let settings = load_with(file, &variables, &[]).unwrap();
        assert_eq!(settings.data_dir, Path::new("/variable"));
        let settings = load_with(file, &variables[1..], &[]).unwrap();
        assert_eq!(settings.data_dir, Path::new("/original"));
        let settings = load_with(file, &[], &[]).unwrap();
        assert_eq!((settings.data_dir.as_path(), settings.max_running), (Path::new("/file"), 3));
        assert_eq!(settings.bind.to_string(), "127.0.0.1:8888");
    }

    #[test]
    fn data_directories_that_share_a_place_outside_have_each_their_own_in_it() {
        let with = |data: &str| {
            load_with(
                "workspaces_dir = '/shared'\nspill_dir = '/spill'\nagents_dir = '/agents'",
                &[("AWO_DATA_DIR", data)],
                &[],
            )
            .unwrap()
        };
        let (first, second) = (with("/first/data"), with("/second/data"));
        assert!(first.workspaces_dir().starts_with("/shared") && first.spill_dir().starts_with("/spill"));
        assert_ne!(first.workspaces_dir(), second.workspaces_dir());
        assert_ne!(first.spill_dir(), second.spill_dir());
        assert_ne!(first.agents_dir(), second.agents_dir());
        assert_eq!(first.workspaces_dir(), with("/first/data").workspaces_dir(), "and the same after a restart");
        let plain = load_with("", &[("AWO_DATA_DIR", "/first/data")], &[]).unwrap();
        assert_eq!(plain.workspaces_dir(), Path::new("/first/data/workspaces"));
        assert_eq!(plain.spill_dir(), Path::new("/first/data.spill"));
    }

    #[test]
    fn the_names_of_the_original_work() {
        let variables = [
            ("CLAUDE_CLI_PATH", "/bin/agent"),
            ("CLAUDE_CLI_MAX_TURNS", "7"),
            ("CLAUDE_CLI_SKIP_PERMISSIONS", "true"),
            ("AGENT_WORK_ORDER_TIMEOUT", "60"),
            ("STATE_STORAGE_TYPE", "memory"),
        ];
        let settings = load_with("", &variables, &[]).unwrap();
        let claude = settings.agent("claude");
        assert_eq!(claude.path.as_deref(), Some(Path::new("/bin/agent")));
        assert_eq!((claude.max_turns, claude.skip_permissions), (Some(7), true));
        assert_eq!((settings.step_timeout(), settings.state), (Duration::from_mins(1), Backend::Memory));
    }

    #[test]
    fn agents_can_be_given_room_on_another_disk() {
        let beside = load_with("data_dir = '/data'", &[], &[]).unwrap();
        let claude = |settings: &Settings| crate::wiring::program_config(settings, "claude", &awo_adapters::Claude);
        assert_eq!(claude(&beside).home_dir, Path::new("/data/agents/homes"));
        let elsewhere = load_with("data_dir = '/data'", &[("AWO_AGENTS_DIR", "/roomy")], &[]).unwrap();
        let (claude, own) = (claude(&elsewhere), elsewhere.agents_dir());
        assert!(own.starts_with("/roomy"));
        assert_eq!((claude.home_dir, claude.files_dir), (own.join("homes"), own.join("files")));
    }

    #[test]
    fn the_files_and_what_is_kept_of_them_can_be_set() {
        let settings = load_with("", &[], &[]).unwrap();
        assert_eq!(settings.file.options().unwrap(), awo_state::FileOptions::default());
        assert!(settings.retention.policy().unwrap().is_off(), "nothing is deleted unless it is asked for");
        let file = "[file]\ndurability = 'os'\nkeep_ended = 7\ncompact_from_bytes = 9\ncompact_percent = 10\n\
            [retention]\nmax_age_days = 2\nmax_orders = 3\nmax_bytes = 4";
        let variables = [("AWO_FILE_DURABILITY", "interval"), ("AWO_FILE_SYNC_INTERVAL_MS", "250")];
        let settings = load_with(file, &variables, &[]).unwrap();
        let durability = awo_state::Durability::Interval(Duration::from_millis(250));
        let expected = awo_state::FileOptions { durability, keep_ended: 7, compact_from: 9, compact_percent: 10 };
        assert_eq!(settings.file.options().unwrap(), expected);
        let policy = settings.retention.policy().unwrap();
        assert_eq!((policy.max_age, policy.max_orders), (Some(Duration::from_hours(48)), Some(3)));
        assert_eq!(policy.max_bytes, Some(4));
    }

    #[test]
    fn attempts_and_waits_can_be_set() {
        let settings = load_with("", &[], &[]).unwrap();
        assert_eq!(settings.steps.retry().unwrap(), awo_models::RetryPolicy::default());
        assert_eq!(settings.waiting.policy(), awo_engine::WaitingPolicy::default());
        let file = "[steps]\nmax_attempts = 2\nfirst_pause_seconds = 1\nlongest_pause_seconds = 9\n\
            [steps.attempts]\nimplement = 3\nexecute = 4\n[waiting]\nlongest_seconds = 5\nin_all_seconds = 6\ntimes = 7";
        let settings = load_with(file, &[("AWO_WAITING_LONGEST_SECONDS", "50")], &[]).unwrap();
        let (first_pause, longest_pause) = (Duration::from_secs(1), Duration::from_secs(9));
        let expected = awo_models::RetryPolicy { max_attempts: 2, first_pause, longest_pause };
        assert_eq!(settings.steps.retry().unwrap(), expected);
        let attempts: Vec<_> = settings.steps.attempts().unwrap().into_iter().collect();
        let name = awo_models::StepName::known;
        assert_eq!(attempts, [(name("execute"), 4), (name("implement"), 3)]);
        let (longest, in_all) = (Duration::from_secs(50), Duration::from_secs(6));
        assert_eq!(settings.waiting.policy(), awo_engine::WaitingPolicy { longest, in_all, times: 7 });
    }

    #[test]
    fn each_agent_and_each_step_can_be_set() {
        let file = "[agents.claude]\nmodel = 'opus'\nskip_permissions = true\n\
            [agents.codex]\nargs = ['-c', 'x=1']\nenv = ['AZURE_KEY']\n\
            [agents.quick]\nkind = 'claude'\nmodel = 'haiku'\n\
            [step_agents]\nclassify = 'quick'\nimplement = 'codex'";
        let settings =
            load_with(file, &[("AWO_CODEX_PATH", "/opt/codex"), ("CLAUDE_CLI_MAX_TURNS", "7")], &[]).unwrap();
        let (claude, codex, quick) = (settings.agent("claude"), settings.agent("codex"), settings.agent("quick"));
        assert_eq!((claude.model.as_deref(), claude.max_turns), (Some("opus"), Some(7)), "file and variable together");
        assert_eq!((codex.path.as_deref(), codex.args.len()), (Some(Path::new("/opt/codex")), 2));
        assert_eq!((kind_of("quick", Some(&quick)), quick.model.as_deref()), (Ok(Kind::Claude), Some("haiku")));
        assert_eq!(settings.used_agents().into_iter().collect::<Vec<_>>(), ["claude", "codex", "quick"]);
        assert!(settings.hindrance("quick").is_some() && settings.hindrance("claude").is_none());
        assert!(settings.hindrance("codex").is_none() && settings.hindrance("scripted").is_none());
        let flags = Agents { skip_permissions: true, ..Agents::default() };
        assert!(settings.with_agents(&flags).hindrance("quick").is_none(), "the flag is for all of them");
    }

    #[test]
    fn bad_settings_are_named() {
        for (file, variables, words) in [
            ("datadir = 'x'", &[][..], "datadir"),
            ("state = 'etcd'", &[], "there are file and memory"),
            ("", &[("STATE_STORAGE_TYPE", "supabase")], "not part of this version yet"),
            ("", &[("AGENT_WORK_ORDER_TIMEOUT", "soon")], "step_timeout_seconds"),
            ("max_queued = 1", &[("AWO_MAX_RUNNING", "many")], "(variable AWO_MAX_RUNNING)"),
            ("max_running = 'many'", &[("AWO_MAX_QUEUED", "1")], "awo.toml)"),
            ("bind = '8888'", &[], "127.0.0.1:8888, nor none"),
            ("[http]\ntrusted_proxies = ['proxy.lan']", &[], "http.trusted_proxies"),
            ("[http]\nmax_connections_per_address = 0", &[], "at least 1"),
            ("[tls]\ncertificate = 'x'", &[], "set both"),
            ("step_timeout_seconds = 0", &[], "a step needs time"),
            ("max_running = 0", &[], "at least 1"),
            ("[network]\ndefault = 'vpn'", &[], "there are auto, proxy, off, host"),
            ("[network]\nallowed_hosts = ['https://a.example']", &[], "cannot use host"),
            ("[network]\ntrusted_hosts = ['a.example:0']", &[], "cannot use host"),
            ("[agents.claude]\nhosts = ['a/b']", &[], "cannot use host"),
            ("[file]\ndurability = 'sometimes'", &[], "there are always"),
            ("[file]\ndurability = 'interval'\nsync_interval_ms = 0", &[], "give 1 to 60000 milliseconds"),
            ("", &[("AWO_FILE_SYNC_INTERVAL_MS", "5")], "file.durability = \"interval\""),
            ("[file]\ncompact_percent = 101", &[], "give 0 to 100"),
            ("[file]\nsync = true", &[], "sync"),
            ("", &[("AWO_FILE_KEEP_ENDED", "many")], "(variable AWO_FILE_KEEP_ENDED)"),
            ("[retention]\nmax_orders = 0", &[], "would delete every order"),
            ("", &[("AWO_RETENTION_MAX_AGE_DAYS", "-1")], "AWO_RETENTION_MAX_AGE_DAYS"),
            ("[steps]\nmax_attempts = 0", &[], "give 1 to 10"),
            ("", &[("AWO_MAX_ATTEMPTS", "11")], "give 1 to 10"),
            ("[steps]\nfirst_pause_seconds = 400", &[], "the first must not be above the longest"),
            ("[steps.attempts]\nimplment = 2", &[], "there are classify, plan"),
            ("[steps.attempts]\nimplement = 0", &[], "steps.attempts.implement is 0"),
            ("[waiting]\nlongest = 3", &[], "longest"),
            ("[", &[], "cannot use the settings"),
            ("[agents.mine]\nmodel = 'x'", &[], "agents.mine has no kind"),
            ("[agents.mine]\nkind = 'cursor'", &[], "there are claude, codex"),
            ("[agents.codex]\nkind = 'claude'", &[], "choose another name"),
            ("[agents.'../x']\nkind = 'claude'", &[], "a letter first"),
            ("[agents.scripted]\nmodel = 'x'", &[], "has no settings"),
            ("[agents.claude]\nmax_turns = 0", &[], "at least one turn"),
            ("[agents.claude]\nturns = 1", &[], "turns"),
            ("", &[("CLAUDE_CLI_MAX_TURNS", "many")], "CLAUDE_CLI_MAX_TURNS"),
            ("[agents.mine]\nkind = 'command'\nprompt = 'stdin'", &[], "name the program"),
            ("[agents.mine]\nkind = 'command'\npath = 'x'", &[], "agents.mine.prompt is missing"),
            ("[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'file'", &[], "the prompt goes nowhere"),
            (
                "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\nargs = ['{prompt}']",
                &[],
                "{prompt} in the arguments means nothing",
            ),
            (
                "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\nlines = { kind = 'type' }",
                &[],
                "result_kind",
            ),
            (
                "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\n\
                 lines = { kind = 'type', result_kind = 'end' }",
                &[],
                "finds no answer",
            ),
            (
                "[agents.mine]\nkind = 'command'\npath = 'x'\nprompt = 'stdin'\n\
                 session_files = [{ below = '../x', ending = '.db' }]",
                &[],
                "below the home",
            ),
            ("[git]\nallowed_hosts = ['https://github.com']", &[], "git.allowed_hosts: cannot use host"),
            ("[git]\ntrusted_hosts = ['a b']", &[], "git.trusted_hosts"),
            ("[agents.codex]\nkeys = ['X']", &[], "agents.codex.keys is for kind"),
            ("[step_agents]\ndeploy = 'claude'", &[], "there is no such step"),
            ("[step_agents]\nplan = 'cursor'", &[], "add a table [agents.cursor]"),
        ] {
            let error = load_with(file, variables, &[]).unwrap_err();
            assert!(error.contains(words), "{file} {variables:?}: {error}");
        }
    }
}
