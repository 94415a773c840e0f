//! How many orders a second are done by how many workers.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::super::Bench;
use super::super::row::Sample;
use super::nodes::{Nodes, all_ended, create, end, small};
use super::sample;
use crate::remote::Remote;
use crate::server::Server;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let nodes = Nodes::start(bench, "fleet-rate", &bench.agent)?;
    let mut samples = Vec::new();
    let mut workers = Vec::new();
    for repeat in 0..bench.pick(3, 1) {
        let files = in_files(bench, repeat)?;
        let mut rate_of = |count: usize| -> Result<f64> {
            while workers.len() < count {
                workers.push(nodes.worker(workers.len())?);
            }
            rate(bench, nodes.address(), &nodes.remote)
        };
        let (one, two, four) = (rate_of(1)?, rate_of(2)?, rate_of(4)?);
        samples.push(sample("fleet-orders-1", one, Some(files)));
        samples.push(sample("fleet-orders-2", two, Some(one)));
        samples.push(sample("fleet-orders-4", four, Some(one)));
        for worker in workers.drain(..) {
            end(&worker)?;
        }
    }
    Ok(samples)
}

/// Orders a second, from the first post to the end of the last order.
#[expect(clippy::cast_precision_loss, reason = "a number of orders")]
fn rate(bench: &Bench, address: &str, remote: &Remote) -> Result<f64> {
    let (begun, count) = (Instant::now(), bench.pick(24, 4));
    for _ in 0..count {
        create(address, remote, &small())?;
    }
    all_ended(address)?;
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// The same at a server that keeps its orders in files, and runs them itself.
fn in_files(bench: &Bench, repeat: usize) -> Result<f64> {
    let place = bench.disk.path().join(format!("fleet-files-{repeat}"));
    fs::create_dir(&place)?;
    let mut command = Command::new(&bench.program);
    command.args(["serve", "--bind", "127.0.0.1:0"]).env_clear().current_dir(&place).stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &place);
    command.env("AWO_DATA_DIR", place.join("data")).env("AWO_ISOLATION", "none");
    command.env("AWO_MAX_RUNNING", "1").env("AWO_CHECKPOINTS", "remote");
    let server = Server::start(command, File::create(place.join("server.log"))?)?;
    let address = server.listening().context("the server did not start")?;
    let rate = rate(bench, &address, &Remote::new(&place)?)?;
    end(&server)?;
    Ok(rate)
}
