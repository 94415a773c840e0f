//! `awo doctor`: what awo needs here, what was found, and the cure where something is missing.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{Effective, ForgeTokens, Probe, WallKind};
use awo_engine::ports::AgentHealth;
use awo_models::{Failure, Isolation, Network};
use awo_state::PostgresError;
use futures::future::join_all;
use serde_json::json;
use tokio::process::Command;

use crate::forge;
use crate::orders::print_json;
use crate::settings::{Backend, Settings};
use crate::terminal::text::wrap;
use crate::terminal::{Line, columns, inline, output};
use crate::wiring;

/// One line of the table.
struct Finding {
    thing: String,
    found: String,
    good: bool,
    cure: String,
}

pub(crate) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let known = wiring::walls(settings);
    let walls = known.effective(Isolation::Auto, Network::Auto).await;
    let mut findings = vec![git().await, keeper(settings).await, isolation(&walls)];
    for kind in WallKind::ALL {
        findings.push(kind_of_walls(kind, known.probe(kind).await));
    }
    findings.extend(walls.as_ref().ok().map(network));
    findings.extend(agents(settings).await?);
    findings.push(github(settings).await);
    findings.extend([
        permissions(settings, &walls),
        directory("data", &settings.data_dir, "--data-dir"),
        directory("spill", &settings.spill_dir(), "spill_dir (AWO_SPILL_DIR)"),
        directory("agents", &settings.agents_dir(), "agents_dir (AWO_AGENTS_DIR)"),
        server(settings),
    ]);
    if settings.state == Backend::Postgres {
        findings.push(database(settings).await);
    }
    let good = findings.iter().all(|finding| finding.good);
    if as_json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| json!({"thing": f.thing, "found": f.found, "good": f.good, "cure": f.cure}))
            .collect();
        print_json(&json!({"good": good, "findings": rows}));
    } else {
        table(&findings).iter().for_each(output::whole);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(crate::exit::FAILED) })
}

/// Columns of the names of things.
const THING: usize = 12;

/// A row for each finding: whether it is good, what it is about, what was found; below, the cure of what is not.
fn table(findings: &[Finding]) -> Vec<Line> {
    let room = columns().saturating_sub(THING + 5).max(THING);
    let mut lines = Vec::new();
    for finding in findings {
        let mark = if finding.good { Line::new().plain("  ").good("✔") } else { Line::new().plain("  ").bad("✘") };
        let begin = mark.plain(format!(" {:<THING$} ", finding.thing));
        let indent = Line::new().plain(" ".repeat(THING + 5));
        let found = wrap(&inline(&finding.found), room);
        let first = std::iter::once(begin).chain(std::iter::repeat(indent.clone()));
        lines.extend(first.zip(found).map(|(line, found)| line.plain(found)));
        lines.extend(wrap(&inline(&finding.cure), room).into_iter().map(|cure| indent.clone().plain(cure)));
    }
    let bad: Vec<_> = findings.iter().filter(|finding| !finding.good).map(|finding| finding.thing.as_str()).collect();
    lines.push(Line::new());
    lines.push(match bad.as_slice() {
        [] => Line::new().plain("  nothing is missing"),
        bad => Line::new().bad("  to be mended: ").plain(bad.join(", ")),
    });
    lines
}

async fn git() -> Finding {
    let version = version_of(Path::new("git")).await;
    let good = version.as_deref().is_some_and(|text| {
        let mut numbers = text.trim_start_matches("git version ").split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (2, 30)
    });
    let cure = if good { String::new() } else { "install git 2.30 or newer".into() };
    Finding { thing: "git".to_owned(), found: version.unwrap_or_else(|| "not found".into()), good, cure }
}

/// What sees to it that nothing outlives its step, or this program.
async fn keeper(settings: &Settings) -> Finding {
    let thing = "keeper".to_owned();
    let Some(keeper) = &settings.keeper else {
        let found = "this system has none: what an agent starts in a session of its own can outlive it".into();
        return Finding { thing, found, good: true, cure: String::new() };
    };
    match keeper.check().await {
        Ok(()) => {
            let found = "whatever an agent starts ends with its step, or with awo".into();
            Finding { thing, found, good: true, cure: String::new() }
        }
        Err(error) => {
            let found = format!("cannot be started: {error}");
            let cure = format!("awo must be able to run {} again", keeper.program().display());
            Finding { thing, found, good: false, cure }
        }
    }
}

/// Looks at all agents at once. Only those that orders use without naming them must be usable.
async fn agents(settings: &Settings) -> anyhow::Result<Vec<Finding>> {
    let needed = settings.used_agents();
    let agents = wiring::agents_to_look_at(settings)?;
    let looks =
        agents.iter().map(async |(name, agent)| finding(name, &agent.probe().await, needed.contains(name.as_str())));
    Ok(join_all(looks).await)
}

fn finding(name: &str, health: &AgentHealth, needed: bool) -> Finding {
    let program = health.program.as_deref().unwrap_or("not found");
    let mut found = match &health.version {
        Some(version) => format!("{version} at {program}"),
        None => program.to_owned(),
    };
    if let (Some(problem), Some(_)) = (&health.problem, &health.program) {
        found = format!("{found}: {problem}");
    }
    let good = health.is_usable() || !needed;
    let cure = if good { None } else { health.cure.clone() };
    Finding { thing: name.to_owned(), found, good, cure: cure.unwrap_or_default() }
}

/// Not needed: without a token, work ends as a pushed branch.
async fn github(settings: &Settings) -> Finding {
    let thing = "github".to_owned();
    let tokens = forge::tokens(settings);
    let (host, interface) = (tokens.host(), settings.github.api_url());
    if let Err(error) = forge::github(settings, Arc::clone(&tokens)) {
        return Finding { thing, found: host, good: false, cure: format!("{error:#}; mend github.api_url") };
    }
    let (found, cure) = match tokens.find().await {
        Some(found) => (format!("token from {}", found.origin), String::new()),
        None => {
            ("no token: branches are pushed, no pull request is opened".into(), format!("set {}", ForgeTokens::PLACES))
        }
    };
    Finding { thing, found: format!("{host} ({interface}): {found}"), good: true, cure }
}

/// The walls that orders get which leave it to awo.
fn isolation(walls: &Result<Effective, Failure>) -> Finding {
    let thing = "isolation".to_owned();
    let (found, good) = match walls {
        Ok(Effective { isolation: Isolation::None, why, .. }) => {
            // A choice, or a machine that has no better; each order says so.
            (format!("none: {}", why.as_deref().unwrap_or("nobody knows why")), true)
        }
        Ok(Effective { isolation, .. }) => {
            (format!("{}: agents have the system, their checkout and a home of their own", isolation.as_str()), true)
        }
        Err(failure) => (failure.message.to_string(), false),
    };
    let cure = if good { "" } else { "or set walls.required (AWO_ISOLATION_REQUIRED) to false" };
    Finding { thing, found, good, cure: cure.to_owned() }
}

/// Whether walls of a kind work here. None has to, unless a setting says so, which [`isolation`] tells of.
fn kind_of_walls(kind: WallKind, probe: &Probe) -> Finding {
    let (found, cure) = match &probe.found {
        Ok(found) => (format!("works: {found}"), String::new()),
        Err(reason) => (format!("does not work: {reason}"), probe.cure.to_owned()),
    };
    Finding { thing: kind.as_str().to_owned(), found, good: true, cure }
}

/// What orders get of the network that leave it to awo.
fn network(walls: &Effective) -> Finding {
    let what = match walls.network {
        Network::Proxy => "agents reach the hosts of their services, and what network.allowed_hosts names",
        Network::Off => "agents reach nothing",
        _ => "agents reach all that this machine reaches",
    };
    let why = walls.network_why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let found = format!("{}: {what}{why}", walls.network.as_str());
    Finding { thing: "network".to_owned(), found, good: true, cure: String::new() }
}

fn permissions(settings: &Settings, walls: &Result<Effective, Failure>) -> Finding {
    let walled = matches!(walls, Ok(Effective { isolation, .. }) if *isolation != Isolation::None);
    let hindrance = settings
        .used_agents()
        .into_iter()
        .find_map(|agent| Some((agent, settings.hindrance(agent).filter(|_| !walled)?)));
    let (found, cure) = match hindrance {
        None => ("agents may use their tools".to_owned(), String::new()),
        Some((agent, hindrance)) => {
            let setting = match agent {
                "claude" => "CLAUDE_CLI_SKIP_PERMISSIONS=true".to_owned(),
                agent => format!("agents.{agent}.skip_permissions"),
            };
            let cure = format!("--skip-permissions, or {setting} (docs/security.md says what that means)");
            (format!("{agent}: {hindrance}"), cure)
        }
    };
    Finding { thing: "permissions".to_owned(), found, good: cure.is_empty(), cure }
}

/// Tries a directory, or the nearest one above it that exists; makes nothing.
fn directory(thing: &str, dir: &Path, setting: &str) -> Finding {
    let there = dir.ancestors().find(|above| above.is_dir()).unwrap_or(dir);
    let cure = match tempfile::tempfile_in(there) {
        Ok(_) => String::new(),
        Err(error) => format!("cannot write below {}: {error}; give another with {setting}", there.display()),
    };
    Finding { thing: thing.to_owned(), found: dir.display().to_string(), good: cure.is_empty(), cure }
}

/// Looks at the database, and at its schema.
async fn database(settings: &Settings) -> Finding {
    let thing = "database".to_owned();
    let looked = async {
        let database = wiring::connect(settings).await?;
        let schema = database.schema().to_owned();
        match database.check().await {
            Ok(version) => Ok(format!("answers; the schema {schema} is at version {version}")),
            Err(PostgresError::Behind { found, needed, .. }) if settings.database.migrates_at_start() => Ok(format!(
                "answers; the schema {schema} is at version {found}, and the next start takes it to {needed}"
            )),
            Err(error) => Err(wiring::told(error)),
        }
    };
    match looked.await {
        Ok(found) => Finding { thing, found, good: true, cure: String::new() },
        Err(error) => Finding { thing, found: "cannot be used".into(), good: false, cure: format!("{error:#}") },
    }
}

fn server(settings: &Settings) -> Finding {
    let found = match wiring::holder(settings) {
        Ok(Some(holder)) => holder.to_string(),
        Ok(None) => "none has the data directory".into(),
        Err(error) => format!("{error:#}"),
    };
    Finding { thing: "server".to_owned(), found, good: true, cure: String::new() }
}

/// The first line that a program prints for `--version`, within five seconds and without our secrets.
async fn version_of(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for name in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let output = tokio::time::timeout(Duration::from_secs(5), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or("").trim().to_owned()).filter(|line| !line.is_empty())
}
