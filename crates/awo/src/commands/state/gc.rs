//! `awo state gc`: applies the limits of `[retention]` now, and removes what belongs to no order.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use awo_engine::ports::{Clock as _, SystemClock};
use awo_engine::{Expired, Orphan, Retired};
use serde_json::json;

use super::leftovers::{self, LeftOver};
use super::size;
use crate::exit::{FAILED, UNAVAILABLE, coded};
use crate::orders::print_json;
use crate::render::counted;
use crate::settings::Settings;
use crate::terminal::{inline, note, say};
use crate::wiring;

pub(super) async fn run(settings: &Settings, dry_run: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    if let Some(holder) = wiring::holder(settings)? {
        let message = format!(
            "{holder} has the data directory; a server does this by itself, at its start and every hour, \
             if [retention] sets a limit. Stop it to do it now"
        );
        return Err(coded(UNAVAILABLE, message));
    }
    let max_age = settings.retention.policy().ok().and_then(|policy| policy.max_age);
    let files = removable(leftovers::find(&settings.data_dir), max_age);
    if dry_run {
        let retired = wiring::quiet_orchestrator(settings, wiring::read_only(settings).await?)?.retire(true).await?;
        tell(&retired, &files, dry_run, as_json);
        return Ok(ExitCode::SUCCESS);
    }
    let store = wiring::open_store(settings, "awo state gc").await?;
    let orchestrator = wiring::quiet_orchestrator(settings, store.stores.clone())?;
    let planned = orchestrator.retire(true).await?;
    let retired = orchestrator.retire(false).await?;
    let count = files.len();
    let files: Vec<_> = files.into_iter().filter(|file| is_removed(&file.path)).collect();
    let whole = retired == planned && files.len() == count;
    tell(&retired, &files, dry_run, as_json);
    if !whole {
        note!("awo: not all that should go could be removed; --log-level warn says what");
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Unfinished files, as nobody writes them now; and what was cut off journals, once it is old enough.
fn removable(found: Vec<LeftOver>, max_age: Option<Duration>) -> Vec<LeftOver> {
    let now = SystemTime::from(SystemClock::default().now());
    let is_old = |file: &LeftOver| {
        let age = file.modified.and_then(|modified| now.duration_since(modified).ok());
        max_age.zip(age).is_some_and(|(most, age)| age > most)
    };
    found.into_iter().filter(|file| !file.torn || is_old(file)).collect()
}

/// Also if a start has removed it already.
fn is_removed(path: &PathBuf) -> bool {
    match std::fs::remove_file(path) {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(()) => true,
    }
}

fn tell(retired: &Retired, files: &[LeftOver], dry_run: bool, as_json: bool) {
    let bytes = files.iter().map(|file| file.bytes).fold(retired.bytes(), u64::saturating_add);
    if as_json {
        let orders: Vec<_> = retired
            .orders
            .iter()
            .map(|Expired { id, bytes, why, .. }| json!({"order": id, "bytes": bytes, "why": why.to_string()}))
            .collect();
        let orphans: Vec<_> = retired
            .orphans
            .iter()
            .map(|Orphan { id, what, bytes }| json!({"order": id, "what": what, "bytes": bytes}))
            .collect();
        let files: Vec<_> = files.iter().map(|file| json!({"path": file.path, "bytes": file.bytes})).collect();
        print_json(&json!({"dry_run": dry_run, "orders": orders, "orphans": orphans, "files": files, "bytes": bytes}));
        return;
    }
    for Expired { id, bytes, why, .. } in &retired.orders {
        say!("  {id}  {:>10}  {why}", size(*bytes));
    }
    for Orphan { id, what, bytes } in &retired.orphans {
        say!("  {id}  {:>10}  {what} of an order that is not there", size(*bytes));
    }
    for file in files {
        let what = if file.torn { "cut off a journal long ago" } else { "an unfinished file" };
        say!("  {}  {}  {what}", inline(&file.path.display().to_string()), size(file.bytes));
    }
    let done = if dry_run { "would be deleted" } else { "deleted" };
    let (orders, rest) = (retired.orders.len() as u64, (retired.orphans.len() + files.len()) as u64);
    say!("{} and {} {done}: {}", counted(orders, "order"), counted(rest, "leftover"), size(bytes));
}
