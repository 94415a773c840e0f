//! Every step can be read the moment it has ended, by anybody who asks.

use awo_testkit::{ROLES, until};
use serde_json::Value;

use crate::setting::{
    ORDERS, STEPS, Setting, completed, create, ended, events, has_ended, history, order, program, steps, text, told,
};

#[test]
fn a_step_is_readable_before_the_agent_of_the_next_one_starts() {
    let setting = Setting::new();
    for role in ROLES {
        setting.agent.hold(role);
    }
    let server = setting.program.serve();
    let id = setting.create(&server);
    for (done, role) in ROLES.iter().enumerate() {
        setting.at_work(role, 1);
        // No waiting here: the agent runs, so what ended before it must be there at the first look.
        let seen = history(&server, &id);
        let names: Vec<_> = seen["steps"].as_array().unwrap().iter().map(|step| text(&step["step"])).collect();
        assert_eq!(names, STEPS[..done], "while {role} is at work");
        assert!(seen["steps"].as_array().unwrap().iter().all(|step| step["success"] == true), "{seen:#}");
        assert_eq!((&seen["status"], &seen["current_step"]["step"]), (&"running".into(), &STEPS[done].into()));
        assert_eq!(order(&server, &id)["steps_completed"], done);
        setting.agent.release(role);
    }
    let order = completed(&server, &id);
    assert_eq!((&order["steps_completed"], &order["finishing"]), (&7.into(), &false.into()));
    assert_eq!(told(&steps(&server, &id)), STEPS.map(|step| format!("{step} 1 ok")));
}

#[test]
fn a_client_that_waits_is_told_each_length_once() {
    let setting = Setting::new();
    for role in ROLES {
        setting.agent.hold(role);
    }
    let server = setting.program.serve();
    let id = setting.create(&server);
    setting.at_work(ROLES[0], 1);
    let mut tag = String::new();
    for (length, role) in ROLES.iter().map(Some).chain([None]).enumerate() {
        let path = format!("{ORDERS}/{id}/steps?wait=30");
        let seen = loop {
            let answer = server.call("GET", &path, &[("if-none-match", &tag)], None);
            assert_eq!(answer.status, 200, "something new came within 30 s: {}", answer.text);
            answer.header("etag").unwrap().clone_into(&mut tag);
            let seen = answer.json();
            let now = seen["steps"].as_array().unwrap().len();
            assert!(now <= length, "{now} results while {length} steps have ended");
            // A version without a new result comes before the first step only (the claim), and at the end.
            if now == length && (role.is_some() || has_ended(&seen)) {
                break seen;
            }
        };
        if let Some(role) = role {
            assert_eq!(seen["current_step"]["agent_name"], *role, "the next step starts with the save of the last");
            setting.agent.release(role);
        }
    }
}

#[test]
fn the_events_say_that_each_step_was_saved_before_the_next_began() {
    let setting = Setting::new();
    let server = program().serve_with(["--agent", "scripted"]);
    let id = create(&server, &setting.body());
    let mut lengths = vec![steps(&server, &id).len()];
    until("the order has ended", || {
        lengths.push(steps(&server, &id).len());
        has_ended(&order(&server, &id))
    });
    lengths.push(steps(&server, &id).len());
    assert!(lengths.is_sorted(), "the history shrank: {lengths:?}");
    assert_eq!(lengths.last(), Some(&7));
    assert!(lengths.windows(2).filter(|pair| pair[0] < pair[1]).count() >= 3, "it came at once: {lengths:?}");

    let events = events(&server, &id);
    let numbers: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let of = |kind: &str, step: &str| {
        let wanted = |event: &&Value| event["kind"] == kind && event["data"]["step"] == step;
        events.iter().find(wanted).unwrap_or_else(|| panic!("no {kind} of {step}"))["sequence"].as_u64().unwrap()
    };
    for pair in STEPS.windows(2) {
        assert!(of("step_finished", pair[0]) < of("step_started", pair[1]), "{pair:?}: {events:#?}");
    }
    for pair in steps(&server, &id).windows(2) {
        assert!(text(&pair[0]["timestamp"]) <= text(&pair[1]["started_at"]), "{pair:#?}");
    }
}

#[test]
fn a_failed_step_is_saved_before_the_order_ends() {
    let setting = Setting::new();
    setting.agent.fail("implementor", "the disk is on fire");
    let server = setting.program.serve_with(["--log-level", "awo_engine=debug"]);
    let id = setting.create(&server);
    let order = ended(&server, &id);
    assert_eq!((&order["status"], &order["error_code"]), (&"failed".into(), &"agent_crashed".into()));
    assert!(text(&order["error_message"]).contains("the disk is on fire"), "{order:#}");
    let mut expected: Vec<_> = STEPS[..4].iter().map(|step| format!("{step} 1 ok")).collect();
    expected.push("implement 1 agent_crashed".into());
    assert_eq!(told(&steps(&server, &id)), expected);

    // Each line of the log is a save that was acknowledged, so that it could be read from then on.
    let log = server.log();
    let saves = log.lines().filter(|line| line.contains("step_history_saved"));
    let saves = saves.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let saves: Vec<Value> = saves.filter(|save| save["step_count"] != 0).collect();
    let counts: Vec<_> = saves.iter().map(|save| save["step_count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 2, 3, 4, 5, 5], "five results and the end, each with a save of its own: {log}");
    let versions = saves.iter().map(|save| text(&save["version"]).parse::<u64>().unwrap());
    let failed = versions.rev().nth(1).unwrap();
    let end = events(&server, &id).iter().find(|event| event["kind"] == "ended").unwrap()["sequence"].as_u64();
    assert!(Some(failed) < end, "the failed step was readable while the order ran: {failed}, {end:?}");
}

#[test]
fn what_is_not_there_is_said_to_be_not_found_under_every_spelling() {
    let server = program().serve();
    for path in [
        "/agent-work-orders/wo-00000000000000000000000000000000",
        "/agent-work-orders/wo-00000000000000000000000000000000/steps",
        "/agent-work-orders/wo-00000000000000000000000000000000/steps/",
        "/api/agent-work-orders/wo-00000000000000000000000000000000/steps",
        "/api/agent-work-orders/nonsense/steps/",
        "/agent-work-orders/nonsense",
        "/agent-work-orders/wo-00000000000000000000000000000000/events",
        "/agent-work-orders/wo-00000000000000000000000000000000/steps/1/output",
        "/agent-work-order",
        "/api/health/x",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert!(text(&answer.json()["detail"]).contains("not found"), "{path}: {}", answer.text);
    }
    let cancelled = server.post("/agent-work-orders/wo-00000000000000000000000000000000/cancel", &Value::Null);
    assert_eq!(cancelled.status, 404, "{}", cancelled.text);
}

#[test]
fn both_prefixes_and_the_trailing_slash_are_one_order() {
    let setting = Setting::new();
    setting.agent.hold("classifier");
    let server = setting.program.serve();
    let answer = server.post("/api/agent-work-orders/", &setting.body());
    assert_eq!(answer.status, 201, "{}", answer.text);
    let created = answer.json();
    let id = text(&created["agent_work_order_id"]);
    assert_eq!(answer.header("location"), Some(&*format!("/api/agent-work-orders/{id}")));
    setting.at_work("classifier", 1);
    for prefix in ["/agent-work-orders", "/api/agent-work-orders"] {
        for slash in ["", "/"] {
            assert_eq!(server.get(&format!("{prefix}{slash}")).json()[0]["agent_work_order_id"], *id);
            assert_eq!(server.get(&format!("{prefix}/{id}{slash}")).json()["status"], "running");
            let answer = server.get(&format!("{prefix}/{id}/steps{slash}"));
            assert_eq!((answer.status, answer.json()["steps"].clone()), (200, Value::Array(Vec::new())));
        }
    }
    let health = server.get("/health").json();
    assert_eq!((&health["status"], &health["service"]), (&"healthy".into(), &"agent-work-orders".into()));
    assert_eq!((&health["running"], &health["queued"]), (&1.into(), &0.into()));
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/health/ready").status, 200);
}
