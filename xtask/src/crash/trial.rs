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
use super::{data_dir, processes};
use crate::remote::Remote;
use crate::server::{Server, call};

/// After this time a server that listens has claimed every order that has not ended.
const OWNED_WITHIN: Duration = Duration::from_secs(5);

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
    /// How often something was damaged between two lives.
    pub(super) damages: usize,
    /// Checkouts that a start made anew from their checkpoints.
    pub(super) rebuilt: usize,
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
    let data = place.join("data");
    let mut trial = Trial::new(setting, place, data, plan.orders)?;
    trial.prompts = plan.prompts.iter().map(|&(order, after)| Prompt { order, after, acknowledged: false }).collect();
    let start = Instant::now();
    let kills = plan.kills.iter().map(|moment| Some((*moment, moment.delay(whole.unwrap_or_default()))));
    for (number, end) in kills.chain([None]).enumerate() {
        // What comes after a broken promise proves nothing.
        if trial.outcome.violations.is_empty() {
            trial.live(end)?;
        }
        if let Some((after, damage)) = plan.damage
            && after == number
            && damage.happen(&trial.data, &trial.place.join("taken"))?
        {
            trial.outcome.damages += 1;
        }
    }
    trial.outcome.took = start.elapsed();
    let log = fs::read(trial.place.join("server.log"))?;
    trial.outcome.rebuilt = String::from_utf8_lossy(&log).matches("\"workspace_rebuilt\"").count();
    let mut outcome = trial.outcome;
    if !outcome.violations.is_empty() {
        outcome.kept = Some(directory.keep());
    }
    Ok(outcome)
}

/// A follow-up prompt to an order.
#[derive(Debug)]
pub(super) struct Prompt {
    /// Number of the order.
    order: usize,
    /// It is sent when so many results were read.
    after: usize,
    /// Whether it was answered. Until then it is sent again, with its key.
    acknowledged: bool,
}

/// A place with a data directory, and all that was read of the orders in it.
pub(super) struct Trial<'a> {
    setting: &'a Setting,
    pub(super) place: PathBuf,
    /// The data directory.
    pub(super) data: PathBuf,
    home: PathBuf,
    remote: Remote,
    /// Variables that each command is given besides: settings, mostly.
    pub(super) variables: Vec<(&'static str, PathBuf)>,
    /// Directories that only the work needs, besides those in the data directory. Nothing may be left in them.
    pub(super) empty_in_the_end: Vec<PathBuf>,
    /// What was read of each order; without an id as long as its creation was not acknowledged.
    pub(super) orders: Vec<History>,
    /// What is said to the orders after their requests.
    prompts: Vec<Prompt>,
    pub(super) outcome: Outcome,
}

impl<'a> Trial<'a> {
    /// Orders that are not created yet, for a data directory that is not there yet.
    pub(super) fn new(setting: &'a Setting, place: PathBuf, data: PathBuf, orders: usize) -> Result<Self> {
        let home = place.join("home");
        fs::create_dir(&home)?;
        let remote = Remote::new(&place)?;
        let outcome = Outcome { orders, ..Outcome::default() };
        let empty_in_the_end = vec![data.with_file_name("data.spill")];
        let (variables, prompts) = (Vec::new(), Vec::new());
        let orders = vec![History::default(); orders];
        Ok(Self { setting, place, data, home, remote, variables, empty_in_the_end, orders, prompts, outcome })
    }

    /// A server on the data directory.
    pub(super) fn start(&self) -> Result<Server> {
        let log = File::options().create(true).append(true).open(self.place.join("server.log"))?;
        let mut command = self.command(&["serve", "--bind", "127.0.0.1:0"]);
        command.arg("--skip-permissions");
        Server::start(command, log)
    }

    /// One life of the server, until it is killed at its moment, or until all orders have ended.
    fn live(&mut self, end: Option<(Moment, Duration)>) -> Result<()> {
        let mut server = self.start()?;
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
        while listening.elapsed() < LIFE {
            match self.look(address) {
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
            let ended = self.has_ended();
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
    pub(super) fn look(&mut self, address: &str) -> io::Result<Vec<Violation>> {
        let mut violations = Vec::new();
        for (number, order) in self.orders.iter_mut().enumerate() {
            if order.id.is_empty() {
                let (status, created) = create(address, &self.remote, number)?;
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
        for (number, prompt) in self.prompts.iter_mut().enumerate() {
            let order = &self.orders[prompt.order];
            if prompt.acknowledged || order.id.is_empty() || order.results.len() < prompt.after {
                continue;
            }
            let (status, answer) = say(address, &order.id, number)?;
            if matches!(status, 200 | 202) {
                prompt.acknowledged = true;
            } else {
                violations.push(Violation::other(format!("a prompt was answered with {status}: {answer}")));
            }
        }
        Ok(violations)
    }

    /// Whether all that was asked for has come to an end, as far as it was read.
    fn has_ended(&self) -> bool {
        let heard = |(number, order): (usize, &History)| {
            let sent = self.prompts.iter().filter(|prompt| prompt.order == number).count();
            let waits = history::unheard(order, sent).iter().any(|violation| violation.kind == Kind::Lost);
            order.has_ended() && !waits
        };
        self.prompts.iter().all(|prompt| prompt.acknowledged) && self.orders.iter().enumerate().all(heard)
    }

    /// Asks for the order of a number; the answer.
    pub(super) fn create(&self, address: &str, number: usize) -> io::Result<(u16, Value)> {
        create(address, &self.remote, number)
    }

    /// What must be so when all orders have ended and the server still runs, and when it was told to end.
    pub(super) fn afterwards(&self, server: &Server, address: &str) -> Result<Vec<Violation>> {
        let mut violations: Vec<_> = self.orders.iter().flat_map(history::incomplete).collect();
        for (number, order) in self.orders.iter().enumerate() {
            let sent = self.prompts.iter().filter(|prompt| prompt.order == number).count();
            violations.extend(history::unheard(order, sent));
        }
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
        if fs::metadata(self.data.join("LOCK"))?.len() != 0 {
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

    /// What is left of the work after a while, in which a start clears up: files and processes.
    fn leftovers(&self, except: Option<u32>) -> Result<Vec<Violation>> {
        let ids: Vec<_> = self.orders.iter().map(|order| order.id.as_str()).collect();
        let deadline = Instant::now() + TIDY_WITHIN;
        loop {
            let mut left = data_dir::leftovers(&data_dir::entries(&self.data)?, &ids);
            for directory in &self.empty_in_the_end {
                left.extend(data_dir::strays(&directory.display().to_string(), &data_dir::entries(directory)?));
            }
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
            .env("AWO_DATA_DIR", &self.data)
            .env("AWO_ISOLATION", "none")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("CLAUDE_CLI_PATH", &self.setting.agent)
            .stdin(Stdio::null());
        command
    }

    /// Notes a failure; false, as the life did not end as it should.
    fn fail(&mut self, what: impl Into<String>) -> bool {
        self.outcome.violations.push(Violation::other(what));
        false
    }
}

/// Asks for the order of a number.
fn create(address: &str, remote: &Remote, number: usize) -> io::Result<(u16, Value)> {
    let body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"});
    // A creation that was cut may have been stored or not; the key makes it one order.
    let headers = format!("content-type: application/json\r\nidempotency-key: trial-{number}\r\n");
    call(address, &format!("POST {ORDERS}"), &headers, &body.to_string())
}

/// Says something more to an order. Whether it was stored is not known when its answer was cut; the key makes it one prompt.
fn say(address: &str, id: &str, number: usize) -> io::Result<(u16, Value)> {
    let body = json!({"prompt_text": "Is the greeting in French right?"});
    let headers = format!("content-type: application/json\r\nidempotency-key: prompt-{number}\r\n");
    call(address, &format!("POST {ORDERS}/{id}/prompt"), &headers, &body.to_string())
}

/// Reads of an order that was created; anything but 200 is a promise broken.
fn get(address: &str, id: &str, what: &str) -> io::Result<Result<Value, Violation>> {
    let (status, body) = call(address, &format!("GET {ORDERS}/{id}{what}"), "", "")?;
    let kind = if status == 404 { Kind::Lost } else { Kind::Other };
    let violation = || Violation { kind, what: format!("{id}{what} is answered with {status}: {body}") };
    Ok(if status == 200 { Ok(body) } else { Err(violation()) })
}
