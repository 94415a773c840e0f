//! `awo workspace`: the checkouts that agents worked in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use awo_engine::{KeptWorkspace, Loss};
use awo_models::AgentWorkOrderStatus;
use serde_json::{Value, json};

use super::state::size;
use crate::cli::{WorkspaceCommand, WorkspaceGc};
use crate::exit::{FAILED, NOT_FOUND, UNAVAILABLE, coded};
use crate::ids::IdEnd;
use crate::orders::print_json;
use crate::render::counted;
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring;

/// Settings that keep git, which many shells start for their prompt, from starting programs that an agent named. Filters and
/// drivers cannot be turned off.
const CALM_GIT: [(&str, &str); 5] = [
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_0", "false"),
    ("GIT_CONFIG_KEY_1", "core.hooksPath"),
    ("GIT_CONFIG_VALUE_1", "/dev/null"),
];

pub(super) async fn run(settings: &Settings, command: &WorkspaceCommand, as_json: bool) -> anyhow::Result<ExitCode> {
    if let WorkspaceCommand::Gc(gc) = command {
        return clear(settings, gc, as_json).await;
    }
    let found = all(settings).await?;
    match command {
        WorkspaceCommand::List => list(&found, as_json),
        WorkspaceCommand::Path(one) => {
            let (workspace, directory) = whole(&found, &one.id)?;
            if as_json {
                print_json(&json!({"order": workspace.order, "path": directory}));
            } else {
                say!("{}", inline(&directory.display().to_string()));
            }
        }
        WorkspaceCommand::Open(one) => return open(whole(&found, &one.id)?).await,
        WorkspaceCommand::Gc(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The checkouts as they are on disk, also beside a server.
async fn all(settings: &Settings) -> anyhow::Result<Vec<KeptWorkspace>> {
    let orchestrator = wiring::quiet_orchestrator(settings, wiring::read_only(settings).await?)?;
    orchestrator.workspaces().await.map_err(|failure| coded(FAILED, failure.message.to_string()))
}

/// The one whose order has this id, or a unique end of it.
fn one<'f>(found: &'f [KeptWorkspace], text: &str) -> anyhow::Result<&'f KeptWorkspace> {
    let end = IdEnd::read(text)?;
    let fitting = found.iter().filter(|workspace| end.fits(&workspace.order.to_string()));
    end.only(fitting, " that has a checkout; `awo workspace list` shows those there are")
}

fn whole<'f>(found: &'f [KeptWorkspace], text: &str) -> anyhow::Result<(&'f KeptWorkspace, &'f PathBuf)> {
    let workspace = one(found, text)?;
    let broken =
        || coded(NOT_FOUND, format!("the checkout of {} is not whole; a retry makes it anew", workspace.order));
    Ok((workspace, workspace.directory.as_ref().ok_or_else(broken)?))
}

fn list(found: &[KeptWorkspace], as_json: bool) {
    if as_json {
        print_json(&found.iter().map(as_value).collect());
        return;
    }
    for workspace in found {
        say!("{}", line(workspace));
    }
    let bytes = found.iter().map(|workspace| workspace.bytes).fold(0, u64::saturating_add);
    say!("{}: {}", counted(found.len() as u64, "checkout"), size(bytes));
}

fn as_value(workspace: &KeptWorkspace) -> Value {
    let (loss, files) = match workspace.loss {
        Loss::Nothing => ("nothing", None),
        Loss::Work { files } => ("work", Some(files)),
        Loss::Unknown => ("unknown", None),
        Loss::InUse => ("in_use", None),
        Loss::Damaged => ("damaged", None),
    };
    json!({
        "order": workspace.order,
        "status": workspace.status.map(AgentWorkOrderStatus::as_str),
        "path": workspace.directory,
        "bytes": workspace.bytes,
        "loss": loss,
        "files": files,
    })
}

fn line(workspace: &KeptWorkspace) -> String {
    let status = workspace.status.map_or("–", AgentWorkOrderStatus::as_str);
    let loss = match workspace.loss {
        Loss::Nothing => "may go: nothing would be lost".to_owned(),
        Loss::Work { files: 0 } => "has changes that are nowhere else".to_owned(),
        Loss::Work { files } => format!("has changes that are nowhere else, in {}", counted(files, "file")),
        Loss::Unknown => "belongs to an order that is not there".to_owned(),
        Loss::InUse => "is needed: its order has not ended".to_owned(),
        Loss::Damaged => "stays: the record of its order is damaged".to_owned(),
    };
    format!("  {}  {status:<9}  {:>10}  {loss}", workspace.order, size(workspace.bytes))
}

/// Starts a shell where an agent worked.
async fn open((workspace, directory): (&KeptWorkspace, &PathBuf)) -> anyhow::Result<ExitCode> {
    let shell = std::env::var_os("SHELL").filter(|shell| Path::new(shell).is_absolute());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    if workspace.loss == Loss::InUse {
        note!("awo: the order has not ended; what you change here gets into its work, or is undone");
    }
    note!("awo: an agent worked here, and may have left what git, editors or builds execute");
    let status = tokio::process::Command::new(&shell)
        .current_dir(directory)
        .envs(CALM_GIT)
        .status()
        .await
        .with_context(|| format!("cannot start {}", shell.display()))?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(FAILED)))
}

async fn clear(settings: &Settings, gc: &WorkspaceGc, as_json: bool) -> anyhow::Result<ExitCode> {
    if gc.dry_run {
        let found = chosen(all(settings).await?, &gc.ids)?;
        let (go, stay): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|workspace| workspace.loss.allows_removal(gc.force));
        tell(&go, &stay, gc, as_json);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(holder) = wiring::holder(settings)? {
        let message = format!("{holder} has the data directory; stop it to remove checkouts, or use --dry-run");
        return Err(coded(UNAVAILABLE, message));
    }
    let store = wiring::open_store(settings, "awo workspace gc").await?;
    let orchestrator = wiring::quiet_orchestrator(settings, store.stores.clone())?;
    let found = orchestrator.workspaces().await.map_err(|failure| coded(FAILED, failure.message.to_string()))?;
    let (mut gone, mut stay, mut failed) = (Vec::new(), Vec::new(), false);
    for workspace in chosen(found, &gc.ids)? {
        if !workspace.loss.allows_removal(gc.force) {
            stay.push(workspace);
        } else if orchestrator.clear_workspace(workspace.order, gc.force).await {
            gone.push(workspace);
        } else {
            failed = true;
            stay.push(workspace);
        }
    }
    tell(&gone, &stay, gc, as_json);
    if failed {
        note!("awo: not all that should go could be removed; --log-level warn says what");
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Those that were named; all, if none was.
fn chosen(found: Vec<KeptWorkspace>, ids: &[String]) -> anyhow::Result<Vec<KeptWorkspace>> {
    if ids.is_empty() {
        return Ok(found);
    }
    let mut named = ids.iter().map(|id| one(&found, id).cloned()).collect::<anyhow::Result<Vec<_>>>()?;
    named.sort_unstable_by_key(|workspace| workspace.order);
    named.dedup();
    Ok(named)
}

fn tell(gone: &[KeptWorkspace], stay: &[KeptWorkspace], gc: &WorkspaceGc, as_json: bool) {
    let bytes = gone.iter().map(|workspace| workspace.bytes).fold(0, u64::saturating_add);
    if as_json {
        let values = |some: &[KeptWorkspace]| some.iter().map(as_value).collect::<Value>();
        print_json(&json!({"dry_run": gc.dry_run, "removed": values(gone), "kept": values(stay), "bytes": bytes}));
        return;
    }
    let done = if gc.dry_run { "would be removed" } else { "removed" };
    for workspace in gone {
        say!("{}: {done}", line(workspace));
    }
    for workspace in stay {
        say!("{}", line(workspace));
    }
    say!("{} {done}: {}", counted(gone.len() as u64, "checkout"), size(bytes));
    if stay.iter().any(|workspace| workspace.loss.allows_removal(true)) {
        say!("what is nowhere else stays; `awo diff ID` shows it, --force removes it");
    }
}
