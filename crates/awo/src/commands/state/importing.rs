//! `awo state import`: takes orders in, each whole or not at all, and never over another.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use awo_models::OrderId;
use awo_state::{StateError, StoredOrder};
use serde::Deserialize;
use serde_json::json;

use super::exporting::FORMAT;
use crate::cli::Import;
use crate::exit::{BAD_INPUT, FAILED, coded};
use crate::orders::print_json;
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring::{self, Stores};

/// The first line.
#[derive(Deserialize)]
struct Header {
    format: String,
}

/// The last line.
#[derive(Deserialize)]
struct End {
    #[expect(dead_code, reason = "it tells the last line from an order")]
    end: bool,
    count: u64,
}

/// What became of one line.
pub(super) struct Outcome {
    line: usize,
    order: Option<OrderId>,
    what: &'static str,
    reason: String,
    pub(super) good: bool,
}

pub(super) async fn run(settings: &Settings, import: &Import, as_json: bool) -> anyhow::Result<ExitCode> {
    if let Some(from) = &import.from {
        return super::moving::run(settings, from, as_json).await;
    }
    let from: Box<dyn BufRead + Send> = if import.file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let cannot = |error| coded(BAD_INPUT, format!("cannot read {}: {error}", import.file.display()));
        Box::new(BufReader::new(File::open(&import.file).map_err(cannot)?))
    };
    let mut lines = from.lines();
    let first = lines.next().transpose().map_err(|error| unreadable(&error))?.unwrap_or_default();
    let Ok(Header { format }) = serde_json::from_str(&first) else {
        return Err(coded(BAD_INPUT, "that is not what `awo state export` writes: its first line has no format"));
    };
    if format != FORMAT {
        return Err(coded(BAD_INPUT, format!("it has the format {format:?}, and this version reads {FORMAT}")));
    }
    let stores = wiring::open_for_import(settings).await?;
    let mut outcomes = Vec::new();
    let mut end = None;
    for (number, line) in (2..).zip(lines) {
        let line = line.map_err(|error| unreadable(&error))?;
        if end.is_some() {
            outcomes.push(Outcome::refused(number, None, "it comes after the last line".into()));
            break;
        }
        if let Ok(found) = serde_json::from_str::<End>(&line) {
            end = Some(found.count);
            continue;
        }
        let outcome = match serde_json::from_str::<StoredOrder>(&line) {
            Ok(whole) => take(&stores, number, whole).await?,
            Err(error) => Outcome::refused(number, None, format!("it is not an order: {error}")),
        };
        if !as_json {
            outcome.tell();
        }
        outcomes.push(outcome);
    }
    let count = outcomes.len() as u64;
    let cut = (end != Some(count)).then(|| match end {
        None => "the last line is missing: what was exported does not end here, so orders may be missing".to_owned(),
        Some(end) => format!("{end} orders were exported, and {count} are here"),
    });
    if as_json {
        let orders: Vec<_> = outcomes.iter().map(Outcome::as_json).collect();
        print_json(&json!({"orders": orders, "whole": cut.is_none()}));
    }
    if let Some(cut) = &cut {
        note!("awo: {cut}");
    }
    let good = cut.is_none() && outcomes.iter().all(|outcome| outcome.good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Takes an order in, unless it is there.
pub(super) async fn take(to: &Stores, line: usize, stored: StoredOrder) -> anyhow::Result<Outcome> {
    let repository = to.transfer()?;
    let id = stored.order.agent_work_order_id;
    let outcome = |what, reason: &str, good| Outcome { line, order: Some(id), what, reason: reason.to_owned(), good };
    match repository.import(stored.clone()).await {
        Ok(()) => Ok(outcome("imported", "", true)),
        Err(StateError::AlreadyExists(there)) if there == id => match repository.export(id).await {
            Ok(Some(there)) if there == stored => Ok(outcome("exists", "as it is here", true)),
            Ok(_) => Ok(outcome("exists", "and differs from this one; what is stored is left as it is", false)),
            Err(error) => Ok(outcome("exists", &format!("{:#}", anyhow::Error::new(error)), false)),
        },
        Err(StateError::AlreadyExists(other)) => {
            Ok(Outcome::refused(line, Some(id), format!("its idempotency key belongs to {other}")))
        }
        Err(outage) if outage.is_outage() => Err(anyhow::Error::new(outage).context(format!("cannot store {id}"))),
        Err(refused) => Ok(Outcome::refused(line, Some(id), format!("{:#}", anyhow::Error::new(refused)))),
    }
}

fn unreadable(error: &io::Error) -> anyhow::Error {
    coded(BAD_INPUT, format!("it cannot be read: {error}"))
}

impl Outcome {
    pub(super) fn refused(line: usize, order: Option<OrderId>, reason: String) -> Self {
        Self { line, order, what: "refused", reason, good: false }
    }

    pub(super) fn tell(&self) {
        let order = self.order.map_or_else(|| format!("line {}", self.line), |id| id.to_string());
        let told = format!("  {:<8}  {order}  {}", self.what, inline(&self.reason));
        say!("{}", told.trim_end());
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        json!({"line": self.line, "order": self.order, "outcome": self.what, "reason": self.reason})
    }
}
