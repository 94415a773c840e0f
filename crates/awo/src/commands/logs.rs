//! `awo logs`: what the work of an order says about itself.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::Logs;
use crate::client::{Client, Following, News};
use crate::orders::{ORDERS, form, print_json_line, reader, resolve};
use crate::render::log_line;
use crate::settings::Settings;
use crate::wire::{LogEntry, LogPage};

/// Lines that are asked for at once.
const PAGE: usize = 1_000;

pub(crate) async fn run(settings: &Settings, logs: &Logs, as_json: bool) -> anyhow::Result<ExitCode> {
    let client = reader(settings)?;
    let id = resolve(&client, &logs.id).await?;
    let query = query(logs);
    if logs.follow { follow(&client, &id, &query, as_json).await } else { all(&client, &id, &query, as_json).await }
}

async fn all(client: &Client, id: &str, query: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut offset = 0;
    loop {
        let answer = client.get(&format!("{ORDERS}/{id}/logs?limit={PAGE}&offset={offset}{query}")).await?;
        let page: LogPage = answer.read()?;
        if as_json {
            answer.body["log_entries"].as_array().into_iter().flatten().for_each(print_json_line);
        } else {
            page.log_entries.iter().for_each(print);
        }
        offset += page.log_entries.len();
        if page.log_entries.is_empty() || offset >= page.total {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Prints lines as they are written, until somebody ends it.
async fn follow(client: &Client, id: &str, query: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let query = query.strip_prefix('&').map(|query| format!("?{query}")).unwrap_or_default();
    let mut following = Following::new(client, format!("{ORDERS}/{id}/logs/stream{query}"));
    loop {
        match following.next().await? {
            News::Message(line) if as_json => print_json_line(&line.read::<Value>()?),
            News::Message(line) => print(&line.read()?),
            News::Lost => anstream::eprintln!("awo: the server does not answer; still trying"),
        }
    }
}

fn print(entry: &LogEntry) {
    anstream::println!("{}", log_line(entry));
}

/// What is asked for, as the rest of a query string.
fn query(logs: &Logs) -> String {
    let levels = logs.level.iter().map(|level| ("level", level.as_str()));
    let others = [("step", &logs.step), ("since", &logs.since), ("q", &logs.search)];
    let others = others.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    levels.chain(others).flat_map(|pair| ["&".to_owned(), form(&[pair])]).collect()
}
