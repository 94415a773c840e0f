//! Clients of one order that ask: often, or with a request that is held back until there is something new.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::load::Load;
use crate::crash::history::History;
use crate::server::{answer, call};

/// Between two questions of one that asks often.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks for steps and events until the order has ended; each answer must go on from the one before.
pub(super) fn often(load: &Load<'_>, id: &str) -> Result<()> {
    let mut seen = History::of(id);
    while !seen.has_ended() {
        let get = |what: &str| -> Result<Value> {
            let (status, body) = call(&load.address, &format!("GET /agent-work-orders/{id}{what}"), "", "")?;
            ensure!(status == 200, "{id}{what} was answered with {status}: {body}");
            Ok(body)
        };
        let next = History::read(id, &get("/steps")?, &get("/events?limit=1000")?);
        load.count(|counts| counts.polls += 2);
        if let Some(violation) = seen.follow(next).first() {
            bail!("{violation}");
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Asks for steps with the tag of the last answer, and waits for another, until the order has ended.
pub(super) fn when_new(load: &Load<'_>, id: &str) -> Result<()> {
    let (mut tag, mut version, mut results) = (String::new(), 0, 0);
    loop {
        let headers = if tag.is_empty() { String::new() } else { format!("if-none-match: {tag}\r\n") };
        let request = format!("GET /agent-work-orders/{id}/steps?wait=3");
        let (status, head, body) = answer(&load.address, &request, &headers)?;
        load.count(|counts| {
            counts.polls += 1;
            counts.not_modified += usize::from(status == 304);
        });
        if status == 304 {
            ensure!(!tag.is_empty(), "{id}: 304 for a client that has nothing");
            continue;
        }
        ensure!(status == 200, "the steps of {id} were answered with {status}: {body}");
        let steps: Value = serde_json::from_str(&body).context("the steps are no JSON")?;
        let (now, count) = (steps["version"].as_u64().unwrap_or(0), steps["steps"].as_array().map_or(0, Vec::len));
        ensure!(
            now >= version && count >= results,
            "{id}: version {version} with {results} results became {now} with {count}"
        );
        if matches!(steps["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
            return Ok(());
        }
        (version, results) = (now, count);
        let found =
            head.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("etag")));
        found.context("the steps have no tag")?.1.trim().clone_into(&mut tag);
    }
}
