//! Workers that share the orders of a database: taken over when one is killed, handed over when one is told to end.

use std::process::{Child, Command, Stdio};

use awo_testkit::Server;
use awo_testkit::postgres::TestSchema;

use crate::setting::{Setting, completed, events, program, steps};

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

fn setting(schema: &TestSchema) -> Setting {
    let variables = variables(schema);
    Setting::with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// A worker with a data directory of its own, as if on a machine of its own. It is killed with this value.
struct Worker(Child);

impl Worker {
    fn start(setting: &Setting, name: &str) -> Self {
        let data = setting.program.place().join(name);
        let mut command: Command = setting.program.command(["worker", "--max-running", "2"]);
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
