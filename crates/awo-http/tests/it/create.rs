//! `POST /`.

use awo_engine::Settings;
use awo_state::InMemory;
use axum::body::Body;
use axum::http::StatusCode;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::{URL, World, body, request};

#[tokio::test]
async fn the_new_order_is_answered_whole() {
    let world = World::new();
    let answer = world.post("/agent-work-orders", &body()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let order = answer.json();
    assert_eq!(order["message"], "Agent work order created and workflow execution started");
    let path = format!("/agent-work-orders/{}", order["agent_work_order_id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(&*path));
    assert_json_snapshot!("created_order", order);

    let mut again = world.get(&path).await.json();
    again["message"] = order["message"].clone();
    assert_eq!(again, order, "the same shape, and a message");
}

#[tokio::test]
async fn the_request_of_the_acceptance_test_is_taken() {
    let world = World::new();
    let body = json!({
        "repository_url": URL, "sandbox_type": "git_branch", "workflow_type": "agent_workflow_plan",
        "user_request": "Add a test feature for real-time step tracking validation"
    });
    let order = world.post("/agent-work-orders", &body).await.json();
    assert_eq!(order["sandbox_type"], "git_branch");
    assert_eq!(order["status"], "pending");
}

#[tokio::test]
async fn every_field_arrives() {
    let world = World::new();
    let body = json!({
        "repository_url": URL, "user_request": "x", "sandbox_type": "git_branch",
        "selected_commands": ["create-branch", "planning", "execute"], "github_issue_number": 42,
        "agent": "scripted", "model": "opus", "isolation": "none", "network": "host", "base_branch": "develop",
        "limits": {
            "max_turns": 7, "max_cost_usd": 0.1, "step_timeout_seconds": 1.5, "silence_timeout_seconds": 2.5,
            "max_attempts": 3,
            "order": {"max_turns": 70, "max_tokens": 1_000_000, "max_cost_usd": 2, "timeout_seconds": 3600}
        },
        "start": true,
        "optional_steps": [], "workflow_type": null
    });
    let answer = world.post("/agent-work-orders", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let id = answer.json()["agent_work_order_id"].as_str().unwrap().parse().unwrap();
    let stored = world.repository.get(id).await.unwrap().unwrap();
    let spec = &stored.order.spec;
    assert_eq!(spec.github_issue_number.as_deref(), Some("42"));
    assert_eq!(spec.limits.max_turns, Some(7));
    assert_eq!(spec.limits.max_cost_nanousd, Some(100_000_000));
    assert_eq!(spec.limits.step_timeout.as_millis(), 1500);
    assert_eq!(spec.limits.silence_timeout.unwrap().as_millis(), 2500);
    let all = &spec.limits.order;
    assert_eq!((all.max_turns, all.max_tokens, all.max_cost_nanousd), (Some(70), Some(1_000_000), Some(2_000_000_000)));
    assert_eq!(all.timeout.unwrap().as_secs(), 3600);
    assert!(spec.workflow.iter().all(|definition| definition.retry.max_attempts == 3));
    let mut limits = body["limits"].clone();
    for field in ["max_cost_usd", "timeout_seconds"] {
        limits["order"][field] = limits["order"][field].as_f64().unwrap().into();
    }
    assert_eq!(answer.json()["limits"], limits, "and comes back");
    assert_eq!(spec.base_branch.as_deref(), Some("develop"));
    assert_eq!(spec.workflow.len(), 3);

    let with_review = json!({"repository_url": URL, "user_request": "x", "optional_steps": ["review"]});
    assert_eq!(world.post("/agent-work-orders", &with_review).await.json()["total_steps"], 8);
}

/// The whole answer to a body, without what differs from request to request.
async fn refused(world: &World, body: &Value) -> Value {
    let answer = world.post("/agent-work-orders", body).await;
    let problem = answer.problem(422, "invalid-request");
    json!({"detail": problem["detail"], "errors": problem["errors"]})
}

#[tokio::test]
async fn all_problems_of_a_body_are_named_at_once() {
    let world = World::new();
    let bodies = [
        json!([]),
        json!("text"),
        json!({}),
        json!({"repository_url": null, "user_request": null}),
        json!({"repository_url": "", "user_request": "  "}),
        json!({"repository_url": 1, "user_request": ["x"], "model": {}, "sandbox_type": 3, "start": "yes"}),
        json!({"repository_url": "git://x", "user_request": "x", "repository": URL, "user_requst": "x"}),
        json!({"repository_url": "https://user:secret@github.com/o/r", "user_request": "x"}),
        json!({"repository_url": URL, "user_request": "x", "sandbox_type": "e2b", "isolation": "container",
               "network": "proxy"}),
        json!({"repository_url": URL, "user_request": "x", "sandbox_type": "git_worktre", "workflow_type": "other"}),
        json!({"repository_url": URL, "user_request": "x", "selected_commands": ["planing", 1, "execute"]}),
        json!({"repository_url": URL, "user_request": "x", "selected_commands": []}),
        json!({"repository_url": URL, "user_request": "x", "selected_commands": ["planning", "planning"]}),
        json!({"repository_url": URL, "user_request": "x", "selected_commands": ["execute"]}),
        json!({"repository_url": URL, "user_request": "x", "selected_commands": ["planning"],
               "workflow_type": "agent_workflow_plan"}),
        json!({"repository_url": URL, "user_request": "x", "optional_steps": ["lint"]}),
        json!({"repository_url": URL, "user_request": "x", "github_issue_number": -1}),
        json!({"repository_url": URL, "user_request": "x", "github_issue_number": "seven"}),
        json!({"repository_url": URL, "user_request": "x", "agent": "nobody", "base_branch": "../x", "model": "-x"}),
        json!({"repository_url": URL, "user_request": "x",
               "limits": {"max_turns": 0, "max_cost_usd": -1, "step_timeout_seconds": 100_000, "max_turn": 1}}),
        json!({"repository_url": URL, "user_request": "x", "limits": {"max_attempts": 11, "silence_timeout_seconds": 1e6,
               "order": {"max_turns": 0, "max_tokens": 0, "max_cost_usd": 1e-12, "timeout_seconds": 1e8, "max_token": 1}}}),
        json!({"repository_url": URL, "user_request": "x", "limits": []}),
        json!({"repository_url": URL, "user_request": "x", "model": "m".repeat(300)}),
    ];
    let mut table = Vec::new();
    for body in &bodies {
        table.push(json!({"body": body, "answer": refused(&world, body).await}));
    }
    assert_json_snapshot!("bad_bodies", table);
    assert_eq!(world.get("/agent-work-orders").await.json(), json!([]), "nothing of it was created");
}

#[tokio::test]
async fn a_password_in_an_address_is_not_sent_back() {
    let world = World::new();
    let body = json!({"repository_url": "https://user:hunter2@github.com/o/r", "user_request": "x"});
    let answer = world.post("/agent-work-orders", &body).await;
    assert!(!answer.text().contains("hunter2"), "{}", answer.text());
}

#[tokio::test]
async fn a_flood_of_problems_is_cut() {
    let world = World::new();
    let unknown = (0..1000).map(|n| (format!("field{n}"), json!(n)));
    let problem = refused(&world, &Value::Object(unknown.collect())).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn unknown_fields_pass_where_that_is_set() {
    let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| api.with_lenient(true));
    let mut body = body();
    body["priority"] = json!(1);
    body["limits"] = json!({"watts": 3});
    assert_eq!(world.post("/agent-work-orders", &body).await.status, StatusCode::CREATED);
    body["sandbox_type"] = json!("e2b");
    assert_eq!(world.post("/agent-work-orders", &body).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_is_not_json_is_refused_with_its_place() {
    let world = World::new();
    let send = async |headers: &[(&str, &str)], body: &str| {
        world.send(request("POST", "/agent-work-orders", headers, Body::from(body.to_owned()))).await
    };
    let json_type = [("content-type", "application/json; charset=utf-8")];
    let problem = send(&json_type, "{\"repository_url\":\n  oops}").await.problem(400, "malformed-json");
    assert!(problem["detail"].as_str().unwrap().contains("line 2 column 3"), "{problem}");
    send(&json_type, "").await.problem(400, "malformed-json");
    send(&json_type, &"[".repeat(5000)).await.problem(400, "malformed-json");
    send(&[], "{}").await.problem(415, "unsupported-media-type");
    send(&[("content-type", "text/plain")], "{}").await.problem(415, "unsupported-media-type");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send(&form, "{}").await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_body_of_two_megabytes_is_refused_announced_or_not() {
    let world = World::new();
    let large = json!({"repository_url": URL, "user_request": "x".repeat(2 * 1024 * 1024)}).to_string();
    let length = large.len().to_string();
    let headers = [("content-type", "application/json"), ("content-length", &*length)];
    let announced = request("POST", "/agent-work-orders", &headers, Body::empty());
    world.send(announced).await.problem(413, "body-too-large");
    let stream = futures::stream::once(async move { Ok::<_, std::io::Error>(large) });
    let unannounced = request("POST", "/agent-work-orders", &headers[..1], Body::from_stream(stream));
    world.send(unannounced).await.problem(413, "body-too-large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = awo_http::Limits { body_timeout: std::time::Duration::from_millis(20), ..Default::default() };
    let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| api.with_limits(limits));
    let never = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
    let sent = request("POST", "/agent-work-orders", &[("content-type", "application/json")], never);
    world.send(sent).await.problem(408, "body-timeout");
}

#[tokio::test]
async fn a_repetition_gives_the_first_order() {
    let world = World::new();
    let key = [("idempotency-key", "key-1")];
    let first = world.post_with("/agent-work-orders", &key, &body()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    // The same, said in another order.
    let spelled = format!(r#"{{"user_request":"Add a test feature", "repository_url" : "{URL}"}}"#);
    let headers = [("content-type", "application/json"), key[0]];
    let second = world.send(request("POST", "/agent-work-orders", &headers, Body::from(spelled))).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.json()["agent_work_order_id"], first.json()["agent_work_order_id"]);

    let mut other = body();
    other["user_request"] = json!("Something else");
    let reused = world.post_with("/agent-work-orders", &key, &other).await.problem(409, "idempotency-key-reused");
    assert!(reused["detail"].as_str().unwrap().contains("key-1"), "{reused}");
    let empty = [("idempotency-key", "")];
    world.post_with("/agent-work-orders", &empty, &body()).await.problem(422, "invalid-request");
    assert_eq!(world.get("/agent-work-orders").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_full_queue_and_a_closing_server_say_when_to_come_back() {
    let settings = Settings { max_queued: 1, ..Settings::default() };
    let world = World::with(Arc::new(InMemory::default()), settings, |api| api);
    world.order().await;
    let full = world.post("/agent-work-orders", &body()).await;
    full.problem(429, "queue-full");
    assert!(full.header("retry-after").is_some());

    world.orchestrator.drain(std::time::Duration::ZERO, std::time::Duration::ZERO).await;
    let closing = world.post("/agent-work-orders", &body()).await;
    closing.problem(503, "shutting-down");
    assert!(closing.header("retry-after").is_some());
}
