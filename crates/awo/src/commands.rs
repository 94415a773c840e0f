//! One file per command; each reads its arguments, uses the API, and prints.

mod create;
mod demo;
mod diff;
mod doctor;
mod follow;
mod keys;
mod list;
mod logs;
mod recover;
mod repo;
mod run;
mod serve;
mod show;
mod state;
mod stats;
mod workspace;

use std::process::ExitCode;

use awo_adapters::Keeper;

use crate::cli::{Arguments, Command};
use crate::{settings, telemetry};

pub(crate) use keys::duration;

/// Runs a command; its exit code.
pub(crate) async fn run(arguments: Arguments, keeper: Option<Keeper>) -> anyhow::Result<ExitCode> {
    let common = arguments.common;
    let mut settings = settings::load(&common, |name| std::env::var_os(name))?;
    settings.keeper = keeper;
    let usual = match arguments.command {
        Command::Serve(_) => "info",
        // They run orders, and what goes wrong with these is told by nobody else.
        Command::Run(_) | Command::Demo(_) | Command::Recover(_) => "error",
        _ => "off",
    };
    telemetry::start(settings.log_level.as_deref().unwrap_or(usual))?;
    match arguments.command {
        Command::Serve(serve) => serve::run(settings, serve).await,
        Command::Run(run) => Box::pin(run::run(settings, run, common.json)).await,
        Command::Demo(demo) => demo::run(settings, demo, common.json).await,
        Command::Create(create) => create::run(&settings, create, common.json).await,
        Command::List(list) => list::run(&settings, list, common.json).await,
        Command::Show(one) => show::order(&settings, &one, common.json).await,
        Command::Steps(steps) => show::steps(&settings, &steps, common.json).await,
        Command::Diff(diff) => diff::run(&settings, &diff, common.json).await,
        Command::Logs(logs) => logs::run(&settings, &logs, common.json).await,
        Command::Stats(stats) => stats::run(&settings, stats, common.json).await,
        Command::Start(one) => show::start(&settings, &one, common.json).await,
        Command::Cancel(one) => show::cancel(&settings, &one, common.json).await,
        Command::Retry(retry) => show::retry(&settings, &retry, common.json).await,
        Command::Prompt(prompt) => show::prompt(&settings, &prompt, common.json).await,
        Command::Recover(recover) => recover::run(settings, recover, common.json).await,
        Command::State(state) => state::run(&settings, state.command, common.json).await,
        Command::Workspace(workspace) => workspace::run(&settings, &workspace.command, common.json).await,
        Command::Repo(repo) => repo::run(&settings, &repo.command, common.json).await,
        Command::Keys(keys) => keys::run(&settings, &keys.command, common.json).await,
        Command::LoginLink => keys::login_link(&settings, common.json).await,
        Command::Audit(audit) => keys::audit(&settings, &audit, common.json).await,
        Command::Doctor(agents) => doctor::run(&settings.with_agents(&agents), common.json).await,
        Command::Openapi => {
            anstream::println!("{}", awo_http::openapi().to_pretty_json()?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
