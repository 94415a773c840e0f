//! Puts the parts together: the one place where backends, agents and adapters are named.

mod predecessor;
mod recipients;
mod stores;

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use awo_adapters::{
    AgentDriver, Author, Checkpoints, Claude, Codex, Gemini, GitSandboxes, OpenCode, ProcessTracker, Processes,
    ProgramAgent, ProgramConfig, PromptFiles, Redirect, Redirects, ScriptedAgent, SpillFiles, WallSettings, Walls,
    WorkspaceSettings, agent_environment,
};
use awo_engine::ports::AgentExecutor;
use awo_engine::{Leases, Orchestrator, OrchestratorBuilder, RetentionPolicy};
use awo_state::{FileArtifacts, FileCatalog, FileRepository, Holder, OpenError};
use tracing::{info, warn};

use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};
use crate::forge;
use crate::settings::{Backend, Kept, Kind, SCRIPTED, Settings, kind_of};
pub(crate) use recipients::recipients;
pub(crate) use stores::{Stores, access, connect, open_for_import, read_only, told};

/// Variables that git on the host is given: the operator's credentials and ways to the network.
const GIT_VARIABLES: [&str; 16] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "USER",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "TZ",
];

/// What a process that runs orders holds: the data directory as its only writer, and what is stored, there or elsewhere.
#[derive(Debug)]
pub(crate) struct Store {
    /// Keeps the directory locked, also when the orders are elsewhere; tells others where the server is.
    pub(crate) lock: FileRepository,
    pub(crate) stores: Stores,
}

/// Opens the data directory for writing.
pub(crate) async fn open_store(settings: &Settings, holder: &str) -> anyhow::Result<Store> {
    let lock = open_files(settings, holder)?;
    // Alone with the directory: what an earlier life left running ends before its files go.
    match processes(settings).end_left_over().await {
        Ok(0) => {}
        Ok(ended) => info!(ended, "left_over_processes_ended"),
        Err(error) => warn!(%error, "left_over_processes_not_ended"),
    }
    clear_agents(settings);
    sweep(settings);
    let stores = match settings.state {
        Backend::File => Stores::files(settings, lock.clone()),
        Backend::Memory => Stores::memory(settings),
        Backend::Postgres => stores::shared(settings).await?,
    };
    if let Some(leases) = &stores.leases {
        predecessor::succeed(&settings.data_dir, &**leases).await;
    }
    Ok(Store { lock, stores })
}

/// Opens the orders of the data directory as their only writer.
pub(crate) fn open_files(settings: &Settings, holder: &str) -> anyhow::Result<FileRepository> {
    let options = settings.file.options().map_err(|reason| coded(BAD_INPUT, reason))?;
    FileRepository::open_with(&settings.data_dir, holder, options).map_err(|error| {
        let code = if matches!(error, OpenError::Locked { .. }) { UNAVAILABLE } else { BAD_INPUT };
        coded(code, format!("{:#}", anyhow::Error::new(error)))
    })
}

/// The processes of the data directory.
fn processes(settings: &Settings) -> Processes {
    Processes::of(&settings.data_dir, settings.keeper.clone())
}

/// The walls around what runs for orders.
pub(crate) fn walls(settings: &Settings) -> Arc<Walls> {
    let mut walls = WallSettings::new(settings.keeper.clone());
    if let Some(path) = std::env::var_os("PATH") {
        walls.search_path = path;
    }
    walls.preferred = settings.walls.isolation.0;
    walls.required = settings.walls.required;
    walls.preferred_network = settings.network.default.0;
    walls.no_way_out = proxy_of_the_machine();
    walls.readable.clone_from(&settings.walls.readable);
    walls.trusted.clone_from(&settings.walls.trusted_repositories);
    walls.limits = settings.walls.limits();
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    walls.own = vec![settings.data_dir.clone(), settings.agents_dir(), settings.workspaces_dir()];
    walls.hidden = walls.own.iter().cloned().chain([settings.spill_dir()]).chain(home).collect();
    Arc::new(Walls::new(walls))
}

/// Why awo's own proxy would lead nowhere, if this machine reaches the internet by another: awo's dials by itself.
fn proxy_of_the_machine() -> Option<Arc<str>> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let set = names.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    Some(format!("this machine has a proxy of its own ({set}), which awo's does not go through").into())
}

/// Removes what executions of an earlier life left: homes with copies of logins, unfinished transcripts.
fn clear_agents(settings: &Settings) {
    // Only what is made there, and not the sessions: the directory may be one that holds more.
    let any = program_config(settings, "claude", &Claude);
    for dir in [any.files_dir, any.home_dir] {
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                warn!(dir = %dir.display(), %error, "agent_files_not_removed");
            }
            _ => {}
        }
    }
}

/// Removes files whose writing was cut in an earlier life.
fn sweep(settings: &Settings) {
    let artifacts = FileArtifacts::new(&settings.data_dir).sweep();
    let catalog = FileCatalog::new(&settings.data_dir).sweep();
    let spills = SpillFiles::new(settings.spill_dir()).sweep();
    match artifacts.and_then(|artifacts| Ok(artifacts + catalog? + spills?)) {
        Ok(0) => {}
        Ok(removed) => info!(removed, "cut_files_removed"),
        Err(error) => warn!(%error, "cut_files_not_removed"),
    }
}

/// Who writes the data directory now.
pub(crate) fn holder(settings: &Settings) -> anyhow::Result<Option<Holder>> {
    FileRepository::holder(&settings.data_dir).map_err(|error| {
        let dir = settings.data_dir.display();
        coded(BAD_INPUT, format!("cannot use the data directory {dir}: {error}; give another with --data-dir"))
    })
}

/// An orchestrator that is only asked: it runs no orders and tells nobody, and sees the workers that share them.
pub(crate) fn asked_orchestrator(settings: &Settings, stores: Stores) -> anyhow::Result<Orchestrator> {
    let leases = stores.leases.clone();
    let builder = builder(settings, stores, engine_settings(settings)?)?;
    Ok(sharing(settings, builder, leases)?.build())
}

/// The same builder, with what deals orders out to workers, if there are any.
fn sharing(
    settings: &Settings,
    builder: OrchestratorBuilder,
    leases: Option<Arc<dyn Leases>>,
) -> anyhow::Result<OrchestratorBuilder> {
    let Some(leases) = leases else { return Ok(builder) };
    let terms = settings.workers.terms(&host()).map_err(|reason| coded(BAD_INPUT, reason))?;
    Ok(builder.with_leases(leases, terms))
}

/// An orchestrator that runs orders, and tells those who are told of them.
pub(crate) fn orchestrator(settings: &Settings, stores: Stores) -> anyhow::Result<Orchestrator> {
    let (changes, leases) = (stores.changes.clone(), stores.leases.clone());
    let engine = engine_settings(settings)?;
    let worker = Arc::clone(&engine.worker);
    let builder = sharing(settings, builder(settings, stores, engine)?, leases.clone())?;
    if leases.is_some() {
        predecessor::sign(&settings.data_dir, &worker);
    }
    let builder = recipients(settings)?.into_iter().fold(builder, OrchestratorBuilder::with_recipient);
    Ok(changes.into_iter().fold(builder, OrchestratorBuilder::with_changes).build())
}

/// An orchestrator that runs no orders and tells nobody: whatever hinders telling is no matter to it.
pub(crate) fn quiet_orchestrator(settings: &Settings, stores: Stores) -> anyhow::Result<Orchestrator> {
    Ok(builder(settings, stores, engine_settings(settings)?)?.build())
}

fn builder(settings: &Settings, stores: Stores, engine: awo_engine::Settings) -> anyhow::Result<OrchestratorBuilder> {
    let prompts = PromptFiles::new(settings.commands_dir.clone())
        .map_err(|error| coded(BAD_INPUT, format!("{:#}", anyhow::Error::new(error))))?;
    let processes = Arc::new(processes(settings));
    let author = Author { name: settings.git.author_name.clone(), email: settings.git.author_email.clone() };
    // Beside the journals, wherever the checkouts are: they may lie in a temporary directory.
    let mirrors = settings.data_dir.join("mirrors");
    let mut workspaces = WorkspaceSettings::new(settings.workspaces_dir(), mirrors, Arc::clone(&processes), author);
    let walls = walls(settings);
    workspaces.walls = Arc::clone(&walls);
    workspaces.min_free_bytes = settings.min_free_bytes;
    workspaces.depth = settings.git.depth;
    workspaces.checkpoints = match settings.checkpoints {
        Kept::Local => Checkpoints::Local,
        Kept::Remote => Checkpoints::Remote,
    };
    // Where only loopback is served, whoever asks can read this machine's files anyway.
    workspaces.policy.allow_local = settings.git.allow_local.unwrap_or(!settings.asks_for_keys());
    let hosts = settings.git.hosts(&settings.github).map_err(|reason| coded(BAD_INPUT, reason))?;
    workspaces.policy.hosts = hosts.allowed;
    workspaces.policy.trusted_hosts = hosts.trusted;
    let redirects = settings.git.redirect.iter().map(|r| Redirect { from: r.from.clone(), to: r.to.clone() });
    workspaces.redirects = Redirects::new(redirects.collect());
    workspaces.host_environment =
        GIT_VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect();
    if let Some(path) = std::env::var_os("PATH") {
        workspaces.search_path = path;
    }
    let tokens = forge::tokens(settings);
    workspaces.tokens = Some(Arc::clone(&tokens));
    let builder = OrchestratorBuilder::new(
        stores.repository,
        stores.artifacts,
        Arc::new(GitSandboxes::new(workspaces)),
        Arc::new(forge::github(settings, tokens)?),
        Arc::new(prompts),
    );
    let builder = builder.with_log(stores.log).with_catalog(stores.catalog);
    let builder = match settings.state {
        Backend::File | Backend::Postgres => builder.with_spill(Arc::new(SpillFiles::new(settings.spill_dir()))),
        // Nothing outlives this process anyway.
        Backend::Memory => builder,
    };
    let builder = match stores.told {
        Some(told) => builder.with_told(told),
        None => builder,
    };
    let agents = agents(settings, &processes, &walls)?;
    if !agents.iter().any(|(name, _)| *name == settings.agent) {
        let names: Vec<_> = agents.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!("{:?} is not an agent; there are {}", settings.agent, names.join(", "));
        return Err(coded(BAD_INPUT, message));
    }
    let builder = agents.into_iter().fold(builder, |builder, (name, agent)| builder.with_agent(&name, agent));
    Ok(builder.with_settings(engine))
}

/// All agents, by name.
fn agents(
    settings: &Settings,
    processes: &Arc<Processes>,
    walls: &Arc<Walls>,
) -> anyhow::Result<Vec<(String, Arc<dyn AgentExecutor>)>> {
    let executor = |name: &str| -> anyhow::Result<Arc<dyn AgentExecutor>> {
        if name == SCRIPTED {
            return Ok(Arc::new(ScriptedAgent::demo()));
        }
        let tracker: Arc<dyn ProcessTracker> = Arc::<Processes>::clone(processes);
        Ok(Arc::new(program_agent(settings, name, tracker)?.with_walls(Arc::clone(walls))))
    };
    settings.agent_names().into_iter().map(|name| Ok((name.to_owned(), executor(name)?))).collect()
}

/// An agent that is a program.
fn program_agent(settings: &Settings, name: &str, tracker: Arc<dyn ProcessTracker>) -> anyhow::Result<ProgramAgent> {
    let driver = driver(settings, name)?;
    let config = program_config(settings, name, &*driver);
    Ok(ProgramAgent::new(driver, config, tracker))
}

fn driver(settings: &Settings, name: &str) -> anyhow::Result<Arc<dyn AgentDriver>> {
    let refused = |reason| coded(BAD_INPUT, reason);
    Ok(match kind_of(name, settings.agents.get(name)).map_err(refused)? {
        Kind::Claude => Arc::new(Claude),
        Kind::Codex => Arc::new(Codex),
        Kind::Gemini => Arc::new(Gemini),
        Kind::OpenCode => Arc::new(OpenCode),
        Kind::Command => Arc::new(settings.agent(name).command(name).map_err(refused)?),
    })
}

/// How a program is run.
pub(crate) fn program_config(settings: &Settings, name: &str, driver: &dyn AgentDriver) -> ProgramConfig {
    let agent = settings.agent(name);
    let facts = driver.facts();
    let mut config = ProgramConfig::new(name, &settings.agents_dir());
    config.program = agent.path.unwrap_or_else(|| facts.name.into());
    config.program_setting = match name {
        "claude" => "CLAUDE_CLI_PATH".to_owned(),
        "codex" => "AWO_CODEX_PATH".to_owned(),
        "gemini" => "AWO_GEMINI_PATH".to_owned(),
        "opencode" => "AWO_OPENCODE_PATH".to_owned(),
        _ => format!("agents.{name}.path"),
    };
    config.model = agent.model;
    config.max_turns = agent.max_turns;
    config.skip_permissions = agent.skip_permissions;
    // Those of a described program are its driver's.
    if agent.kind != Some(Kind::Command) {
        config.more_arguments = agent.args.into_iter().map(Into::into).collect();
    }
    config.passed_env = agent_environment(driver, &agent.env, |name| std::env::var_os(name));
    config.allowed_hosts = settings.network.hosts(&agent.hosts);
    config.credentials_from = std::env::var_os("HOME").map(Into::into);
    config.silence = settings.silence_timeout();
    config
}

/// All agents, for a look at them.
pub(crate) fn agents_to_look_at(settings: &Settings) -> anyhow::Result<Vec<(String, Arc<dyn AgentExecutor>)>> {
    agents(settings, &Arc::new(processes(settings)), &walls(settings))
}

/// The artifacts of the data directory.
pub(crate) fn artifacts(settings: &Settings) -> FileArtifacts {
    FileArtifacts::new(&settings.data_dir)
}

/// The name of this worker. Where several share the orders no other one has or had it: the numbers of processes come again.
fn worker_name(state: Backend) -> String {
    let process = std::process::id();
    if state == Backend::Postgres {
        let chance = RandomState::new().hash_one(process);
        format!("{}-{process}-{:08x}", host(), chance & 0xffff_ffff)
    } else {
        format!("awo-{process}")
    }
}

/// The name of this machine.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

fn engine_settings(settings: &Settings) -> anyhow::Result<awo_engine::Settings> {
    let retention = match settings.state {
        Backend::File | Backend::Postgres => settings.retention.policy().map_err(|reason| coded(BAD_INPUT, reason))?,
        // What lies in the data directory belongs to orders in files, which are not looked at now.
        Backend::Memory => RetentionPolicy::default(),
    };
    Ok(awo_engine::Settings {
        worker: worker_name(settings.state).into(),
        default_agent: Some(settings.agent.clone()),
        step_agents: settings.step_agents.clone(),
        max_running: settings.max_running,
        max_queued: settings.max_queued,
        step_timeout: settings.step_timeout(),
        retry: settings.steps.retry().map_err(|reason| coded(BAD_INPUT, reason))?,
        attempts: settings.steps.attempts().map_err(|reason| coded(BAD_INPUT, reason))?,
        waiting: settings.waiting.policy(),
        slow: settings.slow.policy().map_err(|reason| coded(BAD_INPUT, reason))?,
        keep_workspaces: settings.keep_workspaces,
        retention,
        retention_pause: settings.retention.pause().map_err(|reason| coded(BAD_INPUT, reason))?,
        hold_ci_changes: settings.hold_ci_changes,
        give_up_notices_after: settings.notify.give_up_after(),
        ..awo_engine::Settings::default()
    })
}

/// Where the program of an agent is, if it is one and is there. Starts nothing.
pub(crate) fn find_agent(settings: &Settings, name: &str) -> Option<PathBuf> {
    let config = program_config(settings, name, &*driver(settings, name).ok()?);
    awo_adapters::find_program(&config.program, std::env::var_os("PATH").as_deref())
}

/// The routes of the API over an orchestrator, for requests from this process: they name `localhost:1`.
pub(crate) fn router(settings: &Settings, orchestrator: &Orchestrator) -> axum::Router {
    awo_http::router(api(settings, orchestrator).with_port(1))
}

/// What the API serves.
pub(crate) fn api(settings: &Settings, orchestrator: &Orchestrator) -> awo_http::Api {
    awo_http::Api::new(orchestrator.work_orders(), env!("CARGO_PKG_VERSION")).with_lenient(settings.lenient)
}
