//! A server and workers on a database of their own.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::Bench;
use super::super::database::Database;
use crate::fleet::party::{Party, Programs};
use crate::remote::Remote;
use crate::server::{Server, call};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(10);

/// Orders name a repository on this machine, which no forge has.
const NO_FORGE: &str = "http://127.0.0.1:9";

/// A database, a server that runs nothing, and what both work on.
pub(super) struct Nodes {
    pub(super) database: Database,
    pub(super) remote: Remote,
    programs: Programs,
    server: Server,
    address: String,
}

impl Nodes {
    /// Starts them. `agent` plays the agent of orders that name none.
    pub(super) fn start(bench: &Bench, name: &str, agent: &Path) -> Result<Self> {
        Self::on(Database::start(bench, name)?, bench, agent)
    }

    /// The same on a database that is there.
    pub(super) fn on(database: Database, bench: &Bench, agent: &Path) -> Result<Self> {
        let programs = Programs { awo: bench.program.clone(), other: None, agent: agent.to_owned() };
        let remote = Remote::new(database.place())?;
        let party = party(&programs, &database);
        party.prepare(remote.path())?;
        let server = party.server(&programs.awo, "server", "127.0.0.1:0")?;
        let log = party.log("server");
        let address = server.listening().with_context(|| format!("the server did not start; see {}", log.display()))?;
        Ok(Self { database, remote, programs, server, address })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Starts the worker of a number, for one order at once, and waits until it has told that it is there.
    pub(super) fn worker(&self, number: usize) -> Result<Server> {
        let known = || self.database.sql("SELECT count(*) FROM awo.workers");
        let before = known()?;
        let worker = party(&self.programs, &self.database).worker(&self.programs.awo, number, 1)?;
        wait("a worker", || Ok((known()? != before).then_some(())))?;
        Ok(worker)
    }

    /// Creates an order with more than a request in it.
    pub(super) fn create(&self, more: &Value) -> Result<String> {
        create(&self.address, &self.remote, more)
    }

    pub(super) fn post(&self, id: &str, what: &str) -> Result<()> {
        let (status, told) = call(&self.address, &format!("POST /agent-work-orders/{id}/{what}"), "", "")?;
        ensure!(status == 202, "{what} was answered with {status}: {told}");
        Ok(())
    }

    /// Seconds since 1970 at which each claim of an order was, by what it tells itself.
    pub(super) fn claims(&self, id: &str) -> Result<Vec<f64>> {
        let told = self.database.sql(&format!(
            "SELECT extract(epoch FROM (document ->> 'at')::timestamptz) FROM awo.events
            WHERE order_id = '{id}' AND document ->> 'kind' = 'claimed' ORDER BY number"
        ))?;
        told.lines().map(|line| Ok(line.parse()?)).collect()
    }

    /// Ends the server in order.
    pub(super) fn end_server(&self) -> Result<()> {
        end(&self.server)
    }

    /// Waits until no order waits or runs. None may have failed.
    pub(super) fn all_ended(&self) -> Result<()> {
        all_ended(&self.address)
    }
}

fn party<'a>(programs: &'a Programs, database: &Database) -> Party<'a> {
    Party {
        programs,
        place: database.place().to_owned(),
        database: database.url().to_owned(),
        forge: NO_FORGE.to_owned(),
        links: Vec::new(),
        clocks: None,
    }
}

/// An order with the scripted agent and one step, which does as little as an order can.
pub(super) fn small() -> Value {
    json!({"agent": "scripted", "selected_commands": ["create-branch"]})
}

/// Creates an order at a server.
pub(super) fn create(address: &str, remote: &Remote, more: &Value) -> Result<String> {
    let mut body = json!({"repository_url": remote.path(), "user_request": "Say hello in more languages"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let headers = "content-type: application/json\r\n";
    let (status, order) = call(address, "POST /agent-work-orders", headers, &body.to_string())?;
    ensure!(status == 201, "creating was answered with {status}: {order}");
    Ok(order["agent_work_order_id"].as_str().context("an order has an id")?.to_owned())
}

/// Waits until no order of a server waits or runs. None may have failed.
pub(super) fn all_ended(address: &str) -> Result<()> {
    let of = |status: &str| -> Result<Value> {
        Ok(call(address, &format!("GET /agent-work-orders?limit=1{status}"), "", "")?.1)
    };
    wait("all orders have ended", || Ok((of("&status=pending&status=running")? == json!([])).then_some(())))?;
    let failed = of("&status=failed")?;
    ensure!(failed == json!([]), "an order failed: {failed}");
    Ok(())
}

/// Ends a node in order.
pub(super) fn end(node: &Server) -> Result<()> {
    let status = node.terminate()?;
    ensure!(status.success(), "a node ended with {status}");
    Ok(())
}

/// Looks again and again until something is there.
pub(super) fn wait<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("{what}: not within {} s", PATIENCE.as_secs())
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock that the nodes tell the time by; there is no engine here")]
pub(super) fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64())
}
