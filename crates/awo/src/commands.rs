//! One file per command; each reads its arguments, uses the API, and prints.

mod create;
mod demo;
mod diff;
mod doctor;
mod follow;
mod generated;
mod keys;
mod list;
mod logs;
mod migrate;
mod notify;
mod recover;
mod repo;
mod run;
mod serve;
mod show;
mod state;
mod stats;
mod steps;
mod watching;
mod worker;
mod workers;
mod workspace;

use std::process::ExitCode;

use awo_adapters::Keeper;

use crate::cli::{Arguments, Command};
use crate::exit::{BAD_INPUT, coded};
use crate::settings::{self, Settings};
use crate::telemetry;
use crate::terminal::output;

pub(crate) use keys::duration;

/// Runs a command; its exit code.
pub(crate) async fn run(arguments: Arguments, keeper: Option<Keeper>) -> anyhow::Result<ExitCode> {
    let Arguments { common, command } = arguments;
    let mut settings = settings::load(&common, |name| std::env::var_os(name))?;
    settings.keeper = keeper;
    let (usual, sends_traces) = match command {
        Command::Serve(_) | Command::Worker(_) => ("info", true),
        // They run orders, and what goes wrong with these is told by nobody else.
        Command::Run(_) | Command::Recover(_) => ("error", true),
        Command::Demo(_) => ("error", false), // nothing of it leaves this machine
        _ => ("off", false),
    };
    let collector = if sends_traces { settings.otel.collector() } else { Ok(None) };
    let collector = collector.map_err(|reason| coded(BAD_INPUT, reason))?;
    let traces = telemetry::start(settings.log_level.as_deref().unwrap_or(usual), collector)?;
    let json = common.json;
    let only_shows = only_shows(&command);
    let code = tokio::select! {
        code = Box::pin(carry_out(settings, command, json)) => code,
        // Who closed the output has seen enough.
        () = output::gone(), if only_shows => Ok(ExitCode::SUCCESS),
    };
    traces.end().await;
    output::verdict(code?)
}

/// Whether a command is of no use when nobody reads what it prints.
fn only_shows(command: &Command) -> bool {
    use Command::{Audit, Diff, Doctor, List, Logs, Show, Stats, Steps, Top, Workers};
    match command {
        Audit(_) | Diff(_) | Doctor(_) | List(_) | Logs(_) | Show(_) | Stats(_) | Steps(_) | Top => true,
        Workers(workers) => workers.command.is_none(),
        _ => false,
    }
}

async fn carry_out(settings: Settings, command: Command, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve::run(settings, serve).await,
        Command::Worker(worker) => worker::run(settings, worker).await,
        Command::Workers(workers) => workers::run(&settings, &workers, json).await,
        Command::Run(run) => Box::pin(run::run(settings, run, json)).await,
        Command::Demo(demo) => Box::pin(demo::run(settings, demo, json)).await,
        Command::Create(create) => create::run(&settings, create, json).await,
        Command::List(list) => list::run(&settings, &list, json).await,
        Command::Top => list::top(&settings, json).await,
        Command::Show(one) => show::order(&settings, &one, json).await,
        Command::Steps(steps) => steps::run(&settings, &steps, json).await,
        Command::Diff(diff) => diff::run(&settings, &diff, json).await,
        Command::Logs(logs) => logs::run(&settings, &logs, json).await,
        Command::Stats(stats) => stats::run(&settings, stats, json).await,
        Command::Start(start) => show::start(&settings, &start, json).await,
        Command::Cancel(one) => show::cancel(&settings, &one, json).await,
        Command::Retry(retry) => show::retry(&settings, &retry, json).await,
        Command::Prompt(prompt) => show::prompt(&settings, &prompt, json).await,
        Command::Recover(recover) => recover::run(settings, recover, json).await,
        Command::State(state) => state::run(&settings, state.command, json).await,
        Command::Migrate => migrate::run(&settings, json).await,
        Command::Workspace(workspace) => workspace::run(&settings, &workspace.command, json).await,
        Command::Repo(repo) => repo::run(&settings, &repo.command, json).await,
        Command::Notify(notify) => notify::run(&settings, &notify.command, json).await,
        Command::Keys(keys) => keys::run(&settings, &keys.command, json).await,
        Command::LoginLink => keys::login_link(&settings, json).await,
        Command::Audit(audit) => keys::audit(&settings, &audit, json).await,
        Command::Doctor(agents) => doctor::run(&settings.with_agents(&agents), json).await,
        Command::Completions(completions) => Ok(generated::completions(&completions)),
        Command::Manual(manual) => generated::manual(&manual),
        Command::Openapi => {
            output::raw(&format!("{}\n", awo_http::openapi().to_pretty_json()?));
            Ok(ExitCode::SUCCESS)
        }
    }
}
