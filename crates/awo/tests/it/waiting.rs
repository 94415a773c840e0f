//! Orders that wait for the service of their agent, or for another attempt, in the real program.

use awo_models::Timestamp;
use awo_testkit::{eventually, until};
use serde_json::{Value, json};

use crate::setting::{ORDERS, STEPS, Setting, completed, create, ended, order, steps, text, told};

/// Waits until an order waits; the order.
#[track_caller]
fn waiting(server: &awo_testkit::Server, id: &str) -> Value {
    eventually("the order waits", || Some(order(server, id)).filter(|order| order["waiting_until"].is_string()))
}

/// Settings in which the first pause is short.
fn hasty(setting: Setting) -> Setting {
    let file = setting.program.place().join("hasty.toml");
    std::fs::write(&file, "[steps]\nfirst_pause_seconds = 1\n").unwrap();
    Setting { program: setting.program.with_variable("AWO_CONFIG", &file), ..setting }
}

#[test]
fn killed_while_it_waits_the_next_server_waits_on_and_a_cancel_ends_it_at_once() {
    let setting = Setting::new();
    setting.agent.hold("planner");
    let mut server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work("planner", 1);
    let created: Timestamp = text(&order(&server, &id)["created_at"]).parse().unwrap();
    setting.agent.limit("planner", Some(created.as_second() + 2 * 3600));
    setting.agent.release("planner");

    let seen = waiting(&server, &id);
    assert_eq!((&seen["status"], &seen["current_step"]), (&"running".into(), &Value::Null));
    assert_eq!(seen["waiting_for"], "the rate limit of claude, in step `plan`");
    let health = server.get("/health").json();
    assert_eq!((&health["running"], &health["waiting"]), (&1.into(), &1.into()));
    assert_eq!(told(&steps(&server, &id)), ["classify 1 ok"]);
    server.kill();

    for command in ["show", "steps"] {
        let shown = setting.run(&[command, &id]).expect(0).out;
        assert!(shown.contains("for the rate limit of claude, in step `plan`, until 20"), "{shown}");
    }
    let foreseen = setting.run(&["recover", "--dry-run"]).expect(0).out;
    assert!(foreseen.contains("goes on with plan, attempt 1") && foreseen.contains("once it has waited"), "{foreseen}");

    let server = setting.program.serve();
    until("the next server waits on", || server.get("/health").json()["waiting"] == 1);
    assert_eq!(order(&server, &id)["waiting_until"], seen["waiting_until"]);
    server.post(&format!("{ORDERS}/{id}/cancel"), &json!({}));
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["waiting_until"]), (&"cancelled".into(), &Value::Null));
    let steps = steps(&server, &id);
    assert_eq!(told(&steps), ["classify 1 ok", "plan 1 cancelled"]);
    assert_eq!(steps[1]["tries"][0]["error_code"], "agent_rate_limited");
    assert_eq!(setting.agent.calls_of("planner").len(), 1, "it was not asked again");
}

#[test]
fn a_limit_that_is_lifted_costs_no_attempt() {
    let setting = hasty(Setting::new());
    setting.agent.limit("implementor", None);
    let server = setting.program.serve();
    let id = setting.create(&server);
    waiting(&server, &id);
    setting.agent.lift("implementor");
    completed(&server, &id);
    let steps = steps(&server, &id);
    assert_eq!(told(&steps), STEPS.map(|step| format!("{step} 1 ok")));
    assert!(steps[4]["tries"][0]["waited_seconds"].as_f64().unwrap() > 0.0, "{:#}", steps[4]);
}

#[test]
fn an_attempt_that_comes_to_nothing_leaves_nothing_for_the_next_one() {
    let setting = hasty(Setting::new());
    let server = setting.program.serve();
    let whole = completed(&server, &setting.create(&server));

    // The first attempt has changed the files when its time is over.
    setting.agent.hold_answer("implementor");
    let mut body = setting.body();
    body["limits"] = json!({"step_timeout_seconds": 5, "max_attempts": 5});
    let id = create(&server, &body);
    let first = eventually("an attempt has failed", || {
        steps(&server, &id).into_iter().find(|step| step["step"] == "implement")
    });
    assert_eq!((&first["error_code"], &first["retryable"]), (&"agent_timeout".into(), &true.into()));
    assert_eq!(first["evidence"]["changes"]["files_changed"], 2);
    setting.agent.release_answer("implementor");
    let order = completed(&server, &id);
    assert_eq!(order["git_lines_added"], whole["git_lines_added"], "nothing is there twice");
    let last = steps(&server, &id).into_iter().rfind(|step| step["step"] == "implement").unwrap();
    assert!(last["attempt"].as_u64().unwrap() > 1 && last["success"] == true, "{last:#}");
}
