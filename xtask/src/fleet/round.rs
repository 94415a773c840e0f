//! One round: its orders, their clients, and what happens to the nodes meanwhile.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::party::{LEASE, Party, Programs, signal};
use crate::crash::history::{History, incomplete};
use crate::postgres::Cluster;
use crate::random::Random;
use crate::remote::Remote;
use crate::repository::Repository;
use crate::server::{Server, call};
use crate::streams::follower::{Followed, follow};
use crate::streams::wire::Form;

const ORDERS: usize = 6;
const WORKERS: usize = 3;
/// Orders that a worker runs at once.
const AT_ONCE: usize = 2;
/// Clients of each order, half of them over web sockets.
const CLIENTS: usize = 2;
/// Milliseconds between two blows at most.
const PEACE: usize = 2_500;
/// Longest round; it takes less than a minute.
const PATIENCE: Duration = Duration::from_mins(5);

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
    kills: usize,
    stops: usize,
    ends: usize,
    restarts: usize,
    freezes: usize,
    takeovers: usize,
    orders: usize,
    events: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.stops += other.stops;
        self.ends += other.ends;
        self.restarts += other.restarts;
        self.freezes += other.freezes;
        self.takeovers += other.takeovers;
        self.orders += other.orders;
        self.events += other.events;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, stops, ends, restarts, freezes, takeovers, orders, events } = self;
        write!(
            f,
            "{kills} workers killed, {stops} stopped past their leases, {ends} told to end, {restarts} crashes of the \
             database, {freezes} times that it stood still; {takeovers} claims beyond the first, {events} events of {orders} orders"
        )
    }
}

/// What happens to a node.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// A worker is killed.
    Kill(usize),
    /// A worker stands still for longer than its leases last, and goes on then.
    Stop(usize),
    /// A worker is told to end.
    End(usize),
    /// The database restarts at once, whatever it was doing.
    Restart,
    /// The database stands still for longer than leases last.
    Freeze,
}

impl Blow {
    fn by(random: &mut Random) -> Self {
        let worker = random.below(WORKERS);
        match random.below(12) {
            0..=5 => Self::Kill(worker),
            6 | 7 => Self::Stop(worker),
            8 | 9 => Self::End(worker),
            10 => Self::Restart,
            _ => Self::Freeze,
        }
    }
}

/// Runs a round to its end.
pub(super) fn run(repository: &Repository, programs: &Programs, seed: u64) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("awo-fleet-").tempdir()?;
    let place = directory.path().canonicalize()?;
    let mut cluster = Cluster::start(repository, true)?;
    let remote = Remote::new(&place)?;
    let party = Party { programs, place, database: cluster.url().to_owned() };
    let server = party.server("127.0.0.1:0")?;
    let address = server.listening().context("the server does not listen; see its log")?;
    let mut workers = (0..WORKERS).map(|number| party.worker(number, AT_ONCE)).collect::<Result<Vec<_>>>()?;
    let ids = (0..ORDERS).map(|_| create(&address, &remote)).collect::<Result<Vec<_>>>()?;

    let (mut outcome, mut random, give_up) = (Outcome::default(), Random(seed), AtomicBool::new(false));
    let followed = thread::scope(|scope| {
        let followers: Vec<_> = (0..ORDERS * CLIENTS)
            .map(|n| {
                let form = if n % 2 == 0 { Form::Events } else { Form::Frames };
                let (id, random, address, give_up) = (&ids[n % ORDERS], Random(random.next()), &address, &give_up);
                scope.spawn(move || follow(address, id, form, random, give_up))
            })
            .collect();
        let begun = Instant::now();
        let mut lived = Ok(());
        while followers.iter().any(|follower| !follower.is_finished()) && lived.is_ok() {
            thread::sleep(Duration::from_millis(random.below(PEACE) as u64));
            lived = strike(Blow::by(&mut random), &party, &mut workers, &mut cluster, &mut outcome.counts);
            if begun.elapsed() > PATIENCE {
                outcome.violations.push(format!("the orders did not end within {} s", PATIENCE.as_secs()));
                break;
            }
        }
        give_up.store(true, Ordering::SeqCst);
        let followed: Vec<_> = followers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        lived.map(|()| followed)
    })?;

    let read = ids.iter().map(|id| read(&address, id)).collect::<Result<Vec<_>>>()?;
    for (order, branch) in &read {
        outcome.violations.extend(wrong_in(order));
        let commits = if branch.is_empty() { Vec::new() } else { remote.commits(branch)? };
        if commits.len() != 1 {
            outcome.violations.push(format!("{}: the commits of {branch:?} are {commits:?}", order.id));
        }
        let claims = order.events.iter().filter(|event| event["kind"] == "claimed").count();
        outcome.counts.takeovers += claims.saturating_sub(1);
        outcome.counts.events += order.events.len();
    }
    outcome.counts.orders = read.len();
    for (n, followed) in followed.into_iter().enumerate() {
        let Ok(Followed { record, violation, .. }) = followed else {
            outcome.violations.push("a client panicked".into());
            continue;
        };
        let wrong = violation.or_else(|| record.differs_from(&read[n % ORDERS].0.events));
        outcome.violations.extend(wrong.map(|wrong| format!("client {n} of {}: {wrong}", ids[n % ORDERS])));
    }
    if !outcome.violations.is_empty() {
        outcome.kept = Some(directory.keep());
    }
    Ok(outcome)
}

/// Lets something happen; who is gone by it is there again afterwards.
fn strike(
    blow: Blow,
    party: &Party<'_>,
    workers: &mut [Server],
    cluster: &mut Cluster,
    counts: &mut Counts,
) -> Result<()> {
    match blow {
        Blow::Kill(number) => {
            workers[number].kill();
            counts.kills += 1;
            workers[number] = party.worker(number, AT_ONCE)?;
        }
        Blow::Stop(number) => {
            signal(&workers[number], Signal::STOP)?;
            thread::sleep(Duration::from_secs(LEASE + 1));
            signal(&workers[number], Signal::CONT)?;
            counts.stops += 1;
        }
        Blow::End(number) => {
            let status = workers[number].terminate()?;
            ensure!(status.success(), "told to end, worker {number} ended with {status}; see its log");
            counts.ends += 1;
            workers[number] = party.worker(number, AT_ONCE)?;
        }
        Blow::Restart => {
            cluster.restart()?;
            counts.restarts += 1;
        }
        Blow::Freeze => {
            cluster.stop()?;
            thread::sleep(Duration::from_secs(LEASE + 1));
            cluster.go()?;
            counts.freezes += 1;
        }
    }
    Ok(())
}

/// What must not be in what is stored of an order that nobody cancelled.
fn wrong_in(order: &History) -> Vec<String> {
    let mut wrong: Vec<_> = incomplete(order).iter().map(ToString::to_string).collect();
    wrong.extend(History::of(&order.id).follow(order.clone()).iter().map(ToString::to_string));
    let epochs: Vec<_> = order.events.iter().map(|event| event["epoch"].as_u64()).collect();
    if !epochs.is_sorted() {
        wrong.push(format!("{}: the epochs of its events fall: {epochs:?}", order.id));
    }
    wrong
}

fn create(address: &str, remote: &Remote) -> Result<String> {
    let body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"}).to_string();
    let (status, order) = call(address, "POST /agent-work-orders", "content-type: application/json\r\n", &body)?;
    ensure!(status == 201, "an order was answered with {status}: {order}");
    Ok(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned())
}

/// An order as it is stored, and its branch.
fn read(address: &str, id: &str) -> Result<(History, String)> {
    let get = |what: &str| -> Result<Value> {
        let (status, body) = call(address, &format!("GET /agent-work-orders/{id}{what}"), "", "")?;
        ensure!(status == 200, "{id}{what} was answered with {status}: {body}");
        Ok(body)
    };
    let order = get("")?;
    if order["status"] != "completed" {
        eprintln!("{id} is {}: {}", order["status"], order["error_message"]);
    }
    let branch = order["git_branch_name"].as_str().unwrap_or_default().to_owned();
    Ok((History::read(id, &get("/steps")?, &get("/events?limit=1000")?), branch))
}
