//! Figures of steps, and steps that take long, in the real program.

use awo_testkit::{eventually, until};
use serde_json::Value;

use crate::setting::{ORDERS, STEPS, Setting, completed, ended, events, order};

#[test]
fn figures_are_told_with_and_without_a_server() {
    let setting = Setting::new();
    let server = setting.program.serve();
    let id = setting.create(&server);
    completed(&server, &id);
    let asked = setting.run(&["stats", "--days", "7", "--json"]).expect(0).json();
    assert_eq!((&asked["total"]["attempts"], &asked["complete"]), (&7.into(), &true.into()));
    drop(server);

    let told = setting.run(&["stats", "--json"]).expect(0).json();
    assert_eq!(told["groups"], asked["groups"], "what was counted as it was saved is what is read");
    assert_eq!(told["slowest_orders"][0]["agent_work_order_id"], id);
    let table = setting.run(&["stats", "--by", "step", "--csv"]).expect(0).out;
    let mut lines: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    lines.sort_unstable();
    let mut steps = STEPS;
    steps.sort_unstable();
    assert_eq!(lines, steps);
    let shown = setting.run(&["stats"]).expect(0).out;
    assert!(shown.starts_with("1 order · 7 attempts, 0 failed"), "{shown}");
    assert!(shown.contains("implement, claude") && shown.contains(&id[id.len() - 8..]), "{shown}");
    let refused = setting.run(&["stats", "--csv", "--json"]).expect(2).err;
    assert!(refused.contains("give one of them"), "{refused}");
    let refused = setting.run(&["stats", "--by", "colour"]).expect(2).err;
    assert!(refused.contains("workflow_type"), "{refused}");
}

#[test]
fn a_step_that_takes_too_long_is_told_once_in_each_attempt_also_after_a_kill() {
    let setting = Setting::with(&[("AWO_SLOW_AFTER_SECONDS", "1")]);
    setting.agent.hold("planner");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    let slow = |order: Value| Some(order).filter(|order| order["current_step"]["slow_since"].is_string());
    let of_plan = |order: &Value| order["current_step"]["step"] == "plan";
    eventually("the step is slow", || slow(order(&server, &id)).filter(of_plan));
    let counted = |server: &awo_testkit::Server, count: u32| {
        let line = format!("awo_steps_slow_total{{step=\"plan\"}} {count}");
        server.get("/metrics").text.lines().any(|told| told == line)
    };
    assert!(counted(&server, 1));
    server.kill();

    let server = setting.program.serve();
    eventually("the next attempt is slow", || {
        slow(order(&server, &id)).filter(|order| order["current_step"]["attempt"] == 2)
    });
    until("it is counted", || counted(&server, 1));
    server.post(&format!("{ORDERS}/{id}/cancel"), &serde_json::json!({}));
    ended(&server, &id);
    // On a busy machine the step before may have been slow, too.
    let is_told = |event: &Value| event["kind"] == "step_slow" && event["data"]["step"] == "plan";
    let told: Vec<_> = events(&server, &id).into_iter().filter(is_told).collect();
    let attempts: Vec<_> = told.iter().map(|event| event["data"]["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!((&told[0]["data"]["slow_after_seconds"], &told[0]["data"]["usual"]), (&1.0.into(), &Value::Null));
    let said = setting.run(&["logs", &id, "--level", "warning", "--step", "plan"]).expect(0).out;
    assert_eq!(said.matches("step_slow").count(), 2, "{said}");
}
