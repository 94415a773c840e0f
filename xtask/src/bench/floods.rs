//! What readers notice of an agent that floods the server with output.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::client::Client;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::remote::Remote;
use crate::server::{Server, call};

pub(super) const FAMILY: Family = Family {
    name: "floods",
    title: "Reading while an agent floods",
    how: "A server, and one order whose agent is silent, or writes lines (`y`) as fast as they are taken, or a text without\n\
          an end of line. Meanwhile the steps of that order and the list of all orders are asked for in turn on one\n\
          connection, a thousand times. The bound is the same beside the agent that is silent.",
    rows: &[
        row("lines-p50", "an answer beside many lines, p50"),
        row("lines-p99", "an answer beside many lines, p99"),
        row("endless-p50", "an answer beside a line without end, p50"),
        row("endless-p99", "an answer beside a line without end, p99"),
    ],
    missing: || Ok(None),
    measure,
};

const fn row(id: &'static str, what: &'static str) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: Some("beside a silent agent"), goal: Goal::Below(0.01) }
}

/// Answers that are timed in a repeat.
const ANSWERS: usize = 1000;

/// What the agent does once it has read its prompt, as text for a shell.
const SILENT: &str = "exec sleep 600";
const LINES: &str = "exec yes";
const ENDLESS: &str = "tr '\\\\0' x < /dev/zero";

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for n in 0..bench.pick(5, 2) {
        let beside = |name: &str, agent: &str| {
            let place = bench.disk.path().join(format!("{name}-{n}"));
            answers(bench, &place, agent).with_context(|| format!("beside `{agent}`"))
        };
        let quiet = beside("silent", SILENT)?;
        for (name, flood) in [("lines", beside("lines", LINES)?), ("endless", beside("endless", ENDLESS)?)] {
            for (part, [measured, bound]) in [("p50", [flood[0], quiet[0]]), ("p99", [flood[1], quiet[1]])] {
                samples.push(Sample { row: format!("{name}-{part}"), measured, bound: Some(bound) });
            }
        }
    }
    Ok(samples)
}

/// Seconds until an answer while an agent is at work: half of them are quicker than the first, 99 of 100 than the second.
fn answers(bench: &Bench, place: &Path, agent: &str) -> Result<[f64; 2]> {
    fs::create_dir(place)?;
    let program = place.join("agent");
    let begun = place.join("begun");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then exec echo 1; fi\ncat > /dev/null\n: > {}\n{agent}\n",
        begun.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let remote = Remote::new(place)?;
    let mut command = Command::new(&bench.program);
    command
        .args(["serve", "--bind", "127.0.0.1:0", "--skip-permissions"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", place)
        .env("AWO_DATA_DIR", place.join("data"))
        .env("AWO_CLAUDE_PATH", &program)
        .stdin(Stdio::null());
    let server = Server::start(command, File::create(place.join("server.log"))?)?;
    let address = server.listening().context("the server did not start")?;
    let body = json!({"repository_url": remote.path(), "user_request": "Flood", "isolation": "none"}).to_string();
    let (status, created) = call(&address, "POST /agent-work-orders", "content-type: application/json\r\n", &body)?;
    ensure!(status == 201, "creating was answered with {status}: {created}");
    let order = format!("/agent-work-orders/{}", created["agent_work_order_id"].as_str().context("an id")?);
    let mut client = Client::connect(&address)?;
    let waiting = Instant::now();
    while !begun.exists() {
        ensure!(waiting.elapsed().as_secs() < 60, "the agent was not started");
        thread::sleep(Duration::from_millis(10));
    }
    let mut took = Vec::new();
    for n in 0..ANSWERS {
        let path = if n % 2 == 0 { format!("{order}/steps") } else { "/agent-work-orders".to_owned() };
        let begun = Instant::now();
        client.get(&path)?;
        took.push(begun.elapsed().as_secs_f64());
    }
    let steps: Value = serde_json::from_slice(&client.get(&format!("{order}/steps"))?)?;
    ensure!(steps["current_step"]["attempt"] == 1, "the agent ended before all was measured: {steps}");
    drop(client);
    let (status, answer) = call(&address, &format!("POST {order}/cancel"), "content-type: application/json\r\n", "")?;
    ensure!(status == 202, "cancelling was answered with {status}: {answer}");
    let status = server.terminate()?;
    ensure!(status.success(), "the server ended with {status}");
    took.sort_by(f64::total_cmp);
    Ok([took[ANSWERS / 2], took[ANSWERS * 99 / 100]])
}
