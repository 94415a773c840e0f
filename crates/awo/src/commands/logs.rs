//! `awo logs`: what the work of an order says about itself.

use std::process::ExitCode;

use awo_client::{Client, LogEntry, LogPage, LogQuery, News};
use serde_json::Value;

use crate::cli::Logs;
use crate::orders::{print_json_line, reader, resolve};
use crate::render::log_line;
use crate::settings::Settings;
use crate::terminal::{note, say};

/// Lines that are asked for at once.
const PAGE: u64 = 1_000;

pub(crate) async fn run(settings: &Settings, logs: &Logs, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings).await?;
    let id = resolve(&client, &logs.id).await?;
    let which = LogQuery {
        level: logs.level.clone(),
        step: logs.step.clone(),
        since: logs.since.clone(),
        text: logs.search.clone(),
    };
    if logs.follow { follow(&client, &id, &which, as_json).await } else { all(&client, &id, &which, as_json).await }
}

async fn all(client: &Client, id: &str, which: &LogQuery, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut offset = 0;
    loop {
        let answer = client.list_logs(id, which, Some(PAGE), Some(offset)).answer().await?;
        let page: LogPage = answer.read()?;
        if as_json {
            answer.json()?["log_entries"].as_array().into_iter().flatten().for_each(print_json_line);
        } else {
            page.log_entries.iter().for_each(print);
        }
        offset += page.log_entries.len() as u64;
        if page.log_entries.is_empty() || offset >= page.total {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Prints lines as they are written, until somebody ends it.
async fn follow(client: &Client, id: &str, which: &LogQuery, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut following = client.follow_logs(id, which, None);
    while let Some(news) = following.next().await {
        match news? {
            News::Message(line) if as_json => print_json_line(&line.read::<Value>()?),
            News::Message(line) => print(&line.read()?),
            _ => note!("awo: the server does not answer; still trying"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(entry: &LogEntry) {
    say!("{}", log_line(entry));
}
