//! What an answer costs on many connections, beside the least server that could give it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::client::Client;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::process;
use crate::remote::Remote;
use crate::server::{Server, processor_time};

pub(super) const FAMILY: Family = Family {
    name: "http",
    title: "Answers on many connections",
    how: "`GET …/steps` of an order with seven results of 8 KiB, one of 10,000 that have ended, over and over for some seconds on\n\
          each of 1, 32 and 256 connections, then with the tag that the client has (304). In turn with each, hyper alone answers the\n\
          same requests with the same bytes, which it has already. Clients are in a process of their own on the same machine, so\n\
          they take a part of it. Then orders are created on 32 connections, behind one whose agent is silent.",
    rows: &[
        rate("steps-1", "steps, 1 connection", Goal::TimesAtLeast(0.9)),
        rate("steps-32", "steps, 32 connections", Goal::TimesAtLeast(0.9)),
        rate("steps-256", "steps, 256 connections", Goal::TimesAtLeast(0.9)),
        rate("tagged-1", "steps that the client has, 1 connection", Goal::Watched),
        rate("tagged-32", "steps that the client has, 32 connections", Goal::Watched),
        rate("tagged-256", "steps that the client has, 256 connections", Goal::Watched),
        Row {
            id: "steps-processor",
            what: "processor time of an answer, 32 connections",
            unit: Unit::Seconds,
            bound: Some("hyper alone"),
            goal: Goal::Watched,
        },
        Row {
            id: "tagged-processor",
            what: "processor time of a 304, 32 connections",
            unit: Unit::Seconds,
            bound: Some("hyper alone"),
            goal: Goal::Watched,
        },
        Row { id: "create-rate", what: "orders created", unit: Unit::PerSecond, bound: None, goal: Goal::Watched },
    ],
    missing: || Ok(None),
    measure,
};

const fn rate(id: &'static str, what: &'static str, goal: Goal) -> Row {
    Row { id, what, unit: Unit::PerSecond, bound: Some("hyper alone"), goal }
}

const CONNECTIONS: [usize; 3] = [1, 32, 256];

/// Limits would be all that is measured.
const SETTINGS: &str = "max_queued = 1000000\nmax_running = 1\n[http]\nrequests_per_minute = 100000000\n";

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let place = bench.disk.path().join("http");
    fs::create_dir(&place)?;
    fs::write(place.join("awo.toml"), SETTINGS)?;
    let mut samples = answers(bench, &place)?;
    samples.extend(creations(bench, &place)?);
    Ok(samples)
}

/// The same pages of awo and of hyper alone, in turn.
fn answers(bench: &Bench, place: &Path) -> Result<Vec<Sample>> {
    let awo = Started::new(serve(bench, place, &bench.filled()?.dir), place)?;
    let list: Value = serde_json::from_slice(&Client::connect(&awo.address)?.get("/agent-work-orders?limit=1")?)?;
    let path = list[0]["links"]["steps"].as_str().context("an order has a link to its steps")?.to_owned();
    let (tag, page) = page(&awo.address, &path)?;
    let file = place.join("page.json");
    fs::write(&file, page)?;
    let mut plain = Command::new(&bench.clients);
    plain.arg("plain").arg(&file).arg(&tag).stdin(Stdio::null());
    let plain = Started::new(plain, place)?;
    let seconds = bench.pick(5, 1);
    let mut samples = Vec::new();
    for _ in 0..bench.pick(5, 2) {
        for connections in CONNECTIONS {
            for (kind, tag, status) in [("steps", "", "200"), ("tagged", tag.as_str(), "304")] {
                let load = |server: &Started| server.load(bench, "GET", &path, connections, seconds, tag, status);
                let (mine, bare) = (load(&awo)?, load(&plain)?);
                let mut tell = |row: String, measured, bound| {
                    samples.push(Sample { row, measured, bound: Some(bound) });
                };
                tell(format!("{kind}-{connections}"), mine.rate, bare.rate);
                if connections == 32 {
                    tell(format!("{kind}-processor"), mine.processor, bare.processor);
                }
            }
        }
    }
    awo.end()?;
    Ok(samples)
}

/// Orders that are created, and wait.
fn creations(bench: &Bench, place: &Path) -> Result<Vec<Sample>> {
    let agent = place.join("agent");
    fs::write(&agent, "#!/bin/sh\nif [ \"$1\" = --version ]; then exec echo 1; fi\nexec sleep 600\n")?;
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
    let remote = Remote::new(place)?;
    let body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"}).to_string();
    let mut samples = Vec::new();
    for n in 0..bench.pick(3, 1) {
        let mut command = serve(bench, place, &place.join(format!("created-{n}")));
        command.arg("--skip-permissions").env("AWO_CLAUDE_PATH", &agent);
        let awo = Started::new(command, place)?;
        let load = awo.load(bench, "POST", "/agent-work-orders", 32, bench.pick(5, 1), &body, "201")?;
        samples.push(Sample { row: "create-rate".to_owned(), measured: load.rate, bound: None });
        awo.end()?;
    }
    Ok(samples)
}

/// A server that listens.
struct Started {
    server: Server,
    address: String,
}

/// What a load came to.
struct Load {
    /// Answers a second.
    rate: f64,
    /// Seconds of processors that the server used for one.
    processor: f64,
}

impl Started {
    fn new(command: Command, place: &Path) -> Result<Self> {
        let log = place.join("server.log");
        let server = Server::start(command, File::options().append(true).create(true).open(&log)?)?;
        let address = server.listening().with_context(|| format!("a server did not start; see {}", log.display()))?;
        Ok(Self { server, address })
    }

    #[expect(clippy::too_many_arguments, reason = "each is a word of the command line")]
    fn load(
        &self,
        bench: &Bench,
        method: &str,
        path: &str,
        connections: usize,
        seconds: usize,
        more: &str,
        status: &str,
    ) -> Result<Load> {
        let before = processor_time(self.server.process())?;
        let mut clients = Command::new(&bench.clients);
        clients.args(["load", &self.address, method, path, &connections.to_string(), &seconds.to_string(), more]);
        let told: Value = serde_json::from_str(&process::output(&mut clients)?)?;
        let used = processor_time(self.server.process())? - before;
        ensure!(told["statuses"][status] == told["requests"], "not every answer was {status}: {told}");
        let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name} in {told}"));
        let requests = number("requests")?;
        Ok(Load { rate: requests / number("seconds")?, processor: used / requests })
    }

    fn end(self) -> Result<()> {
        let status = self.server.terminate()?;
        ensure!(status.success(), "a server ended with {status}");
        Ok(())
    }
}

fn serve(bench: &Bench, place: &Path, data: &Path) -> Command {
    let mut command = Command::new(&bench.program);
    command.args(["serve", "--bind", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place);
    command.env("AWO_DATA_DIR", data).env("AWO_CONFIG", place.join("awo.toml")).env("AWO_ISOLATION", "none");
    command
}

/// A page, and its tag.
fn page(address: &str, path: &str) -> Result<(String, String)> {
    let answer = crate::server::text(address, &format!("GET {path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).context("an answer has a tag")?;
    Ok((tag.to_owned(), body.to_owned()))
}
