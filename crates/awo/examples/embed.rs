//! The engine in another program: orders in memory, real checkouts made with git, an agent of one's own.
//!
//! `cargo run -p awo --example embed` makes a sample repository, hands it over with a request and prints each step the
//! moment it is saved. Nothing leaves the machine; git is all it needs.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use awo_adapters::{Author, GitSandboxes, Keeper, LocalForge, Processes, PromptFiles, WorkspaceSettings};
use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentHealth, AgentReport, AgentRequest};
use awo_engine::{NewOrder, OrchestratorBuilder};
use awo_models::{AgentWorkOrderStatus, Failure, FailureCode};
use awo_state::{InMemory, InMemoryArtifacts};
use tokio_util::sync::CancellationToken;

fn main() -> Result<()> {
    // First of all: this program is also what git and agents are started through, so that they end with it.
    let keeper = Keeper::run_if_asked();
    tokio::runtime::Runtime::new()?.block_on(embed(keeper))
}

async fn embed(keeper: Option<Keeper>) -> Result<()> {
    let place = tempfile::tempdir()?;
    let remote = sample_repository(place.path())?;

    let processes = Arc::new(Processes::of(place.path(), keeper));
    let author = Author { name: "Embedder".into(), email: "embedder@localhost".into() };
    let mut checkouts =
        WorkspaceSettings::new(place.path().join("workspaces"), place.path().join("mirrors"), processes, author);
    checkouts.policy.allow_local = true; // addresses may be paths of this machine
    let orchestrator = OrchestratorBuilder::new(
        Arc::new(InMemory::default()),
        Arc::new(InMemoryArtifacts::default()),
        Arc::new(GitSandboxes::new(checkouts)),
        Arc::new(LocalForge),
        Arc::new(PromptFiles::new(None)?),
    )
    .with_agent("greeter", Arc::new(Greeter))
    .build();
    orchestrator.start();

    let orders = orchestrator.work_orders();
    let mut hints = orders.hints(); // before the order exists, so that none of its hints is missed
    let created = orders.create(NewOrder::new(remote, "Add a greeting")).await?;
    let id = created.view.order.agent_work_order_id;
    println!("created {id}");

    let mut shown = 0;
    let ended = loop {
        let view = orders.get(id).await?;
        for result in view.history.iter().skip(shown) {
            let output = result.output.as_deref().or(result.error_message.as_deref()).unwrap_or("");
            let first_line = output.lines().next().unwrap_or("");
            println!("  saved {:<16} {:>6.3} s  {first_line}", result.step, result.duration.as_secs_f64());
        }
        shown = view.history.len();
        if view.order.state.status.is_terminal() {
            break view.order;
        }
        // A hint says that there is something to read; a receiver that lags (an error) just reads.
        while hints.recv().await.is_ok_and(|hint| hint.order != id) {}
    };
    let branch = ended.state.git_branch_name.as_deref().unwrap_or("none");
    println!("{}: branch {branch}, {} commit", ended.state.status, ended.state.git_commit_count);

    let whole = orchestrator.drain(Duration::from_secs(5), Duration::from_secs(5)).await;
    ensure!(whole, "something was left behind");
    ensure!(ended.state.status == AgentWorkOrderStatus::Completed, "the order did not complete");
    Ok(())
}

/// An agent that knows one trick. A real one starts a program in `request.working_dir` and tells it `request.prompt`.
#[derive(Debug)]
struct Greeter;

#[async_trait]
impl AgentExecutor for Greeter {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities::default()
    }

    async fn probe(&self) -> AgentHealth {
        AgentHealth::built_in()
    }

    async fn execute(&self, request: AgentRequest, _cancel: CancellationToken) -> AgentReport {
        let write = |path: &str, text: &str| {
            let path = request.working_dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| std::fs::write(path, text))
        };
        let (written, answer) = match request.step.as_str() {
            "classify" => (Ok(()), "/feature"),
            "plan" => (write("specs/greeting.md", "# Say hello\n"), "specs/greeting.md"),
            "find_plan" => (Ok(()), "specs/greeting.md"),
            "generate_branch" => (Ok(()), "add-greeting"),
            "implement" => (write("greeting.txt", "Hello\n"), "greeting.txt says hello"),
            "commit" => (Ok(()), "feat: add a greeting"),
            _ => (Ok(()), "Add a greeting\n\nIt says hello."),
        };
        let failed = |error: std::io::Error| Failure::new(FailureCode::AgentCrashed, error.to_string());
        let answer = written.map(|()| answer.into()).map_err(failed);
        AgentReport { answer, session_id: None, usage: None, files: Vec::new(), warnings: Vec::new() }
    }
}

/// A bare repository with one commit; its path.
fn sample_repository(place: &Path) -> Result<String> {
    let work = place.join("sample");
    std::fs::create_dir(&work)?;
    std::fs::write(work.join("README.md"), "# Sample\n")?;
    git(&work, &["init", "--quiet", "--initial-branch=main"])?;
    git(&work, &["add", "--all"])?;
    git(&work, &["commit", "--quiet", "--message=Begin"])?;
    git(place, &["clone", "--quiet", "--bare", "sample", "sample.git"])?;
    Ok(place.join("sample.git").to_string_lossy().into_owned())
}

fn git(directory: &Path, arguments: &[&str]) -> Result<()> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), "Sample").env(format!("GIT_{role}_EMAIL"), "sample@localhost");
    }
    ensure!(git.status().context("cannot run git; install it")?.success(), "git {arguments:?} failed");
    Ok(())
}
