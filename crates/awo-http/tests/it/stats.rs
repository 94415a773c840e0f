//! `GET /stats/steps`.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::Settings;
use awo_http::Scope;
use awo_models::{CurrentStep, EventKind, FailureCode, OrderPatch, SlowAttempt, Usage, UsualDuration};
use awo_state::{Change, InMemory, MockStateRepository, OrderRow, Page, StateError, StateRepository as _};
use axum::body::Body;
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::guarded::Guarded;
use crate::support::{Worker, World, at, current, request, result};

const PATH: &str = "/agent-work-orders/stats/steps";

/// An order whose `classify` succeeds, and whose `plan` fails and then succeeds.
async fn worked(world: &World, seconds: u64) -> String {
    let id = world.order().await;
    let mut worker = Worker::claim(world, id, current("classify", "classifier")).await;
    worker.save(result("classify", "classifier"), OrderPatch::default()).await;
    let mut plan = result("plan", "planner");
    plan.duration = Duration::from_secs(seconds);
    plan.usage = Some(Usage {
        cost_nanousd: Some(seconds * 10_000_000),
        input_tokens: Some(seconds),
        turns: Some(2),
        model: Some("opus".into()),
        ..Usage::default()
    });
    let mut failed = plan.clone();
    failed.success = false;
    failed.error_code = Some(FailureCode::AgentCrashed);
    worker.save(failed, OrderPatch::default()).await;
    plan.attempt = 2;
    worker.save(plan, OrderPatch::default()).await;
    id.to_string()
}

#[tokio::test]
async fn figures_as_they_are_sent() {
    let world = World::new();
    worked(&world, 30).await;
    worked(&world, 90).await;
    let answer = world.get(&format!("{PATH}?recent=2&slowest=1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_json_snapshot!("stats", answer.json());
    assert_eq!(world.get("/api/agent-work-orders/stats/steps/?recent=2&slowest=1").await.json(), answer.json());
    assert_eq!(world.get("/agent-work-orders/stats/events").await.status, 404, "that is no order");
}

#[tokio::test]
async fn figures_can_be_narrowed_and_grouped() {
    let world = World::new();
    worked(&world, 30).await;
    let groups = async |query: &str| {
        let answer = world.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let groups: Vec<Value> = answer.json()["groups"].as_array().unwrap().clone();
        let keys = ["step", "agent", "model", "repository_url", "workflow_type", "attempts"];
        groups.iter().map(|group| keys.map(|key| group[key].clone())).collect::<Vec<_>>()
    };
    let null = Value::Null;
    let one = |key: [Value; 6]| vec![key];
    let plan = [json!("plan"), null.clone(), null.clone(), null.clone(), null.clone(), json!(2)];
    assert_eq!(groups("group_by=step&step=plan").await, one(plan));
    let opus = [null.clone(), null.clone(), json!("opus"), null.clone(), null.clone(), json!(2)];
    assert_eq!(groups("group_by=model&model=opus").await, one(opus));
    let url = "https://github.com/Wirasm/dylan.git";
    let all = [null.clone(), json!("scripted"), null.clone(), json!(url), json!("agent_workflow_plan"), json!(3)];
    let by = "group_by=agent&group_by=repository_url&group_by=workflow_type";
    assert_eq!(groups(by).await, one(all.clone()));
    assert_eq!(groups(&format!("{by}&repository_url={url}&agent=scripted&days=1")).await, one(all));
    for none in ["repository_url=https://example.org", "agent=claude", "workflow_type=selected_commands", "step=x"] {
        assert_eq!(groups(none).await, Vec::<[Value; 6]>::new(), "{none}");
    }
    // Results ended at minute 2.
    for (window, attempts) in [
        ("since=2026-01-02T03:02:00Z", 3),
        ("until=2026-01-02T03:02:00Z", 0),
        ("since=2026-01-02T03:02:00Z&until=2026-01-02T03:02:01Z", 3),
        ("since=2026-01-02T03:02:01Z", 0),
    ] {
        let told = world.get(&format!("{PATH}?{window}")).await.json();
        assert_eq!(told["total"]["attempts"], attempts, "{window}");
    }
}

#[tokio::test]
async fn figures_in_lines_and_columns() {
    let world = World::new();
    worked(&world, 30).await;
    let by_header = world.get_with(&format!("{PATH}?group_by=step&group_by=model"), &[("accept", "text/csv")]).await;
    assert_eq!(by_header.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_snapshot!("stats_csv", by_header.text());
    let by_name = world.get(&format!("{PATH}?format=csv&group_by=step&group_by=model")).await;
    assert_eq!(by_name.text(), by_header.text());
    let json = world.get_with(&format!("{PATH}?format=json"), &[("accept", "text/csv")]).await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    world.get_with(PATH, &[("accept", "text/html")]).await.problem(406, "not-acceptable");
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_all_at_once() {
    let world = World::new();
    let query = "days=0&recent=51&slowest=101&group_by=colour&workflow_type=mine&format=xml&step=a%20b&dayz=3";
    let problem = world.get(&format!("{PATH}?{query}")).await.problem(422, "invalid-request");
    assert_json_snapshot!("bad_stats", problem["errors"]);
    for query in
        ["days=1&since=2026-01-02T03:02:00Z", "since=2026-01-02T03:02:00Z&until=2026-01-02T03:02:00Z", "since=soon"]
    {
        world.get(&format!("{PATH}?{query}")).await.problem(422, "invalid-request");
    }
}

#[tokio::test]
async fn they_take_a_key_that_reads_orders() {
    let guarded = Guarded::new();
    for scope in Scope::ALL {
        let status = guarded.status("GET", PATH, &[("authorization", &guarded.bearer(scope))]).await;
        let may = matches!(scope, Scope::OrdersRead | Scope::Admin);
        assert_eq!(status, if may { 200 } else { 403 }, "{scope:?}");
    }
}

#[tokio::test]
async fn damaged_orders_are_told_and_an_outage_is_not_waited_for_for_ever() {
    let world = World::new();
    let (damaged, listed) = (world.order().await, world.order().await);
    let order = world.repository.get(damaged).await.unwrap().unwrap().order;
    let row = OrderRow { order, seq: awo_models::EventSeq(1), epoch: awo_models::Epoch(1), bytes: 0 };
    let mut repository = MockStateRepository::new();
    let page = Page { items: vec![row], next: None, total: 1, damaged: vec![listed] };
    repository.expect_list().returning(move |_| Ok(page.clone()));
    repository.expect_get().returning(|id| Err(StateError::Corrupt { id, source: "it is cut".into() }));
    let world = World::with(Arc::new(repository), Settings::default(), |api| api);
    let told = world.get(PATH).await.json();
    assert_eq!((&told["unreadable_orders"], &told["complete"]), (&json!(2), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn while_the_store_does_not_answer_what_is_known_is_told() {
    let mut repository = MockStateRepository::new();
    repository.expect_list().returning(|_| Err(StateError::Unavailable("the disk is away".into())));
    let world = World::with(Arc::new(repository), Settings::default(), |api| api);
    let told = world.get(PATH).await.json();
    assert_eq!((&told["total"]["attempts"], &told["complete"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn a_slow_attempt_is_told_in_the_order_and_its_events() {
    let repository = InMemory::default();
    let world = World::with(Arc::new(repository.clone()), Settings::default(), |api| api);
    let id = world.order().await;
    let step = current("implement", "implementor");
    Worker::claim(&world, id, step.clone()).await;
    let seen = world.get(&format!("/agent-work-orders/{id}")).await.json()["current_step"].clone();
    assert_eq!((&seen["usual"], &seen["slow_since"]), (&Value::Null, &Value::Null));
    let CurrentStep { step, agent_name, attempt, .. } = step;
    let (p50, p95) = (Duration::from_mins(1), Duration::from_millis(100_500));
    let usual = Some(UsualDuration { p50, p95, samples: 7 });
    let slow = SlowAttempt { step, agent_name, attempt, since: at(5), slow_after: p95 * 2, usual };
    let patch = OrderPatch { slow: Some(Some(slow.clone())), ..OrderPatch::default() };
    let claimed = repository.get(id).await.unwrap().unwrap();
    let heard = awo_state::Committed {
        seq: claimed.seq,
        epoch: claimed.epoch,
        owner_events: 0,
        steps: 0,
        cancel_requested: false,
        prompts: 0,
    };
    let change = Change::after(heard).with(EventKind::StepSlow(slow), at(5), patch);
    repository.save_step_history(id, &claimed.history, &change).await.unwrap();
    for path in ["", "/steps"] {
        let seen = world.get(&format!("/agent-work-orders/{id}{path}")).await.json();
        assert_eq!(seen["current_step"]["slow_since"], json!(at(5)), "{path}");
    }
    let events = world.get(&format!("/agent-work-orders/{id}/events")).await.json();
    assert_json_snapshot!("step_slow", events.as_array().unwrap().last().unwrap(), {".agent_work_order_id" => "[id]"});
}

#[tokio::test]
async fn another_method_is_refused() {
    let answer = World::new().send(request("POST", PATH, &[], Body::empty())).await;
    answer.problem(405, "method-not-allowed");
}
