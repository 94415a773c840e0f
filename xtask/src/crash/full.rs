//! `crash --full`: the disk of the data directory is full to the last byte while orders run, over several steps.
//!
//! Checkouts, agents at work and spilled results are on other disks, as an operator would have them. While the disk is full
//! the steps go on and the server says what is missing; then there is room again, or the server ends first. An agent of the
//! last step waits for room, as what it did is pushed from the data directory.

mod disk;
mod figures;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::data_dir::own_place;
use super::device;
use super::history::{self, History, Kind, Violation};
use super::trial::{Setting, Trial};
use crate::random::Random;
use crate::server::{call, text};
use disk::Disk;
use figures::{Figures, Outcome};

/// Everything that is pending is stored so soon after there is room.
const STORED_WITHIN: Duration = Duration::from_secs(10);

/// A server that is told to end does so within this time, whatever its disk does.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Longest wait for orders that go on.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(10);

/// How it goes on from a disk that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Then {
    /// There is room again.
    Room,
    /// The server is told to end, and started again when there is room.
    Terminate,
    /// It is killed, and started again when there is room.
    Kill,
    /// The same two, but nothing can be spilled either.
    TerminateUnspilled,
    KillUnspilled,
}

impl Then {
    const ALL: [Self; 5] = [Self::Room, Self::Terminate, Self::Kill, Self::TerminateUnspilled, Self::KillUnspilled];

    fn is_unspilled(self) -> bool {
        matches!(self, Self::TerminateUnspilled | Self::KillUnspilled)
    }
}

/// Fills the disk so many times.
pub(super) fn run(setting: &Setting, trials: u64, first: u64) -> Result<()> {
    if let Some(reason) = device::missing()? {
        eprintln!("SKIPPED: a full disk, because {reason}");
        return Ok(());
    }
    eprintln!("{trials} trials with a full disk from seed {first}");
    let mut figures = Figures::default();
    let mut failed = false;
    let begun = Instant::now();
    for seed in (0..trials).map(|n| first.wrapping_add(n)) {
        // In turn, so that a short run has each.
        let then = Then::ALL[usize::try_from(seed % Then::ALL.len() as u64)?];
        let place = tempfile::Builder::new().prefix("awo-full-").tempdir_in("/dev/shm")?;
        let outcome = attempt(setting, &place.path().canonicalize()?, then, &mut Random(seed))?;
        let verdict = if outcome.violations.is_empty() { "ok" } else { "FAILED" };
        eprintln!("seed {seed}: {then:?}: {outcome}, {verdict}");
        for violation in &outcome.violations {
            eprintln!("error: {violation}");
        }
        if !outcome.violations.is_empty() {
            failed = true;
            let kept = place.keep();
            let again = format!("cargo xtask crash --full --trials 1 --seed {seed}");
            eprintln!("error: `{again}` failed; its directory, with server.log, is {}", kept.display());
        }
        figures.add(then, &outcome);
    }
    eprintln!("{figures}; {:.0} s", begun.elapsed().as_secs_f64());
    if failed {
        bail!("crash: what must hold did not; see above");
    }
    Ok(())
}

fn attempt(setting: &Setting, place: &Path, then: Then, random: &mut Random) -> Result<Outcome> {
    let data = Disk::new(place, "store")?;
    let spills = then.is_unspilled().then(|| Disk::new(place, "spills")).transpose()?;
    write_agent(place, &setting.agent)?;
    let setting = Setting { program: setting.program.clone(), agent: place.join("agent") };
    let orders = 1 + random.below(3);
    let mut trial = Trial::new(&setting, place.to_owned(), data.at().join("data"), orders)?;
    let [workspaces, agents] = ["workspaces", "agents"].map(|name| place.join(name));
    let spill = spills.as_ref().map_or(place, Disk::at).join("spill");
    trial.empty_in_the_end = vec![workspaces.clone(), agents.clone(), spill.clone()];
    trial.variables =
        vec![("AWO_WORKSPACES_DIR", workspaces), ("AWO_AGENTS_DIR", agents), ("AWO_SPILL_DIR", spill.clone())];
    let mut rig = Rig { trial, data, spills, spill, outcome: Outcome { orders, ..Outcome::default() } };
    let went = rig.go(then, random)?;
    rig.outcome.violations.extend(went.err());
    Ok(rig.outcome)
}

/// The agent of all trials, slowed down, counted, and waiting for room before what has to be pushed. That it is asked for its
/// version is no execution.
fn write_agent(place: &Path, program: &Path) -> Result<()> {
    let (place_name, program) = (place.display(), program.display());
    let script = format!(
        "#!/bin/sh
if [ \"$1\" = --version ]; then exec {program} --version; fi
prompt=$(cat)
sleep 0.2
case $prompt in 'Role: pr_creator'*) while [ -e {place_name}/full ]; do sleep 0.05; done ;; esac
echo ran >> {place_name}/ran
printf '%s' \"$prompt\" | {program} \"$@\"
"
    );
    let agent = place.join("agent");
    fs::write(&agent, script)?;
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

struct Rig<'a> {
    // First, so that its files are closed before the disks go.
    trial: Trial<'a>,
    data: Disk,
    spills: Option<Disk>,
    spill: PathBuf,
    outcome: Outcome,
}

/// What a trial that cannot go on ends with.
type Went<T> = Result<Result<T, Violation>>;

/// Gives a violation back.
macro_rules! kept {
    ($went:expr) => {
        match $went {
            Ok(value) => value,
            Err(violation) => return Ok(Err(violation)),
        }
    };
}

impl Rig<'_> {
    fn go(&mut self, then: Then, random: &mut Random) -> Went<()> {
        let mut server = self.trial.start()?;
        let address = server.listening().context("the server listens")?;
        let before = 1 + random.below(2);
        let enough = |orders: &[History]| orders.iter().all(|order| order.results.len() >= before);
        kept!(self.look_until(&address, "the first results", enough)?);
        thread::sleep(Duration::from_millis(random.below(400) as u64));
        kept!(self.fill(&address)?);
        kept!(self.while_full(&address, 1 + random.below(2) as u64)?);
        match then {
            Then::Room => {
                let begun = Instant::now();
                self.make_room()?;
                kept!(self.stored(&address, begun)?);
            }
            Then::Terminate | Then::TerminateUnspilled => {
                let begun = Instant::now();
                let status = server.terminate()?;
                let took = begun.elapsed();
                if !status.success() || took > ENDS_WITHIN {
                    let what = format!("told to end on a full disk, the server ended with {status} after {took:?}");
                    self.outcome.violations.push(Violation::other(what));
                }
                kept!(self.look_at_spills(then)?);
                self.make_room()?;
                server = self.trial.start()?;
            }
            Then::Kill | Then::KillUnspilled => {
                server.kill();
                kept!(self.look_at_spills(then)?);
                self.make_room()?;
                server = self.trial.start()?;
            }
        }
        let address = if then == Then::Room { address } else { server.listening().context("the server listens")? };
        // The creation that was refused is sent again by the next look, with its key.
        self.trial.orders.push(History::default());
        kept!(self.look_until(&address, "all orders end", |orders| orders.iter().all(History::has_ended))?);
        let violations = self.trial.afterwards(&server, &address)?;
        self.outcome.violations.extend(violations);
        self.count_executions(then)
    }

    /// Reads the orders until something is so.
    fn look_until(&mut self, address: &str, what: &str, so: impl Fn(&[History]) -> bool) -> Went<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(violation) = self.trial.look(address)?.into_iter().next() {
                return Ok(Err(violation));
            }
            if so(&self.trial.orders) {
                return Ok(Ok(()));
            }
            thread::sleep(PAUSE);
        }
        Ok(Err(Violation::other(format!("waited {} s in vain: {what}", PATIENCE.as_secs()))))
    }

    /// Takes all room there is.
    fn fill(&mut self, address: &str) -> Went<()> {
        fs::write(self.trial.place.join("full"), "")?;
        self.data.fill()?;
        if let Some(spills) = &mut self.spills {
            spills.fill()?;
        }
        self.outcome.acknowledged = self.trial.orders.iter().map(|order| order.results.len()).sum();
        Ok(self.trial.look(address)?.into_iter().next().map_or(Ok(()), Err))
    }

    fn make_room(&mut self) -> Result<()> {
        self.data.make_room()?;
        if let Some(spills) = &mut self.spills {
            spills.make_room()?;
        }
        Ok(fs::remove_file(self.trial.place.join("full"))?)
    }

    /// The steps go on, the server tells what is missing, and takes nothing new.
    fn while_full(&mut self, address: &str, wanted: u64) -> Went<()> {
        let begun = Instant::now();
        // Any order: all of them have a disk that is full.
        while self
            .trial
            .orders
            .iter()
            .map(|order| pending(address, order))
            .collect::<io::Result<Vec<_>>>()?
            .iter()
            .max()
            < Some(&wanted)
        {
            if begun.elapsed() > PATIENCE {
                return Ok(Err(Violation::other(format!("no order has {wanted} pending steps on a full disk"))));
            }
            if let Some(violation) = self.trial.look(address)?.into_iter().next() {
                return Ok(Err(violation));
            }
            // What somebody gave back meanwhile.
            self.data.fill()?;
            thread::sleep(PAUSE);
        }
        let (status, health) = call(address, "GET /health", "", "")?;
        let told = (history::text(&health["persistence"]), health["unsaved_results"].as_u64());
        if status != 200 || told.0 != "degraded" || told.1.is_none_or(|unsaved| unsaved < wanted) {
            self.outcome.violations.push(Violation::other(format!("the health on a full disk is {status}: {health}")));
        }
        self.outcome.pending = usize::try_from(told.1.unwrap_or_default())?;
        let figures = text(address, "GET /metrics")?;
        if !degraded(&figures, self.trial.orders.len()) {
            let line = figures.lines().find(|line| line.starts_with("awo_orders_degraded"));
            self.outcome.violations.push(Violation::other(format!("the figures on a full disk say {line:?}")));
        }
        let (status, problem) = self.trial.create(address, self.trial.orders.len())?;
        if status != 503 || problem["type"] != "urn:awo:problem:store-unavailable" {
            let what = format!("creating on a full disk was answered with {status}: {problem}");
            self.outcome.violations.push(Violation::other(what));
        }
        let (_, list) = call(address, "GET /agent-work-orders", "", "")?;
        if list.as_array().map(Vec::len) != Some(self.trial.orders.len()) {
            self.outcome.violations.push(Violation::other(format!("a refused order is listed: {list}")));
        }
        Ok(Ok(()))
    }

    /// Everything is stored soon, without a restart.
    fn stored(&mut self, address: &str, begun: Instant) -> Went<()> {
        loop {
            let (_, health) = call(address, "GET /health", "", "")?;
            if health["persistence"] == "ok" && health["unsaved_results"] == 0 {
                self.outcome.stored = Some(begun.elapsed());
                return Ok(Ok(()));
            }
            if begun.elapsed() > STORED_WITHIN {
                let what = format!("{} s after there was room: {health}", STORED_WITHIN.as_secs());
                return Ok(Err(Violation::other(what)));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whatever was pending is spilled when the server has ended, if it could be.
    fn look_at_spills(&mut self, then: Then) -> Went<()> {
        for order in &self.trial.orders {
            let path = own_place(&self.spill).join(format!("{}.spill.json", order.id));
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes?,
            };
            let stored: Value = serde_json::from_slice(&bytes).with_context(|| format!("{} is cut", path.display()))?;
            self.outcome.spilled += stored["spill"]["results"].as_array().map_or(0, Vec::len);
        }
        let enough = then.is_unspilled() || self.outcome.spilled >= self.outcome.pending;
        let (pending, spilled) = (self.outcome.pending, self.outcome.spilled);
        let lost =
            || Violation { kind: Kind::Lost, what: format!("of {pending} pending results {spilled} are spilled") };
        Ok(if enough { Ok(()) } else { Err(lost()) })
    }

    /// Each execution left its result, but those that only the dead process had.
    fn count_executions(&mut self, then: Then) -> Went<()> {
        let executed = fs::read_to_string(self.trial.place.join("ran"))?.lines().count();
        let results = self.trial.orders.iter().map(|order| order.results.len()).sum();
        self.outcome.lost = executed.saturating_sub(results);
        let in_flight = self.outcome.orders;
        let allowed = match then {
            Then::Room | Then::Terminate => 0,
            // An agent that had ended, and whose result was on its way.
            Then::Kill => in_flight,
            Then::TerminateUnspilled | Then::KillUnspilled => self.outcome.pending + in_flight,
        };
        let what = || format!("{executed} executions have {results} results; {allowed} could be without");
        let violation = || Violation { kind: Kind::Repeated, what: what() };
        Ok(if self.outcome.lost <= allowed { Ok(()) } else { Err(violation()) })
    }
}

/// How many results of an order are not stored.
fn pending(address: &str, order: &History) -> io::Result<u64> {
    let (_, steps) = call(address, &format!("GET /agent-work-orders/{}/steps", order.id), "", "")?;
    let is_told = steps["persistence"] == "degraded";
    Ok(steps["pending_steps"].as_u64().filter(|_| is_told).unwrap_or_default())
}

/// Whether the figures tell of one degraded order at least, and not of more than there are.
fn degraded(figures: &str, orders: usize) -> bool {
    let mut values = figures.lines().filter_map(|line| line.strip_prefix("awo_orders_degraded ")?.trim().parse().ok());
    values.next_back().is_some_and(|value: usize| (1..=orders).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_must_tell_of_a_degraded_order() {
        let figures = "# TYPE awo_orders_degraded gauge\nawo_orders_degraded 1\nawo_orders_running 2\n";
        assert!(degraded(figures, 2));
        assert!(!degraded(&figures.replace("degraded 1", "degraded 0"), 2));
        assert!(!degraded(&figures.replace("degraded 1", "degraded 3"), 2));
        assert!(!degraded("", 2));
    }
}
