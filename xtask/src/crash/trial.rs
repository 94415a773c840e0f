//! One trial: lives of the server on one data directory, and what is looked at in each and after the last.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::history::{self, History, Kind, Violation};
use super::plan::{Moment, Plan};
use super::remote::Remote;
use super::server::{Server, call};
use super::{data_dir, processes};

/// After this time a server that listens has claimed every order that has not ended.
const OWNED_WITHIN: Duration = Duration::from_secs(10);

/// After this time nothing that only the work needed is there any more.
const TIDY_WITHIN: Duration = Duration::from_secs(10);

/// Longest life of a server; an order takes a second or two.
const LIFE: Duration = Duration::from_mins(3);

const PAUSE: Duration = Duration::from_millis(2);

const ORDERS: &str = "/agent-work-orders";

/// The programs that all trials use.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) program: PathBuf,
    pub(super) agent: PathBuf,
}

/// What came of a trial.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) took: Duration,
    pub(super) orders: usize,
    pub(super) kills: usize,
    /// Results that were read before a kill.
    pub(super) acknowledged: usize,
    /// Artifacts whose writing was cut and that are still there.
    pub(super) cut_artifacts: usize,
    /// Workspaces whose removal was cut and that are still there.
    pub(super) cut_removals: usize,
    /// From the start of a server after a kill until it has claimed every order that had not ended.
    pub(super) recoveries: Vec<Duration>,
    pub(super) violations: Vec<Violation>,
    /// Where to look, if something failed.
    pub(super) kept: Option<PathBuf>,
}

impl Outcome {
    pub(super) fn summary(&self) -> String {
        let verdict = if self.violations.is_empty() { "ok" } else { "FAILED" };
        format!("{} acknowledged, {:.1} s, {verdict}", self.acknowledged, self.took.as_secs_f64())
    }

    /// Prints what failed, if anything did; whether it did.
    pub(super) fn report(&self, trial: &str) -> bool {
        for violation in &self.violations {
            eprintln!("error: {violation}");
        }
        if let Some(kept) = &self.kept {
            eprintln!("error: {trial} failed; its directory, with server.log, is {}", kept.display());
        }
        !self.violations.is_empty()
    }
}

/// Runs a trial. `whole` is what an undisturbed order takes; plans without kills need none.
pub(super) fn run(setting: &Setting, plan: &Plan, whole: Option<Duration>) -> Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("awo-crash-").tempdir()?;
    let place = directory.path().canonicalize()?;
    let home = place.join("home");
    fs::create_dir(&home)?;
    let remote = Remote::new(&place)?;
    let outcome = Outcome { orders: plan.orders, ..Outcome::default() };
    let orders = vec![History::default(); plan.orders];
    let mut trial = Trial { setting, place, home, remote, orders, ended_before: Vec::new(), outcome };
    let start = Instant::now();
    let kills = plan.kills.iter().map(|moment| Some((*moment, moment.delay(whole.unwrap_or_default()))));
    for end in kills.chain([None]) {
        // What comes after a broken promise proves nothing.
        if trial.outcome.violations.is_empty() {
            trial.live(end)?;
        }
    }
    trial.outcome.took = start.elapsed();
    let mut outcome = trial.outcome;
    if !outcome.violations.is_empty() {
        outcome.kept = Some(directory.keep());
    }
    Ok(outcome)
}

struct Trial<'a> {
    setting: &'a Setting,
    place: PathBuf,
    home: PathBuf,
    remote: Remote,
    /// What was read of each order; without an id as long as its creation was not acknowledged.
    orders: Vec<History>,
    /// Orders that had ended before the present life began.
    ended_before: Vec<String>,
    outcome: Outcome,
}

impl Trial<'_> {
    /// One life of the server, until it is killed at its moment, or until all orders have ended.
    fn live(&mut self, end: Option<(Moment, Duration)>) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.place.join("server.log"))?;
        let mut command = self.command(&["serve", "--bind", "127.0.0.1:0"]);
        command.arg("--skip-permissions");
        let mut server = Server::start(command, log)?;
        if let Some((Moment::After { .. }, delay)) = end {
            server.kill_after(delay);
        }
        let address = server.listening();
        let good = self.watch(&mut server, address.as_deref(), end);
        if end.is_some() {
            // When it is dropped at the latest.
            self.outcome.kills += 1;
            self.outcome.acknowledged = self.orders.iter().map(|order| order.results.len()).sum();
        } else if let (true, Some(address)) = (good, address) {
            let violations = self.afterwards(&server, &address)?;
            self.outcome.violations.extend(violations);
            let entries = data_dir::entries(&self.data_dir())?;
            self.outcome.cut_artifacts = data_dir::cut_artifacts(&entries);
            let left = self.ended_before.iter().filter(|id| self.data_dir().join("workspaces").join(id).exists());
            self.outcome.cut_removals = left.count();
        }
        Ok(())
    }

    /// Reads all that can be read, again and again; whether the life ended as it should.
    fn watch(&mut self, server: &mut Server, address: Option<&str>, end: Option<(Moment, Duration)>) -> bool {
        let Some(address) = address else {
            return server.was_killed() || self.fail("the server ended before it listened; see its log");
        };
        let listening = Instant::now();
        let worker = format!("awo-{}", server.process());
        let mut recovering = self.outcome.kills > 0 && self.orders.iter().any(|o| !o.id.is_empty() && !o.has_ended());
        let mut first = true;
        while listening.elapsed() < LIFE {
            let looked = self.look(address);
            if std::mem::take(&mut first) {
                let ended = self.orders.iter().filter(|order| order.has_ended());
                self.ended_before = ended.map(|order| order.id.clone()).collect();
            }
            match looked {
                Ok(violations) if violations.is_empty() => {}
                Ok(violations) => {
                    self.outcome.violations.extend(violations);
                    return false;
                }
                Err(_) if server.was_killed() => return true,
                Err(error) => return self.fail(format!("the server does not answer: {error}")),
            }
            let unowned = self.orders.iter().find(|order| !order.has_ended() && !order.is_owned_by(&worker));
            if let (Some(order), true) = (unowned, listening.elapsed() > OWNED_WITHIN) {
                let (id, status) = (&order.id, &order.status);
                let what = format!("{id}: {status} without an owner {} s after the start", OWNED_WITHIN.as_secs());
                return self.fail(what);
            }
            if unowned.is_none() && std::mem::take(&mut recovering) {
                self.outcome.recoveries.push(server.started().elapsed());
            }
            let ended = self.orders.iter().all(History::has_ended);
            let results: usize = self.orders.iter().map(|order| order.results.len()).sum();
            match end {
                None if ended => return true,
                Some((Moment::AfterResult { count, .. }, delay))
                    if !server.will_be_killed() && (ended || results >= count) =>
                {
                    server.kill_after(delay);
                }
                _ => {}
            }
            thread::sleep(PAUSE);
        }
        self.fail(format!("the orders have not ended after {} s", LIFE.as_secs()))
    }

    /// Creates what is not created and reads every order; an error if the server does not answer.
    fn look(&mut self, address: &str) -> io::Result<Vec<Violation>> {
        let mut violations = Vec::new();
        for (number, order) in self.orders.iter_mut().enumerate() {
            if order.id.is_empty() {
                let body = json!({"repository_url": self.remote.path(), "user_request": "Say hello in more languages"});
                // A creation that was cut may have been stored or not; the key makes it one order.
                let headers = format!("content-type: application/json\r\nidempotency-key: trial-{number}\r\n");
                let (status, created) = call(address, &format!("POST {ORDERS}"), &headers, &body.to_string())?;
                let id = history::text(&created["agent_work_order_id"]);
                if !matches!(status, 200 | 201) || id.is_empty() {
                    violations.push(Violation::other(format!("creating was answered with {status}: {created}")));
                    continue;
                }
                *order = History::of(id);
            }
            let (steps, events) =
                match (get(address, &order.id, "/steps")?, get(address, &order.id, "/events?limit=1000")?) {
                    (Ok(steps), Ok(events)) => (steps, events),
                    (Err(violation), _) | (_, Err(violation)) => {
                        violations.push(violation);
                        continue;
                    }
                };
            violations.extend(order.follow(History::read(&order.id, &steps, &events)));
        }
        Ok(violations)
    }

    /// What must be so when all orders have ended and the server still runs, and when it was told to end.
    fn afterwards(&self, server: &Server, address: &str) -> Result<Vec<Violation>> {
        let mut violations: Vec<_> = self.orders.iter().flat_map(history::incomplete).collect();
        let (_, list) = call(address, &format!("GET {ORDERS}"), "", "")?;
        let listed = list.as_array().map_or(0, Vec::len);
        if listed != self.orders.len() {
            violations
                .push(Violation::other(format!("{} orders were created and {listed} are there", self.orders.len())));
        }
        for order in &self.orders {
            match get(address, &order.id, "")? {
                Ok(found) => violations.extend(self.delivered(&order.id, history::text(&found["git_branch_name"]))?),
                Err(violation) => violations.push(violation),
            }
        }
        violations.extend(self.leftovers(Some(server.process()))?);
        let status = server.terminate()?;
        if !status.success() {
            violations.push(Violation::other(format!("told to end, the server ended with {status}")));
        }
        violations.extend(self.leftovers(None)?);
        if fs::metadata(self.data_dir().join("LOCK"))?.len() != 0 {
            violations.push(Violation::other("LOCK names a holder after an orderly end"));
        }
        for order in &self.orders {
            violations.extend(self.read_without_server(order)?);
        }
        Ok(violations)
    }

    /// The work is on its branch of the remote, committed once.
    fn delivered(&self, id: &str, branch: &str) -> Result<Option<Violation>> {
        if branch.is_empty() {
            return Ok(Some(Violation::other(format!("{id} completed without a branch"))));
        }
        let commits = self.remote.commits(branch)?;
        let kind = if commits.len() > 1 { Kind::Repeated } else { Kind::Lost };
        Ok((commits.len() != 1)
            .then(|| Violation { kind, what: format!("{id}: the commits of {branch} are {commits:?}") }))
    }

    /// What is left of the work after a while: files and processes.
    fn leftovers(&self, except: Option<u32>) -> Result<Vec<Violation>> {
        let ids: Vec<_> = self.orders.iter().map(|order| order.id.as_str()).collect();
        let deadline = Instant::now() + TIDY_WITHIN;
        loop {
            let mut left = data_dir::leftovers(&data_dir::entries(&self.data_dir())?, &ids);
            // Known to stay: a server does not look for orders that had ended before it began.
            left.retain(|left| !self.ended_before.iter().any(|id| *left == data_dir::workspace(id)));
            left.extend(processes::of(&self.place, except)?);
            if left.is_empty() || Instant::now() > deadline {
                return Ok(left.into_iter().map(Violation::other).collect());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The files alone say the same as the last server did.
    fn read_without_server(&self, order: &History) -> Result<Vec<Violation>> {
        let output = self.command(&["steps", "--json", &order.id]).output()?;
        let steps: Value = serde_json::from_slice(&output.stdout).context("`awo steps --json` printed no JSON")?;
        let events = Value::Array(order.events.clone());
        Ok(order.clone().follow(History::read(&order.id, &steps, &events)))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.setting.program);
        command
            .args(arguments)
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("AWO_DATA_DIR", self.data_dir())
            .env("CLAUDE_CLI_PATH", &self.setting.agent)
            .stdin(Stdio::null());
        command
    }

    fn data_dir(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Notes a failure; false, as the life did not end as it should.
    fn fail(&mut self, what: impl Into<String>) -> bool {
        self.outcome.violations.push(Violation::other(what));
        false
    }
}

/// Reads of an order that was created; anything but 200 is a promise broken.
fn get(address: &str, id: &str, what: &str) -> io::Result<Result<Value, Violation>> {
    let (status, body) = call(address, &format!("GET {ORDERS}/{id}{what}"), "", "")?;
    let kind = if status == 404 { Kind::Lost } else { Kind::Other };
    let violation = || Violation { kind, what: format!("{id}{what} is answered with {status}: {body}") };
    Ok(if status == 200 { Ok(body) } else { Err(violation()) })
}
