//! A step that takes longer than it may is ended with all its processes.

use awo_testkit::group_runs;
use serde_json::json;

use crate::setting::{Setting, create, ended, steps, text, told};

#[test]
fn an_agent_that_hangs_is_ended_when_its_time_is_over() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let mut body = setting.body();
    body["limits"] = json!({"step_timeout_seconds": 1});
    let id = create(&server, &body);
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"agent_timeout".into()));
    assert!(text(&order["error_message"]).contains("after 1 s"), "{order:#}");
    assert_eq!(told(&steps(&server, &id)), ["classify 1 ok", "plan 1 agent_timeout"]);
    assert!(!group_runs(setting.agent.calls_of("planner")[0].process), "its processes run on");
}

#[test]
fn the_limit_of_the_server_holds_where_the_order_sets_none() {
    let setting = Setting::with(&[("AGENT_WORK_ORDER_TIMEOUT", "1")]);
    setting.agent.hold("planner");
    let server = setting.program.serve();
    let id = setting.create(&server);
    assert_eq!(ended(&server, &id)["error_code"], "agent_timeout");
    assert!(!group_runs(setting.agent.calls_of("planner")[0].process), "its processes run on");
}

#[test]
fn an_agent_without_a_sign_of_life_is_ended() {
    let setting = Setting::with(&[("AWO_SILENCE_TIMEOUT_SECONDS", "1")]);
    setting.agent.hold("implementor");
    let server = setting.program.serve();
    let id = setting.create(&server);
    assert_eq!(ended(&server, &id)["error_code"], "agent_silent");
    assert!(!group_runs(setting.agent.calls_of("implementor")[0].process), "its processes run on");
}
