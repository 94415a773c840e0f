//! One round: a data directory, its orders and their clients, and the lives of the server meanwhile.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::follower::{Followed, follow};
use super::wire::Form;
use crate::random::Random;
use crate::remote::Remote;
use crate::server::{Server, call};

const ORDERS: usize = 3;
/// Clients of each order, half of them over web sockets.
const CLIENTS: usize = 8;
/// Milliseconds of one life of the server at most.
const LIFE: usize = 2_500;
/// Longest round; it takes some seconds.
const PATIENCE: Duration = Duration::from_mins(3);

/// A client that comes back is a client that asks often.
const SETTINGS: &str = "[http]\nrequests_per_minute = 10000000\n";

/// The programs of all rounds.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) program: PathBuf,
    pub(super) agent: PathBuf,
}

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) violations: Vec<String>,
    /// Where to look, if something is wrong.
    pub(super) kept: Option<PathBuf>,
}

/// How often things happened.
#[derive(Debug, Default)]
pub(super) struct Counts {
    drops: usize,
    losses: usize,
    kills: usize,
    ends: usize,
    orders: usize,
    events: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.drops += other.drops;
        self.losses += other.losses;
        self.kills += other.kills;
        self.ends += other.ends;
        self.orders += other.orders;
        self.events += other.events;
    }

    /// Connections that were lost, by whomever.
    pub(super) fn disconnects(&self) -> usize {
        self.drops + self.losses
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drops, losses, kills, ends, orders, events } = self;
        let all = self.disconnects();
        write!(
            f,
            "{all} disconnects ({drops} by clients, {losses} with the server), {kills} kills and {ends} ends of the \
             server, {events} events of {orders} orders"
        )
    }
}

/// Runs a round to its end.
pub(super) fn run(setting: &Setting, seed: u64) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("awo-streams-").tempdir()?;
    let place = directory.path().canonicalize()?;
    fs::create_dir(place.join("home"))?;
    fs::write(place.join("awo.toml"), SETTINGS)?;
    let remote = Remote::new(&place)?;
    let mut random = Random(seed);
    let mut server = start(setting, &place, "127.0.0.1:0")?;
    let address = server.listening().context("the server does not listen")?;
    let ids = (0..ORDERS).map(|_| create(&address, &remote)).collect::<Result<Vec<_>>>()?;

    let (mut outcome, give_up) = (Outcome::default(), AtomicBool::new(false));
    let followed = thread::scope(|scope| {
        let followers: Vec<_> = (0..ORDERS * CLIENTS)
            .map(|n| {
                let form = if n % 2 == 0 { Form::Events } else { Form::Frames };
                let (id, random) = (&ids[n % ORDERS], Random(random.next()));
                let (address, give_up) = (&address, &give_up);
                scope.spawn(move || follow(address, id, form, random, give_up))
            })
            .collect();
        let begun = Instant::now();
        let mut lived = Ok(());
        while followers.iter().any(|follower| !follower.is_finished()) && lived.is_ok() {
            thread::sleep(Duration::from_millis(random.below(LIFE) as u64));
            lived = renew(&mut server, setting, &place, &address, random.below(2) == 0, &mut outcome.counts);
            if begun.elapsed() > PATIENCE {
                outcome.violations.push(format!("the orders did not end within {} s", PATIENCE.as_secs()));
                break;
            }
        }
        give_up.store(true, Ordering::SeqCst);
        let followed: Vec<_> = followers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        lived.map(|()| followed)
    })?;

    // What is compared with was read from the disk by a server that knows nothing else.
    renew(&mut server, setting, &place, &address, true, &mut outcome.counts)?;
    let stored = ids.iter().map(|id| events(&address, id)).collect::<Result<Vec<_>>>()?;
    outcome.counts.orders = ids.len();
    outcome.counts.events = stored.iter().map(Vec::len).sum();
    for (n, followed) in followed.into_iter().enumerate() {
        let Ok(Followed { record, drops, losses, violation }) = followed else {
            outcome.violations.push("a client panicked".into());
            continue;
        };
        outcome.counts.drops += drops;
        outcome.counts.losses += losses;
        let wrong = violation.or_else(|| record.differs_from(&stored[n % ORDERS]));
        outcome.violations.extend(wrong.map(|wrong| format!("client {n} of {}: {wrong}", ids[n % ORDERS])));
    }
    if !outcome.violations.is_empty() {
        outcome.kept = Some(directory.keep());
    }
    Ok(outcome)
}

/// Ends the server, by a kill or in order, and starts another one at the same address.
fn renew(
    server: &mut Server,
    setting: &Setting,
    place: &Path,
    address: &str,
    kill: bool,
    counts: &mut Counts,
) -> Result<()> {
    if kill {
        server.kill();
        counts.kills += 1;
    } else {
        let status = server.terminate()?;
        ensure!(status.success(), "told to end, the server ended with {status}");
        counts.ends += 1;
    }
    *server = start(setting, place, address)?;
    server.listening().context("the server does not listen again; see its log")?;
    Ok(())
}

fn start(setting: &Setting, place: &Path, address: &str) -> Result<Server> {
    let mut command = Command::new(&setting.program);
    command.args(["serve", "--skip-permissions", "--bind", address]).current_dir(place).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", place.join("home"));
    command.env("AWO_DATA_DIR", place.join("data")).env("AWO_CONFIG", place.join("awo.toml"));
    command.env("AWO_ISOLATION", "none").env("CLAUDE_CLI_PATH", &setting.agent).stdin(Stdio::null());
    Server::start(command, File::options().create(true).append(true).open(place.join("server.log"))?)
}

fn create(address: &str, remote: &Remote) -> Result<String> {
    let body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"}).to_string();
    let (status, order) = call(address, "POST /agent-work-orders", "content-type: application/json\r\n", &body)?;
    ensure!(status == 201, "an order was answered with {status}: {order}");
    Ok(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned())
}

/// All events of an order.
fn events(address: &str, id: &str) -> Result<Vec<Value>> {
    let (status, events) = call(address, &format!("GET /agent-work-orders/{id}/events?limit=1000"), "", "")?;
    ensure!(status == 200, "the events of {id} were answered with {status}: {events}");
    Ok(events.as_array().context("events are a list")?.clone())
}
