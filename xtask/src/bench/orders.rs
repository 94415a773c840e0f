//! What readers notice of forty orders that run at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
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
    name: "orders",
    title: "Reading while forty orders run",
    how: "Forty orders are created at once and run at once, on one repository or on ten, with the scripted agent, which takes no\n\
          time, so that all the time goes into git, walls and saves. From then until the last one has ended, the list of all\n\
          orders is asked for on one connection, every 5 ms. The bound is the same list afterwards, when nothing runs.",
    rows: &[
        row("one-p50", "the list beside 40 orders on one repository, p50", Goal::Watched),
        row("one-p99", "the list beside 40 orders on one repository, p99", Goal::Below(0.05)),
        all("one-all", "all 40 on one repository have ended"),
        row("ten-p50", "the list beside 40 orders on ten repositories, p50", Goal::Watched),
        row("ten-p99", "the list beside 40 orders on ten repositories, p99", Goal::Below(0.05)),
        all("ten-all", "all 40 on ten repositories have ended"),
    ],
    missing: || Ok(None),
    measure,
};

const fn row(id: &'static str, what: &'static str, goal: Goal) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: Some("when nothing runs"), goal }
}

const fn all(id: &'static str, what: &'static str) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: None, goal: Goal::Watched }
}

const ORDERS: usize = 40;

/// Pause between two questions: who asks without one is told to wait.
const PAUSE: Duration = Duration::from_millis(5);

/// Lists that are timed when nothing runs.
const QUIET: usize = 400;

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for n in 0..bench.pick(5, 1) {
        for (name, repositories) in [("one", 1), ("ten", 10)] {
            let forty = Forty::run(bench, &bench.disk.path().join(format!("orders-{name}-{n}")), repositories)?;
            for (part, percent) in [("p50", 50), ("p99", 99)] {
                samples.push(Sample {
                    row: format!("{name}-{part}"),
                    measured: percentile(&forty.beside, percent),
                    bound: Some(percentile(&forty.quiet, percent)),
                });
            }
            samples.push(Sample { row: format!("{name}-all"), measured: forty.took, bound: None });
        }
    }
    Ok(samples)
}

/// How long lists took, in seconds, shortest first, and how long all orders.
struct Forty {
    beside: Vec<f64>,
    quiet: Vec<f64>,
    took: f64,
}

impl Forty {
    fn run(bench: &Bench, place: &Path, repositories: usize) -> Result<Self> {
        let mut remotes = Vec::new();
        for n in 0..repositories {
            let home = place.join(format!("repository-{n}"));
            fs::create_dir_all(&home)?;
            remotes.push(Remote::new(&home)?);
        }
        let mut command = Command::new(&bench.program);
        command
            .args(["serve", "--bind", "127.0.0.1:0"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", place)
            .env("AWO_DATA_DIR", place.join("data"))
            .env("AWO_MAX_RUNNING", ORDERS.to_string())
            .stdin(Stdio::null());
        let server = Server::start(command, File::create(place.join("server.log"))?)?;
        let address = server.listening().context("the server did not start")?;
        let begun = Instant::now();
        for remote in remotes.iter().cycle().take(ORDERS) {
            let body =
                json!({"repository_url": remote.path(), "user_request": "Greet", "agent": "scripted"}).to_string();
            let headers = "content-type: application/json\r\n";
            let (status, created) = call(&address, "POST /agent-work-orders", headers, &body)?;
            ensure!(status == 201, "creating was answered with {status}: {created}");
        }
        let mut client = Client::connect(&address)?;
        let mut beside = Vec::new();
        let took = loop {
            let (seconds, orders) = list(&mut client)?;
            if ended(&orders)? {
                break begun.elapsed().as_secs_f64();
            }
            beside.push(seconds);
            ensure!(begun.elapsed().as_secs() < 600, "the orders do not end: {orders}");
            thread::sleep(PAUSE);
        };
        let mut quiet = Vec::new();
        for _ in 0..QUIET {
            quiet.push(list(&mut client)?.0);
            thread::sleep(PAUSE);
        }
        drop(client);
        let status = server.terminate()?;
        ensure!(status.success(), "the server ended with {status}");
        beside.sort_by(f64::total_cmp);
        quiet.sort_by(f64::total_cmp);
        Ok(Self { beside, quiet, took })
    }
}

/// Seconds until the list was there, and the list.
fn list(client: &mut Client) -> Result<(f64, Value)> {
    let begun = Instant::now();
    let body = client.get("/agent-work-orders")?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok((seconds, serde_json::from_slice(&body)?))
}

/// Whether all have completed. None may end otherwise.
fn ended(orders: &Value) -> Result<bool> {
    let mut states = BTreeMap::<&str, usize>::new();
    for order in orders.as_array().context("the list is an array")? {
        *states.entry(order["status"].as_str().unwrap_or_default()).or_default() += 1;
    }
    ensure!(!states.contains_key("failed"), "an order failed: {orders}");
    Ok(states.get("completed") == Some(&ORDERS))
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(f64::NAN)
}
