//! Puts the parts together: the one place where backends, agents and adapters are named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awo_adapters::{
    Author, ClaudeConfig, ClaudeExecutor, GitSandboxes, ProcessRecords, PromptFiles, Redirect, Redirects,
    ScriptedAgent, SpillFiles, WorkspaceSettings, claude_environment,
};
use awo_engine::{ArtifactStore, Orchestrator, OrchestratorBuilder, RetentionPolicy, StateRepository};
use awo_state::{
    FileArtifacts, FileCatalog, FileOrderLog, FileRepository, Holder, InMemory, InMemoryOrderLog, OpenError,
};
use tracing::{info, warn};

use crate::exit::{BAD_INPUT, UNAVAILABLE, coded};
use crate::forge;
use crate::settings::{Backend, Settings};

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

/// What a process that runs orders holds: the data directory as its only writer, and the repository in it.
#[derive(Debug)]
pub(crate) struct Store {
    /// Keeps the directory locked, also when the orders are in memory; tells others where the server is.
    pub(crate) lock: FileRepository,
    pub(crate) repository: Arc<dyn StateRepository>,
}

/// Opens the data directory for writing.
pub(crate) async fn open_store(settings: &Settings, holder: &str) -> anyhow::Result<Store> {
    let lock = open_files(settings, holder)?;
    // Alone with the directory: what an earlier life left running ends before its files go.
    match process_records(settings).end_left_over().await {
        Ok(0) => {}
        Ok(ended) => info!(ended, "left_over_processes_ended"),
        Err(error) => warn!(%error, "left_over_processes_not_ended"),
    }
    clear_agents(settings);
    sweep(settings);
    let repository: Arc<dyn StateRepository> = match settings.state {
        Backend::File => Arc::new(lock.clone()),
        Backend::Memory => Arc::new(InMemory::default()),
    };
    Ok(Store { lock, repository })
}

/// Opens the orders of the data directory as their only writer.
pub(crate) fn open_files(settings: &Settings, holder: &str) -> anyhow::Result<FileRepository> {
    let options = settings.file.options().map_err(|reason| coded(BAD_INPUT, reason))?;
    FileRepository::open_with(&settings.data_dir, holder, options).map_err(|error| {
        let code = if matches!(error, OpenError::Locked { .. }) { UNAVAILABLE } else { BAD_INPUT };
        coded(code, format!("{:#}", anyhow::Error::new(error)))
    })
}

fn process_records(settings: &Settings) -> ProcessRecords {
    ProcessRecords::new(settings.data_dir.join("processes"))
}

/// Removes what executions of an earlier life left: homes with copies of logins, unfinished transcripts.
fn clear_agents(settings: &Settings) {
    // Only what is made there: the directory may be one that holds more.
    let claude = claude(settings);
    for dir in [claude.files_dir, claude.home_dir] {
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

/// The orders of the data directory, for reading, also while another process writes them.
pub(crate) fn read_only(settings: &Settings) -> anyhow::Result<Arc<dyn StateRepository>> {
    if !settings.data_dir.join("orders").is_dir() {
        return Ok(Arc::new(InMemory::default())); // nothing was ever kept here
    }
    let repository = FileRepository::open_read_only(&settings.data_dir)
        .map_err(|error| coded(UNAVAILABLE, format!("{:#}", anyhow::Error::new(error))))?;
    Ok(Arc::new(repository))
}

/// Who writes the data directory now.
pub(crate) fn holder(settings: &Settings) -> anyhow::Result<Option<Holder>> {
    FileRepository::holder(&settings.data_dir).map_err(|error| {
        let dir = settings.data_dir.display();
        coded(BAD_INPUT, format!("cannot use the data directory {dir}: {error}; give another with --data-dir"))
    })
}

/// An orchestrator over a repository.
pub(crate) fn orchestrator(settings: &Settings, repository: Arc<dyn StateRepository>) -> anyhow::Result<Orchestrator> {
    let prompts = PromptFiles::new(settings.commands_dir.clone())
        .map_err(|error| coded(BAD_INPUT, format!("{:#}", anyhow::Error::new(error))))?;
    let records = Arc::new(process_records(settings));
    let author = Author { name: settings.git.author_name.clone(), email: settings.git.author_email.clone() };
    // Beside the journals, wherever the checkouts are: they may lie in a temporary directory.
    let mirrors = settings.data_dir.join("mirrors");
    let mut workspaces = WorkspaceSettings::new(settings.workspaces_dir(), mirrors, Arc::clone(&records), author);
    // Only loopback is served, so whoever asks can read this machine's files anyway.
    workspaces.policy.allow_local = true;
    let redirects = settings.git.redirect.iter().map(|r| Redirect { from: r.from.clone(), to: r.to.clone() });
    workspaces.redirects = Redirects::new(redirects.collect());
    workspaces.host_environment =
        GIT_VARIABLES.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect();
    if let Some(path) = std::env::var_os("PATH") {
        workspaces.search_path = path;
    }
    let tokens = forge::tokens(settings);
    workspaces.tokens = Some(Arc::clone(&tokens));
    let artifacts: Arc<dyn ArtifactStore> = Arc::new(artifacts(settings));
    let builder = OrchestratorBuilder::new(
        repository,
        artifacts,
        Arc::new(GitSandboxes::new(workspaces)),
        Arc::new(forge::github(settings, tokens)?),
        Arc::new(prompts),
    );
    let builder = match settings.state {
        Backend::File => builder
            .with_log(Arc::new(FileOrderLog::new(&settings.data_dir)))
            .with_spill(Arc::new(SpillFiles::new(settings.spill_dir()))),
        // Nothing outlives this process anyway.
        Backend::Memory => builder.with_log(Arc::new(InMemoryOrderLog::default())),
    };
    let orchestrator = builder
        .with_agent("claude", Arc::new(ClaudeExecutor::new(claude(settings), records)))
        .with_agent("scripted", Arc::new(ScriptedAgent::demo()))
        .with_settings(engine_settings(settings)?)
        .build();
    let agents = orchestrator.work_orders().health().agents;
    if !agents.contains(&settings.agent) {
        let message = format!("{:?} is not an agent; there are {}", settings.agent, agents.join(", "));
        return Err(coded(BAD_INPUT, message));
    }
    Ok(orchestrator)
}

/// The artifacts of the data directory.
pub(crate) fn artifacts(settings: &Settings) -> FileArtifacts {
    FileArtifacts::new(&settings.data_dir)
}

fn engine_settings(settings: &Settings) -> anyhow::Result<awo_engine::Settings> {
    let retention = match settings.state {
        Backend::File => settings.retention.policy().map_err(|reason| coded(BAD_INPUT, reason))?,
        // What lies in the data directory belongs to orders in files, which are not looked at now.
        Backend::Memory => RetentionPolicy::default(),
    };
    Ok(awo_engine::Settings {
        worker: format!("awo-{}", std::process::id()).into(),
        default_agent: Some(settings.agent.clone()),
        max_running: settings.max_running,
        max_queued: settings.max_queued,
        step_timeout: settings.step_timeout(),
        keep_workspaces: settings.keep_workspaces,
        retention,
        hold_ci_changes: settings.hold_ci_changes,
        ..awo_engine::Settings::default()
    })
}

/// How `claude` is run.
pub(crate) fn claude(settings: &Settings) -> ClaudeConfig {
    let mut config = ClaudeConfig::new(&settings.agents_dir());
    if let Some(path) = &settings.claude.path {
        config.program.clone_from(path);
    }
    config.model.clone_from(&settings.claude.model);
    config.max_turns = settings.claude.max_turns;
    config.skip_permissions = settings.claude.skip_permissions;
    config.passed_env = claude_environment(|name| std::env::var_os(name));
    config.credentials_from = std::env::var_os("HOME").map(Into::into);
    config.silence = settings.silence_timeout();
    config
}

/// Where `claude` is, if it is there.
pub(crate) fn find_claude(settings: &Settings) -> Option<PathBuf> {
    let program = settings.claude.path.as_deref().unwrap_or(Path::new("claude"));
    let search: Option<OsString> = std::env::var_os("PATH");
    awo_adapters::find_program(program, search.as_deref())
}

/// The routes of the API over an orchestrator, for requests from this process: they name `localhost:1`.
pub(crate) fn router(settings: &Settings, orchestrator: &Orchestrator) -> axum::Router {
    awo_http::router(api(settings, orchestrator).with_port(1))
}

/// What the API serves.
pub(crate) fn api(settings: &Settings, orchestrator: &Orchestrator) -> awo_http::Api {
    awo_http::Api::new(orchestrator.work_orders(), env!("CARGO_PKG_VERSION")).with_lenient(settings.lenient)
}
