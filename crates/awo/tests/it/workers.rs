//! Workers that share the orders of a database: taken over when one is killed, handed over when one is told to end.

use std::process::{Child, Command, Stdio};

use awo_testkit::postgres::TestSchema;
use awo_testkit::{Server, eventually, until};
use serde_json::{Value, json};

use crate::setting::{Setting, Told, completed, events, order, program, steps, text};

const WORKERS: &str = "/agent-work-orders/workers";

/// What says to all nodes where the orders are, and that they may move between machines.
fn variables(schema: &TestSchema) -> [(&'static str, String); 5] {
    [
        ("AWO_STATE", "postgres".to_owned()),
        ("AWO_DATABASE_URL", schema.url().to_owned()),
        ("AWO_DATABASE_SCHEMA", schema.name().to_owned()),
        ("AWO_CHECKPOINTS", "remote".to_owned()),
        ("AWO_LEASE_SECONDS", "3".to_owned()),
    ]
}

pub(crate) fn setting(schema: &TestSchema) -> Setting {
    let variables = variables(schema);
    Setting::with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// A worker with a data directory of its own, as if on a machine of its own. It is killed with this value.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn start(setting: &Setting, name: &str) -> Self {
        Self::start_with(setting, name, &[])
    }

    pub(crate) fn start_with(setting: &Setting, name: &str, arguments: &[&str]) -> Self {
        let data = setting.program.place().join(name);
        let arguments = [&["worker", "--max-running", "2"], arguments].concat();
        let mut command: Command = setting.program.command(arguments);
        command.env("AWO_DATA_DIR", data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who claimed an order, in turn.
fn claimants(server: &Server, id: &str) -> Vec<String> {
    let events = events(server, id);
    let claims = events.iter().filter(|event| event["kind"] == "claimed");
    claims.map(|event| event["data"]["worker"].to_string()).collect()
}

#[test]
fn an_order_of_a_killed_worker_is_gone_on_with_by_another_one() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    setting.agent.hold("implementor");
    let server = setting.program.serve_with(["--no-run"]);
    let first = Worker::start(&setting, "first");
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    let second = Worker::start(&setting, "second");
    drop(first);
    setting.at_work("implementor", 2);
    setting.agent.release("implementor");
    let done = completed(&server, &id);
    assert_eq!((&done["status"], &done["steps_completed"]), (&"completed".into(), &7.into()));
    let told = serde_json::to_string(&steps(&server, &id)).unwrap();
    assert!(told.contains("interrupted"), "the cut attempt is told of: {told}");
    let claimed = claimants(&server, &id);
    assert!(claimed.len() == 2 && claimed[0] != claimed[1], "{claimed:?}");
    drop(second);
}

/// The workers, as a server tells of them.
fn listed(server: &Server) -> Vec<Value> {
    let answer = server.get(WORKERS);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["workers"].as_array().unwrap().clone()
}

/// The one that has an order.
fn holder(server: &Server, id: &str) -> Option<Value> {
    listed(server).into_iter().find(|worker| worker["orders"] == json!([id]))
}

/// Waits until a worker has said again, twice, that it is there.
pub(crate) fn heard_twice(server: &Server) {
    let unheard = || listed(server)[0]["unheard_seconds"].as_f64().unwrap();
    for _ in 0..2 {
        let mut longest = 0.0_f64;
        until("a worker is heard of", || {
            let now = unheard();
            let heard = now < longest;
            longest = longest.max(now);
            heard
        });
    }
}

#[test]
fn workers_are_listed_and_one_that_was_killed_is_silent_and_without_orders() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    setting.agent.hold("implementor");
    let server = setting.program.serve_with(["--no-run"]);
    let first = Worker::start(&setting, "first");
    let id = setting.create(&server);
    setting.at_work("implementor", 1);
    let second = Worker::start(&setting, "second");
    let both = eventually("both are listed", || Some(listed(&server)).filter(|workers| workers.len() == 2));
    let (run, spare): (Vec<_>, Vec<_>) = both.into_iter().partition(|worker| worker["orders"] == json!([id]));
    assert_eq!((run.len(), &spare[0]["orders"]), (1, &json!([])));
    for worker in run.iter().chain(&spare) {
        let told = (&worker["alive"], &worker["max_running"], &worker["version"]);
        assert_eq!(told, (&true.into(), &2.into(), &env!("CARGO_PKG_VERSION").into()), "{worker:#}");
    }
    let (first_name, second_name) = (&run[0]["name"], &spare[0]["name"]);

    // Also without any server: the database is all that is needed.
    let elsewhere = setting.program.place().join("elsewhere");
    let asked = |arguments: &[&str]| {
        let mut command = setting.program.command(arguments);
        Told::from(command.env("AWO_DATA_DIR", &elsewhere).output().unwrap()).expect(0)
    };
    let table = asked(&["workers"]).out;
    for shown in
        [text(first_name), text(second_name), "2 workers · 1 of 4 places taken".into(), id[id.len() - 8..].into()]
    {
        assert!(table.contains(&shown), "{shown}: {table}");
    }
    let json = asked(&["workers", "--json"]).json();
    assert_eq!((&json["shared"], json["workers"].as_array().unwrap().len()), (&true.into(), 2));

    drop(first);
    setting.at_work("implementor", 2);
    assert_eq!(&holder(&server, &id).unwrap()["name"], second_name, "it has moved");
    let killed = listed(&server).into_iter().find(|worker| worker["name"] == *first_name).unwrap();
    assert_eq!((&killed["alive"], &killed["orders"]), (&false.into(), &json!([])));
    assert!(killed["unheard_seconds"].as_f64().unwrap() >= 3.0, "{killed:#}");
    assert!(asked(&["workers"]).out.contains("2 workers, 1 silent"));
    let figures = server.get("/metrics").text;
    for line in ["awo_workers{state=\"alive\"} 1", "awo_workers{state=\"silent\"} 1", "awo_queue_paused 0"] {
        assert!(figures.lines().any(|told| told == line), "{line}: {figures}");
    }
    setting.agent.release("implementor");
    completed(&server, &id);
    until("the lease is given back", || holder(&server, &id).is_none());
    drop(second);
}

#[test]
fn a_paused_queue_keeps_a_new_order_until_it_is_resumed() {
    let Some(schema) = TestSchema::new() else { return };
    let setting = setting(&schema);
    let server = setting.program.serve_with(["--no-run"]);
    let _worker = Worker::start(&setting, "worker");
    until("it is listed", || listed(&server).len() == 1);
    assert!(setting.run(&["workers", "pause"]).expect(0).out.contains("`awo workers resume`"));
    let id = setting.create(&server);
    heard_twice(&server);
    let waiting = order(&server, &id);
    assert_eq!((&waiting["status"], &waiting["started_at"]), (&"pending".into(), &Value::Null));
    assert_eq!(setting.agent.calls().len(), 0, "nothing has begun");
    for arguments in [&["list"][..], &["show", &id], &["steps", &id]] {
        let told = setting.run(arguments).expect(0);
        assert!(told.err.contains("the queue is paused"), "{arguments:?}: {told:?}");
    }
    assert!(setting.run(&["workers"]).expect(0).out.contains("the queue is paused: no order begins"));
    assert!(server.get("/metrics").text.lines().any(|told| told == "awo_queue_paused 1"));
    until("the health tells of it", || server.get("/health").json()["workers"]["paused"] == true);

    setting.run(&["workers", "resume"]).expect(0);
    completed(&server, &id);
    let audit = setting.run(&["audit"]).expect(0).out;
    assert!(audit.contains("pause_queue") && audit.contains("resume_queue"), "{audit}");
}

#[test]
fn who_runs_orders_alone_has_no_workers_to_list_or_pause() {
    let setting = Setting::new();
    let is_told = || {
        assert!(setting.run(&["workers"]).expect(0).out.contains("no workers share these orders"));
        let refused = setting.run(&["workers", "pause"]).expect(2).err;
        assert!(refused.contains("set state (AWO_STATE) to postgres"), "{refused}");
    };
    let server = setting.program.serve();
    is_told();
    drop(server);
    is_told();
}

#[test]
fn the_next_server_with_a_data_directory_waits_for_no_lease_of_the_killed_one() {
    let Some(schema) = TestSchema::new() else { return };
    let variables = variables(&schema).map(|(name, value)| match name {
        "AWO_LEASE_SECONDS" => (name, "3600".to_owned()),
        _ => (name, value),
    });
    let setting = Setting::with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    setting.agent.hold("implementor");
    let mut killed = setting.program.serve();
    let id = setting.create(&killed);
    setting.at_work("implementor", 1);
    killed.kill();
    let next = setting.program.serve();
    setting.at_work("implementor", 2);
    setting.agent.release("implementor");
    assert_eq!(completed(&next, &id)["status"], "completed");
    assert_eq!(claimants(&next, &id).len(), 2);
}

#[test]
fn who_shares_orders_needs_a_database() {
    for arguments in [&["worker"][..], &["serve", "--no-run", "--bind", "127.0.0.1:0"]] {
        let told = program().run(arguments);
        let error = String::from_utf8(told.stderr).unwrap();
        assert_eq!(told.status.code(), Some(2), "{error}");
        assert!(error.contains("set state (AWO_STATE) to postgres"), "{error}");
    }
    let labels =
        program().with_variable("AWO_STATE", "postgres").with_variable("AWO_DATABASE_URL", "postgres://127.0.0.1:1/x");
    let told = labels.with_variable("AWO_CHECKPOINTS", "moon").run(["worker"]);
    assert!(String::from_utf8(told.stderr).unwrap().contains("there are local and remote"));
}
