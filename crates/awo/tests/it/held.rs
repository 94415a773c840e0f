//! Orders that are held until somebody starts them.

use serde_json::Value;

use crate::setting::{ORDERS, Setting, completed, create, events, order, text};

#[test]
fn a_held_order_outlives_a_kill_and_runs_when_it_is_started() {
    let setting = Setting::new();
    let mut server = setting.program.serve();
    let url = setting.remote.url();
    let made = setting.run(&["create", "--hold", "--repo", &url, "Say hello", "--json"]).expect(0).json();
    let held = text(&made["agent_work_order_id"]);
    server.kill();

    let foreseen = setting.run(&["recover", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(foreseen["orders"][0]["action"], "hold");
    let told = setting.run(&["recover"]).expect(0);
    assert!(told.out.contains("is held until it is started"), "and it waits for nothing: {told:?}");

    let server = setting.program.serve();
    let other = setting.create(&server);
    completed(&server, &other); // what the start found comes first, and it was not there
    let seen = order(&server, &held);
    assert_eq!((&seen["status"], &seen["waiting_for"]), (&"pending".into(), &"start".into()));
    assert_eq!(seen["waiting_until"], Value::Null);
    let listed = setting.run(&["list"]).expect(0);
    assert!(listed.out.contains("held"), "{listed:?}");
    let shown = setting.run(&["show", &held]).expect(0);
    assert!(shown.out.contains("awo start"), "it says how to go on: {shown:?}");

    setting.run(&["start", &held]).expect(0);
    completed(&server, &held);
    let kinds: Vec<_> = events(&server, &held).iter().take(3).map(|event| text(&event["kind"])).collect();
    assert_eq!(kinds, ["created", "start_requested", "claimed"]);
    let late = setting.run(&["start", &held]).expect(2);
    assert!(late.err.contains("it has ended; retry it"), "{late:?}");
}

#[test]
fn a_held_order_is_cancelled_and_deleted() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let mut body = setting.body();
    body["start"] = false.into();
    let held = create(&server, &body);
    let early = server.call("DELETE", &format!("{ORDERS}/{held}"), &[], None);
    assert_eq!(early.status, 409, "{}", early.text);
    let cancelled = setting.run(&["cancel", &held, "--json"]).expect(0).json();
    assert_eq!((&cancelled["status"], &cancelled["waiting_for"]), (&"cancelled".into(), &Value::Null));
    let gone = server.call("DELETE", &format!("{ORDERS}/{held}"), &[], None);
    assert_eq!(gone.status, 204, "{}", gone.text);
}
