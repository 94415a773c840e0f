//! One round: its orders, their clients, and what must hold of them in the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::counts::Counts;
use super::forge::Forge;
use super::kind::{Blow, Kind};
use super::network::{self, Link};
use super::party::{Party, Programs};
use super::rig::{Order, Rig, WORKERS};
use super::verdict::{End, cut_early, taken_over, wrong_in, wrong_pulls};
use super::{ledger, orders};
use crate::crash::{clock, processes};
use crate::postgres::{Cluster, Options};
use crate::provision;
use crate::random::Random;
use crate::remote::Remote;
use crate::repository::Repository;
use crate::streams::follower::{Followed, follow};
use crate::streams::wire::Form;

const ORDERS: usize = 6;
/// Clients of each order, one at each server, one of them over a web socket.
const CLIENTS: usize = 2;
/// Milliseconds between two blows at most.
const PEACE: usize = 2_500;
/// Blows in a round at most: then what is left must come to its end, also where the machine is busy.
const BLOWS: usize = 12;
/// Longest round, on a machine that does much else; it takes about a minute.
const PATIENCE: Duration = Duration::from_mins(15);
/// After this time nothing runs any more of what nodes had started.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Megabytes of a disk that is to be filled.
const DISK: u32 = 160;

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) violations: Vec<String>,
    /// Where to look, if something is wrong.
    pub(super) kept: Option<PathBuf>,
}

/// Why a kind of round cannot be had here, if so.
pub(super) fn missing(kind: Kind) -> Result<Option<String>> {
    match kind {
        Kind::Partitions => network::missing(),
        Kind::Clocks => clock::missing(),
        Kind::Disk if !provision::is_root() => Ok(Some("only root may mount a file system".to_owned())),
        _ => Ok(None),
    }
}

/// Programs that play what is around the nodes.
pub(super) struct Around {
    cluster: PathBuf,
    forge: PathBuf,
}

impl Around {
    /// Builds them, once: what is built anew between two rounds is not what the first ones tried.
    pub(super) fn build(repository: &Repository, release: bool) -> Result<Self> {
        let program = |name| repository.program("awo-testkit", name, Some("postgres"), release);
        Ok(Self { cluster: program("cluster")?, forge: program("forge")? })
    }
}

/// Runs a round to its end.
pub(super) fn run(around: &Around, programs: &Programs, kind: Kind, seed: u64) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("awo-fleet-").tempdir()?;
    let place = directory.path().canonicalize()?;
    let mut outcome = match play(around, programs, kind, seed, &place) {
        Ok(outcome) => outcome,
        Err(error) => Outcome { violations: vec![format!("{error:#}")], ..Outcome::default() },
    };
    if !outcome.violations.is_empty() {
        outcome.kept = Some(directory.keep());
    }
    Ok(outcome)
}

fn play(around: &Around, programs: &Programs, kind: Kind, seed: u64, place: &Path) -> Result<Outcome> {
    let links = if kind == Kind::Partitions { (0..WORKERS).map(Link::new).collect() } else { Ok(Vec::new()) }?;
    let cluster = Cluster::of(
        &around.cluster,
        &Options {
            durable: true,
            addresses: links.iter().map(Link::machine).collect(),
            disk: (kind == Kind::Disk).then_some(DISK),
        },
    )?;
    let remote = Remote::new(place)?;
    let mut forge = Forge::start(&around.forge, remote.path())?;
    links.iter().try_for_each(|link| forge.open_in(link))?;
    let party = Party {
        programs,
        place: place.to_owned(),
        database: cluster.url().to_owned(),
        forge: forge.address.clone(),
        links,
        clocks: if kind == Kind::Clocks { clock::library() } else { None },
    };
    party.prepare(remote.path())?;
    let mut rig = Rig::start(kind, party, cluster, Random(seed))?;
    submit_all(&mut rig)?;
    let followed = live(&mut rig)?;
    rig.end()?;
    gone(&mut rig, place)?;

    // What is left is the database: read by a server that knows nothing else.
    let reader = rig.party.server(&programs.awo, "reader", "127.0.0.1:0")?;
    let address = reader.listening().context("the reader does not listen; see its log")?;
    let heads = forge.heads()?;
    let mut read = Vec::new();
    for order in &rig.orders {
        let stored = orders::read(&address, &order.id)?;
        rig.violations.extend(wrong_in(&stored, order.end));
        rig.violations.extend(wrong_pulls(&stored, &heads));
        let commits = if stored.branch.is_empty() { Vec::new() } else { remote.commits(&stored.branch)? };
        if stored.history.status == "completed" && commits.len() != 1 {
            rig.violations.push(format!("{}: the commits of {:?} are {commits:?}", order.id, stored.branch));
        }
        if kind == Kind::Upgrade && cut_early(&stored.history) > 0 {
            rig.violations.push(format!("{}: was cut at once by a worker that was told to end", order.id));
        }
        rig.counts.one(match stored.history.status.as_str() {
            "completed" => "orders completed",
            "cancelled" => "orders that ended cancelled",
            _ => "orders failed after five cuts in a row",
        });
        rig.counts.more("claims beyond the first", taken_over(&stored.history));
        rig.counts.more("events", stored.history.events.len());
        read.push(stored);
    }
    for (n, Followed { record, violation, .. }) in followed.into_iter().enumerate() {
        let order = &read[n % read.len()].history;
        let wrong = violation.or_else(|| record.differs_from(&order.events));
        rig.violations.extend(wrong.map(|wrong| format!("client {n} of {}: {wrong}", order.id)));
    }
    let ids: Vec<_> = rig.orders.iter().map(|order| order.id.clone()).collect();
    rig.violations.extend(ledger::wrong_in(&rig.cluster, &ids)?);
    Ok(Outcome { counts: rig.counts, violations: rig.violations, kept: None })
}

/// Sends all orders, where it is about servers with one that is killed meanwhile.
fn submit_all(rig: &mut Rig<'_>) -> Result<()> {
    let addresses = rig.addresses.clone();
    for number in 0..ORDERS {
        let is_poison = rig.kind == Kind::Poison && number == 0;
        let request = if is_poison { "Say hello in more languages, and poison" } else { "Say hello in more languages" };
        let ids = thread::scope(|scope| {
            let key = format!("order-{number}");
            let addresses = &addresses;
            let sending = scope.spawn(move || orders::submit(addresses, &key, request));
            if rig.kind == Kind::Servers {
                rig.strike(Blow::KillServer)?;
            }
            sending.join().unwrap_or_else(|_| bail!("a client panicked"))
        })?;
        if ids.iter().any(|id| *id != ids[0]) {
            rig.violations.push(format!("one order was asked for, and {ids:?} are told of"));
        }
        let end = if is_poison { End::Lost } else { End::Completed };
        rig.orders.push(Order { id: ids[0].clone(), end });
    }
    Ok(())
}

/// Lets things happen until all clients have heard the end of their orders; what they heard.
fn live(rig: &mut Rig<'_>) -> Result<Vec<Followed>> {
    let (give_up, addresses) = (AtomicBool::new(false), rig.addresses.clone());
    let ids: Vec<_> = rig.orders.iter().map(|order| order.id.clone()).collect();
    thread::scope(|scope| {
        let followers: Vec<_> = (0..ids.len() * CLIENTS)
            .map(|n| {
                let turn = n / ids.len();
                let form = if turn % 2 == 0 { Form::Events } else { Form::Frames };
                let address = &addresses[(n + turn) % addresses.len()];
                let (id, random, give_up) = (&ids[n % ids.len()], Random(rig.random.next()), &give_up);
                scope.spawn(move || follow(address, id, form, random, give_up))
            })
            .collect();
        let lived = trouble(rig, || followers.iter().all(thread::ScopedJoinHandle::is_finished));
        give_up.store(true, Ordering::SeqCst);
        let followed = followers.into_iter().map(thread::ScopedJoinHandle::join);
        let followed: Vec<_> = followed.map(|it| it.ok().context("a client panicked")).collect::<Result<_>>()?;
        lived.map(|()| followed)
    })
}

fn trouble(rig: &mut Rig<'_>, is_over: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    let mut blows = 0;
    while !is_over() {
        ensure!(begun.elapsed() < PATIENCE, "the orders did not end within {} s", PATIENCE.as_secs());
        let peace = Instant::now() + Duration::from_millis(rig.random.below(PEACE) as u64);
        while Instant::now() < peace && !is_over() {
            rig.look()?;
            thread::sleep(Duration::from_millis(50));
        }
        if blows < BLOWS && !is_over() {
            let blow = rig.kind.blow(&mut rig.random);
            rig.strike(blow)?;
            blows += 1;
        }
    }
    Ok(())
}

/// Sees that nothing is left of what nodes had started, and that no two agents were at work on an order at once.
fn gone(rig: &mut Rig<'_>, place: &Path) -> Result<()> {
    let until = Instant::now() + GONE_WITHIN;
    let mut left = processes::of(place, None)?;
    while !left.is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
        left = processes::of(place, None)?;
    }
    rig.violations.extend(left.into_iter().map(|process| format!("all nodes have ended, and there is {process}")));
    let overlaps = std::fs::read_to_string(place.join("overlaps")).unwrap_or_default();
    // The agents of a worker that stands still go on; nobody is there who could end them.
    if rig.counts.of("workers stopped") == 0 {
        let lines = overlaps.lines().map(|line| format!("two agents at once: {line}"));
        rig.violations.extend(lines);
    }
    Ok(())
}
