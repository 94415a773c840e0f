//! How long it takes until a client of a server knows what happened at a worker.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::super::Bench;
use super::super::row::Sample;
use super::nodes::{Nodes, end};
use super::sample;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let nodes = Nodes::start(bench, "fleet-far", &bench.agent)?;
    let worker = nodes.worker(0)?;
    let mut samples = Vec::new();
    for _ in 0..bench.pick(15, 2) {
        let told = follow(bench, &nodes)?;
        let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name} in {told}"));
        samples.push(sample("fleet-event-p50", number("p50")?, None));
        samples.push(sample("fleet-event-most", number("p99")?, None));
    }
    end(&worker)?;
    Ok(samples)
}

/// Follows an order from before it runs until it has ended; what the client tells.
fn follow(bench: &Bench, nodes: &Nodes) -> Result<Value> {
    let id = nodes.create(&json!({"agent": "scripted", "start": false}))?;
    let mut client = Command::new(&bench.clients);
    client.args(["crowd", nodes.address(), &format!("/agent-work-orders/{id}/events"), "1", "0"]);
    let mut client = client.stdout(Stdio::piped()).spawn().context("the client cannot be started")?;
    let mut lines = BufReader::new(client.stdout.take().context("its output was asked for")?).lines();
    lines.next().context("the client could not open its stream")??;
    nodes.post(&id, "start")?;
    let told = lines.next().context("the client said nothing; see above")??;
    ensure!(client.wait()?.success(), "the client failed");
    let told: Value = serde_json::from_str(&told)?;
    ensure!(told["ended"] == 1, "the client did not get to the end: {told}");
    nodes.all_ended()?;
    Ok(told)
}
