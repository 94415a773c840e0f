//! The nodes of a round while it lasts: what happens to them, and who must be alive.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use super::counts::Counts;
use super::kind::{Blow, Kind};
use super::network::Way;
use super::orders;
use super::party::{LEASE, Party, signal, worker_name};
use super::verdict::End;
use crate::crash::processes;
use crate::postgres::Cluster;
use crate::random::Random;
use crate::server::Server;

pub(super) const SERVERS: usize = 2;
pub(super) const WORKERS: usize = 3;
/// Somewhat longer than a lease lasts.
const LAPSE: Duration = Duration::from_secs(LEASE + 1);

/// What a node says that finds no database at its start, and ends.
const NO_DATABASE: &str = "the database cannot be";
/// How often a server is started that finds none.
const TRIES: usize = 20;

/// An order, and what it should come to.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) end: End,
}

/// All that a round consists of.
#[derive(Debug)]
pub(super) struct Rig<'a> {
    pub(super) kind: Kind,
    pub(super) party: Party<'a>,
    pub(super) cluster: Cluster,
    pub(super) servers: Vec<Server>,
    pub(super) addresses: Vec<String>,
    pub(super) workers: Vec<Server>,
    pub(super) orders: Vec<Order>,
    pub(super) random: Random,
    pub(super) counts: Counts,
    pub(super) violations: Vec<String>,
    /// How long the log of each worker was when it was started.
    logged: [usize; WORKERS],
    /// How often nodes had warned before the disk was full for the first time.
    complained: Option<usize>,
    /// How many nodes were replaced in turn.
    replaced: usize,
}

impl<'a> Rig<'a> {
    /// Starts all nodes.
    pub(super) fn start(kind: Kind, party: Party<'a>, cluster: Cluster, random: Random) -> Result<Self> {
        let mut rig = Self {
            kind,
            party,
            cluster,
            servers: Vec::new(),
            addresses: Vec::new(),
            workers: Vec::new(),
            orders: Vec::new(),
            random,
            counts: Counts::default(),
            violations: Vec::new(),
            logged: [0; WORKERS],
            complained: None,
            replaced: 0,
        };
        for number in 0..SERVERS {
            let server = rig.party.server(rig.program(number), &server_name(number), "127.0.0.1:0")?;
            rig.addresses.push(server.listening().context("a server does not listen; see its log")?);
            rig.servers.push(server);
        }
        for number in 0..WORKERS {
            rig.workers.push(rig.party.worker(rig.program(number), number)?);
        }
        Ok(rig)
    }

    /// What a node runs: where there is another version, every other node has it; those that are replaced in turn all have
    /// it first, and then the one that is tried.
    fn program(&self, number: usize) -> &'a Path {
        let other = self.party.programs.other.as_deref();
        let has_other = if self.kind == Kind::Upgrade { self.replaced == 0 } else { number % 2 == 1 };
        other.filter(|_| has_other).unwrap_or(&self.party.programs.awo)
    }

    /// Sees who is not there any more. Only an order that is meant to may end a worker.
    pub(super) fn look(&mut self) -> Result<()> {
        for number in 0..WORKERS {
            let Some(status) = self.workers[number].ended()? else { continue };
            if self.is_poisoned(number) {
                self.counts.one("workers killed by an order");
            } else if self.is_refused(number)? {
                self.counts.one("workers that found no database at their start");
            } else {
                self.violations.push(format!("worker {number} ended by itself with {status}; see its log"));
            }
            self.renew_worker(number)?;
        }
        for number in 0..SERVERS {
            if let Some(status) = self.servers[number].ended()? {
                self.violations.push(format!("server {number} ended by itself with {status}; see its log"));
                self.renew_server(number)?;
            }
        }
        Ok(())
    }

    fn is_poisoned(&self, number: usize) -> bool {
        self.party.place.join(format!("poisoned-{}", self.workers[number].process())).exists()
    }

    /// Whether the worker of a number found no database when it was started: it says so and ends, and is started again.
    fn is_refused(&self, number: usize) -> Result<bool> {
        let said = since(&self.party.log(&worker_name(number)), self.logged[number])?;
        Ok(!said.contains("worker_started") && said.contains(NO_DATABASE))
    }

    fn renew_worker(&mut self, number: usize) -> Result<()> {
        self.logged[number] = length(&self.party.log(&worker_name(number)));
        self.workers[number] = self.party.worker(self.program(number), number)?;
        Ok(())
    }

    /// Starts a server at its address, again and again where it finds no database.
    fn renew_server(&mut self, number: usize) -> Result<()> {
        let name = server_name(number);
        for _ in 0..TRIES {
            let before = length(&self.party.log(&name));
            let server = self.party.server(self.program(number), &name, &self.addresses[number])?;
            if server.listening().is_some() {
                self.servers[number] = server;
                return Ok(());
            }
            let said = since(&self.party.log(&name), before)?;
            ensure!(said.contains(NO_DATABASE), "{name} does not listen again; see its log");
            self.counts.one("servers that found no database at their start");
        }
        bail!("{name} found no database {TRIES} times; see its log")
    }

    /// Lets something happen; who is gone by it is there again afterwards.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<()> {
        let number = self.random.below(WORKERS);
        match blow {
            Blow::Kill => {
                self.workers[number].kill();
                self.counts.one("workers killed");
                self.renew_worker(number)
            }
            Blow::Stop => {
                signal(&self.workers[number], Signal::STOP)?;
                thread::sleep(LAPSE);
                self.counts.one("workers stopped");
                signal(&self.workers[number], Signal::CONT)
            }
            Blow::End => self.end_worker(number),
            Blow::Cut => self.cut(number),
            Blow::KillServer => {
                let number = self.random.below(SERVERS);
                self.servers[number].kill();
                self.counts.one("servers killed");
                self.pause(500);
                self.renew_server(number)
            }
            Blow::Deafen => {
                let ended = self.cluster.ask(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE query ILIKE 'LISTEN %' AND pid <> pg_backend_pid()",
                )?;
                self.counts.more("listening connections ended", ended.len());
                Ok(())
            }
            Blow::Cancel => self.cancel(),
            Blow::Restart => {
                self.counts.one("crashes of the database");
                self.cluster.restart()
            }
            Blow::Freeze => {
                self.cluster.stop()?;
                thread::sleep(LAPSE);
                self.counts.one("times that the database stood still");
                self.cluster.go()
            }
            Blow::Fill => self.fill(),
            Blow::Replace => self.replace(),
        }
    }

    fn pause(&mut self, at_most: usize) {
        thread::sleep(Duration::from_millis(self.random.below(at_most) as u64));
    }

    fn end_worker(&mut self, number: usize) -> Result<()> {
        let status = self.workers[number].terminate()?;
        let is_excused = self.is_poisoned(number) || self.is_refused(number)?;
        ensure!(status.success() || is_excused, "told to end, worker {number} ended with {status}; see its log");
        self.counts.one("workers told to end");
        self.renew_worker(number)
    }

    /// A worker that is cut off must have ended its agents by itself when its leases have lapsed.
    fn cut(&mut self, number: usize) -> Result<()> {
        let way = Way::by(&mut self.random);
        if !self.agents_of(number)?.is_empty() {
            self.counts.one("cuts with agents at work");
        }
        self.party.links[number].cut(way)?;
        self.counts.one(match way {
            Way::Both => "workers cut off both ways",
            Way::Out => "workers not heard any more",
            Way::In => "workers that hear nothing any more",
        });
        thread::sleep(LAPSE);
        for agent in self.agents_of(number)? {
            let seconds = LAPSE.as_secs();
            self.violations.push(format!("worker {number} was cut off for {seconds} s and has an agent: {agent}"));
        }
        self.pause(3_000);
        self.party.links[number].heal(way)
    }

    /// The agents, and their keepers, that a worker has at work.
    fn agents_of(&self, number: usize) -> Result<Vec<String>> {
        let agent = self.party.place.join("agent").display().to_string();
        let mut found = processes::of(&self.directory(number), Some(self.workers[number].process()))?;
        found.retain(|process| process.contains(&agent));
        Ok(found)
    }

    fn directory(&self, number: usize) -> PathBuf {
        self.party.place.join(worker_name(number))
    }

    /// Kills the worker that has an order, if one has it, and cancels the order before or while another one takes it over.
    fn cancel(&mut self) -> Result<()> {
        let open: Vec<_> = (0..self.orders.len()).filter(|n| self.orders[*n].end == End::Completed).collect();
        if open.len() * 2 <= self.orders.len() {
            return self.strike(Blow::Kill);
        }
        let chosen = open[self.random.below(open.len())];
        let id = self.orders[chosen].id.clone();
        let of_order = processes::of(Path::new(&id), None)?;
        for number in 0..WORKERS {
            let its = processes::of(&self.directory(number), None)?;
            if its.iter().any(|process| of_order.contains(process)) {
                self.workers[number].kill();
                self.counts.one("workers killed");
                self.renew_worker(number)?;
                self.counts.one("orders cancelled while nobody had them");
                break;
            }
        }
        self.pause(usize::try_from(LAPSE.as_millis()).unwrap_or_default());
        let address = self.addresses[self.random.below(SERVERS)].clone();
        let (status, answer) = orders::cancel(&address, &id)?;
        self.orders[chosen].end = match status {
            202 => End::Cancelled,
            409 => End::Either,
            _ => {
                self.violations.push(format!("{id}: its cancel was answered with {status}: {answer}"));
                End::Either
            }
        };
        self.counts.one("orders cancelled");
        Ok(())
    }

    /// Fills the disk for longer than a lease. When the database says that it has no room, a node must say something, too.
    fn fill(&mut self) -> Result<()> {
        let log = self.cluster.log()?;
        let database_said = length(&log);
        // Before the first time; some things are said once.
        let nodes_said = self.complained.map_or_else(|| self.complaints(), Ok)?;
        self.complained = Some(nodes_said);
        for _ in 0..2 * LAPSE.as_secs() {
            self.cluster.fill()?; // again, what was given back meanwhile
            thread::sleep(Duration::from_millis(500));
        }
        self.counts.one("times that the disk of the database was full");
        let said = since(&log, database_said)?;
        if refuses_a_statement(&said) {
            self.counts.one("times that it refused a write then");
            if self.complaints()? == nodes_said {
                self.violations.push("the disk of the database was full, and no node said anything".to_owned());
            }
        }
        self.counts.more("times that it gave up", usize::from(said.contains("PANIC")));
        self.cluster.free()
    }

    /// Lines of all nodes that warn, or tell of an error.
    fn complaints(&self) -> Result<usize> {
        let names = (0..WORKERS).map(worker_name).chain((0..SERVERS).map(server_name));
        let count = |name: String| {
            let log = fs::read(self.party.log(&name))?;
            Ok(String::from_utf8_lossy(&log).lines().filter(|line| is_complaint(line)).count())
        };
        names.map(count).sum()
    }

    /// Replaces the next node, as an upgrade does.
    fn replace(&mut self) -> Result<()> {
        self.replaced += 1;
        let number = self.replaced % (SERVERS + WORKERS);
        if number >= SERVERS {
            return self.end_worker(number - SERVERS);
        }
        let status = self.servers[number].terminate()?;
        ensure!(status.success(), "told to end, server {number} ended with {status}; see its log");
        self.counts.one("servers told to end");
        self.renew_server(number)
    }

    /// Tells all nodes to end.
    pub(super) fn end(&mut self) -> Result<()> {
        for (number, node) in self.workers.drain(..).enumerate() {
            let status = node.terminate()?;
            ensure!(status.success(), "told to end, worker {number} ended with {status}; see its log");
        }
        for (number, node) in self.servers.drain(..).enumerate() {
            let status = node.terminate()?;
            ensure!(status.success(), "told to end, server {number} ended with {status}; see its log");
        }
        Ok(())
    }
}

fn server_name(number: usize) -> String {
    format!("server-{number}")
}

fn is_complaint(line: &str) -> bool {
    line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"")
}

/// Whether the database had no room for what somebody asked of it; what it does in the background may fail, too.
fn refuses_a_statement(log: &str) -> bool {
    let mut lines = log.lines().skip_while(|line| !(line.contains("ERROR:") && line.contains("No space left")));
    lines.next().is_some() && lines.take(3).any(|line| line.contains("STATEMENT:"))
}

/// What a log says from a place on.
fn since(log: &Path, from: usize) -> Result<String> {
    let log = fs::read(log)?;
    Ok(String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned())
}

fn length(file: &Path) -> usize {
    fs::metadata(file).map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or_default())
}
