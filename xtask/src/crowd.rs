//! Many clients of one order at once, some of which take nothing: what they wait, and what they cost the server.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::remote::Remote;
use crate::repository::Repository;
use crate::server::{Server, call, resident};

/// Clients that read.
pub(crate) const READERS: usize = 1_000;
/// Clients that take nothing of what is sent to them.
pub(crate) const STUCK: usize = 500;

/// Room for all of them; what one address may ask does not matter here.
const SETTINGS: &str = "[http]\nmax_connections = 4000\nmax_connections_per_address = 2000\n\
                        max_streams = 1800\nmax_streams_per_order = 1800\n";

/// Variables that the allocator of the server reads.
pub(crate) type Allocator = &'static [(&'static str, &'static str)];

/// As operators would have it.
pub(crate) const AS_IT_IS: Allocator = &[];

/// That of glibc keeps what each thread needed at most, so that a server goes on growing for hours of which it uses nothing.
const ONE_ARENA: Allocator = &[("MALLOC_ARENA_MAX", "1")];

/// The agent talks for so many tenths of a second before each of its answers, once it may begin.
const WORDS: usize = 60;

/// A server with room for a crowd.
pub(crate) struct Crowd {
    clients: PathBuf,
    server: Server,
    address: String,
    remote: Remote,
    /// While it is there, the agent waits before its first step.
    held: PathBuf,
}

/// What was seen while an order ran.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Seconds from when an event happened until a client had it: half of all, and 99 of 100, are not above.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Bytes of the server before the clients came, when all were there, and at the most.
    pub(crate) before: f64,
    pub(crate) open: f64,
    pub(crate) most: f64,
    /// Clients that were cut as they took nothing.
    pub(crate) cut: u64,
}

impl Crowd {
    /// Starts the server in a directory.
    pub(crate) fn new(
        program: &Path,
        clients: PathBuf,
        plays: &Path,
        place: &Path,
        allocator: Allocator,
    ) -> Result<Self> {
        fs::create_dir_all(place)?;
        let (agent, held) = (place.join("agent"), place.join("held"));
        fs::write(&agent, script(&held, plays))?;
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
        fs::write(place.join("awo.toml"), SETTINGS)?;
        let remote = Remote::new(place)?;
        let mut command = Command::new(program);
        command.args(["serve", "--bind", "127.0.0.1:0", "--skip-permissions"]).env_clear().current_dir(place);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place);
        command.env("AWO_DATA_DIR", place.join("data")).env("AWO_CONFIG", place.join("awo.toml"));
        command
            .env("AWO_CLAUDE_PATH", &agent)
            .env("AWO_ISOLATION", "none")
            .envs(allocator.iter().copied())
            .stdin(Stdio::null());
        let server = Server::start(command, File::create(place.join("server.log"))?)?;
        let address = server.listening().context("the server did not start")?;
        Ok(Self { clients, server, address, remote, held })
    }

    /// The program that plays the agent, once it has talked.
    pub(crate) fn agent(repository: &Repository) -> PathBuf {
        repository.root().join("crates/awo-testkit/programs/stream-json-agent.sh")
    }

    /// Builds the program that plays the clients.
    pub(crate) fn clients(repository: &Repository) -> Result<PathBuf> {
        repository.program("awo-testkit", "clients", Some("measure"), true)
    }

    /// Creates orders that are held.
    pub(crate) fn hold(&self, orders: usize) -> Result<()> {
        let body = json!({"repository_url": self.remote.path(), "user_request": "Wait", "start": false}).to_string();
        for _ in 0..orders {
            let headers = "content-type: application/json\r\n";
            let (status, order) = call(&self.address, "POST /agent-work-orders", headers, &body)?;
            ensure!(status == 201, "creating was answered with {status}: {order}");
        }
        Ok(())
    }

    /// Runs an order before so many clients.
    pub(crate) fn watch(&self, readers: usize, stuck: usize) -> Result<Seen> {
        fs::write(&self.held, "")?;
        let before = resident(&self.server)?;
        let body = json!({"repository_url": self.remote.path(), "user_request": "Talk"}).to_string();
        let headers = "content-type: application/json\r\n";
        let (status, order) = call(&self.address, "POST /agent-work-orders", headers, &body)?;
        ensure!(status == 201, "creating was answered with {status}: {order}");
        let id = order["agent_work_order_id"].as_str().context("an order has an id")?;
        let mut crowd = Command::new(&self.clients);
        crowd.args(["crowd", &self.address, &format!("/agent-work-orders/{id}/events")]);
        crowd.args([readers.to_string(), stuck.to_string()]).stdout(Stdio::piped());
        let mut crowd = crowd.spawn().context("the clients cannot be started")?;
        let mut lines = BufReader::new(crowd.stdout.take().context("their output was asked for")?).lines();
        let opened = lines.next().context("the clients could not open their streams")??;
        let open = resident(&self.server)?;
        fs::remove_file(&self.held).with_context(|| format!("{opened}, and the agent waits"))?;
        let told = thread::spawn(move || lines.next());
        let mut most = open;
        while !told.is_finished() {
            most = most.max(resident(&self.server)?);
            thread::sleep(Duration::from_millis(100));
        }
        let line = told.join().ok().flatten().context("the clients said nothing; see above")??;
        ensure!(crowd.wait()?.success(), "the clients failed");
        let told: Value = serde_json::from_str(&line)?;
        ensure!(told["ended"] == readers, "not every client got to the end: {told}");
        let events = self.events(id)?;
        let heard = [&told["heard_least"], &told["heard_most"]];
        ensure!(heard == [events, events], "{events} events are stored, and not every client heard them: {told}");
        let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name} in {told}"));
        let cut = told["cut"].as_u64().context("no number of those that were cut")?;
        Ok(Seen { p50: number("p50")?, p99: number("p99")?, before, open, most, cut })
    }

    /// How many events are stored of an order, as the server tells.
    fn events(&self, id: &str) -> Result<usize> {
        let (status, events) = call(&self.address, &format!("GET /agent-work-orders/{id}/events?limit=1000"), "", "")?;
        let events = events.as_array().filter(|_| status == 200);
        Ok(events.with_context(|| format!("the events of {id} were answered with {status}"))?.len())
    }

    /// Ends the server.
    pub(crate) fn end(self) -> Result<()> {
        let status = self.server.terminate()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// An agent that talks before it answers.
fn script(held: &Path, plays: &Path) -> String {
    let words = "I look at the files of this repository and think about what could be changed in them. ".repeat(2);
    let line = json!({"type": "assistant", "message": {"content": [{"type": "text", "text": words}]}});
    format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then exec echo 1; fi\nwhile [ -e {} ]; do sleep 0.1; done\nn=0\n\
         while [ $n -lt {WORDS} ]; do\n  echo '{line}'\n  n=$((n + 1))\n  sleep 0.1\ndone\nexec {} \"$@\"\n",
        held.display(),
        plays.display()
    )
}

#[expect(clippy::cast_precision_loss, reason = "a number of orders")]
fn mean(seen: &[Seen]) -> f64 {
    seen.iter().map(|seen| seen.most).sum::<f64>() / seen.len() as f64
}

/// Orders before a crowd for so long: what the server needs in the last third is what it needed in the first.
pub(crate) fn soak(repository: &Repository, minutes: u64) -> Result<()> {
    let program = repository.program("awo", "awo", None, true)?;
    let place = tempfile::Builder::new().prefix("awo-soak-").tempdir()?;
    let clients = Crowd::clients(repository)?;
    let crowd = Crowd::new(&program, clients, &Crowd::agent(repository), &place.path().canonicalize()?, ONE_ARENA)?;
    let begun = Instant::now();
    let mut seen = Vec::new();
    while begun.elapsed() < Duration::from_secs(minutes * 60) || seen.len() < 3 {
        let order = crowd.watch(READERS, STUCK)?;
        eprintln!(
            "order {} after {} s: p50 {:.1} ms, p99 {:.1} ms, {} cut; {:.1} MB before, {:.1} MB with all, {:.1} MB at most",
            seen.len() + 1,
            begun.elapsed().as_secs(),
            order.p50 * 1e3,
            order.p99 * 1e3,
            order.cut,
            order.before / 1e6,
            order.open / 1e6,
            order.most / 1e6
        );
        seen.push(order);
    }
    crowd.end()?;
    // The first order is when the program takes its memory.
    let third = (seen.len() - 1).div_ceil(3);
    let (first, last) = (mean(&seen[1..=third]), mean(&seen[seen.len() - third..]));
    eprintln!("{:.1} MB at most in the first third, {:.1} MB in the last", first / 1e6, last / 1e6);
    ensure!(last < first * 1.15, "the memory of the server grows");
    Ok(())
}
