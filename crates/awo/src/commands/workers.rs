//! `awo workers`: the processes that share the orders of a database, and pausing the queue of all of them.

use std::process::ExitCode;

use awo_client::WorkerList;

use crate::cli::{Workers, WorkersCommand};
use crate::orders::{print_json, reader};
use crate::render::workers_lines;
use crate::settings::Settings;
use crate::terminal::{output, say};

pub(crate) async fn run(settings: &Settings, workers: &Workers, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    let call = match workers.command {
        None => client.list_workers(),
        Some(WorkersCommand::Pause) => client.pause_queue(),
        Some(WorkersCommand::Resume) => client.resume_queue(),
    };
    let answer = call.answer().await?;
    if as_json {
        print_json(&answer.json()?);
        return Ok(ExitCode::SUCCESS);
    }
    tell(&answer.read()?, workers.command);
    Ok(ExitCode::SUCCESS)
}

fn tell(list: &WorkerList, command: Option<WorkersCommand>) {
    match command {
        None if !list.shared => {
            say!("no workers share these orders: `awo serve` runs them by itself");
            say!("`awo worker` runs those of a database, with state (AWO_STATE) set to postgres");
        }
        None => workers_lines(list).iter().for_each(output::line),
        Some(WorkersCommand::Pause) => {
            say!("  the queue is paused: what runs goes on, and no order begins until `awo workers resume`");
        }
        Some(WorkersCommand::Resume) => say!("  the queue is not paused: workers begin orders"),
    }
}
