//! `awo doctor`: what awo needs here, what was found, and the cure where something is missing.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use awo_adapters::ForgeTokens;
use serde_json::json;
use tokio::process::Command;

use crate::forge;
use crate::orders::print_json;
use crate::render::visible;
use crate::settings::Settings;
use crate::wiring;

/// One line of the table.
struct Finding {
    thing: &'static str,
    found: String,
    good: bool,
    cure: String,
}

pub(crate) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let findings = [
        git().await,
        claude(settings).await,
        github(settings).await,
        permissions(settings),
        directory("data", &settings.data_dir, "--data-dir"),
        directory("spill", &settings.spill_dir(), "spill_dir (AWO_SPILL_DIR)"),
        directory("agents", &settings.agents_dir(), "agents_dir (AWO_AGENTS_DIR)"),
        server(settings),
    ];
    let good = findings.iter().all(|finding| finding.good);
    if as_json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| json!({"thing": f.thing, "found": f.found, "good": f.good, "cure": f.cure}))
            .collect();
        print_json(&json!({"good": good, "findings": rows}));
    } else {
        for finding in &findings {
            let mark = if finding.good { "✔" } else { "✘" };
            anstream::println!("  {mark} {:<12} {}", finding.thing, visible(&finding.found));
            if !finding.cure.is_empty() {
                anstream::println!("    {:<12} {}", "", finding.cure);
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(crate::exit::FAILED) })
}

async fn git() -> Finding {
    let version = version_of(Path::new("git")).await;
    let good = version.as_deref().is_some_and(|text| {
        let mut numbers = text.trim_start_matches("git version ").split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (2, 30)
    });
    let cure = if good { String::new() } else { "install git 2.30 or newer".into() };
    Finding { thing: "git", found: version.unwrap_or_else(|| "not found".into()), good, cure }
}

async fn claude(settings: &Settings) -> Finding {
    let thing = "claude";
    let needed = settings.agent == "claude";
    let cure = "install Claude Code and log in, or set CLAUDE_CLI_PATH; `--agent scripted` works without".to_owned();
    let Some(path) = wiring::find_claude(settings) else {
        let cure = if needed { cure } else { String::new() };
        return Finding { thing, found: "not found".into(), good: !needed, cure };
    };
    match version_of(&path).await {
        Some(version) => {
            Finding { thing, found: format!("{version} at {}", path.display()), good: true, cure: String::new() }
        }
        None => Finding { thing, found: format!("{} does not answer --version", path.display()), good: !needed, cure },
    }
}

/// Not needed: without a token, work ends as a pushed branch.
async fn github(settings: &Settings) -> Finding {
    let tokens = forge::tokens(settings);
    let (host, interface) = (tokens.host(), settings.github.api_url());
    if let Err(error) = forge::github(settings, Arc::clone(&tokens)) {
        return Finding { thing: "github", found: host, good: false, cure: format!("{error:#}; mend github.api_url") };
    }
    let (found, cure) = match tokens.find().await {
        Some(found) => (format!("token from {}", found.origin), String::new()),
        None => {
            ("no token: branches are pushed, no pull request is opened".into(), format!("set {}", ForgeTokens::PLACES))
        }
    };
    Finding { thing: "github", found: format!("{host} ({interface}): {found}"), good: true, cure }
}

fn permissions(settings: &Settings) -> Finding {
    let skips = settings.claude.skip_permissions || settings.agent != "claude";
    Finding {
        thing: "permissions",
        found: if skips {
            "the agent may use its tools"
        } else {
            "the agent is denied its tools and can change nothing"
        }
        .into(),
        good: skips,
        cure: if skips {
            String::new()
        } else {
            "--skip-permissions, or CLAUDE_CLI_SKIP_PERMISSIONS=true (docs/security.md says what that means)".into()
        },
    }
}

/// Tries a directory, or the nearest one above it that exists; makes nothing.
fn directory(thing: &'static str, dir: &Path, setting: &str) -> Finding {
    let there = dir.ancestors().find(|above| above.is_dir()).unwrap_or(dir);
    let cure = match tempfile::tempfile_in(there) {
        Ok(_) => String::new(),
        Err(error) => format!("cannot write below {}: {error}; give another with {setting}", there.display()),
    };
    Finding { thing, found: dir.display().to_string(), good: cure.is_empty(), cure }
}

fn server(settings: &Settings) -> Finding {
    let found = match wiring::holder(settings) {
        Ok(Some(holder)) => holder.to_string(),
        Ok(None) => "none has the data directory".into(),
        Err(error) => format!("{error:#}"),
    };
    Finding { thing: "server", found, good: true, cure: String::new() }
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
