//! `POST /{id}/prompt`.

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Worker, World, current, request, result};

#[tokio::test]
async fn a_prompt_waits_in_a_running_order() {
    let world = World::new();
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let path = format!("/agent-work-orders/{id}/prompt");
    let body = json!({"prompt_text": "In French, too", "agent_work_order_id": id.to_string()});
    let answer = world.post(&path, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let order = answer.json();
    assert_eq!((&order["status"], &order["queued_prompts"]), (&json!("running"), &json!(1)));
    assert_eq!((&order["total_steps"], &order["steps_completed"]), (&json!(8), &json!(0)));
    worker.save(result("classify", "classifier"), awo_models::OrderPatch::default()).await;
    let steps = world.get(&format!("/agent-work-orders/{id}/steps")).await.json();
    assert_eq!((&steps["queued_prompts"], &steps["total_steps"]), (&json!(1), &json!(8)));
    assert_eq!(steps["steps"][0]["prompt_text"], Value::Null);
    let events = world.get(&format!("/agent-work-orders/{id}/events")).await.json();
    let prompted = events.as_array().unwrap().iter().find(|event| event["kind"] == "prompted").unwrap();
    assert_eq!(prompted["data"], json!({"step": "prompt-1"}));
    assert!(!events.to_string().contains("In French"), "the text is in the order, once");
}

#[tokio::test]
async fn an_order_that_has_ended_is_opened_again_and_one_that_is_being_cancelled_is_not() {
    let world = World::new();
    let id = world.order().await;
    let send =
        async |action: &str, body: &Value| world.post(&format!("/api/agent-work-orders/{id}/{action}"), body).await;
    send("cancel", &json!({})).await;
    let again = send("prompt", &json!({"prompt_text": "after all"})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    let again = again.json();
    assert_eq!((&again["status"], &again["error_code"]), (&json!("pending"), &json!(null)));
    assert!(again["links"]["self"].as_str().unwrap().starts_with("/api/"), "{again}");
    Worker::claim(&world, id, current("classify", "classifier")).await;
    send("cancel", &json!({})).await;
    let refused = send("prompt", &json!({"prompt_text": "more"})).await.problem(409, "not-allowed");
    assert!(refused["detail"].as_str().unwrap().contains("it is being cancelled; once it is"), "{refused}");
}

#[tokio::test]
async fn what_is_no_prompt_is_refused_with_everything_that_is_wrong() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/prompt");
    let errors = async |body: Value| {
        let problem = world.post(&path, &body).await.problem(422, "invalid-request");
        let told = |error: &Value| format!("{} {} {}", error["loc"][1], error["type"], error["msg"]).replace('"', "");
        problem["errors"].as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(errors(json!({})).await, ["prompt_text missing is missing"]);
    assert_eq!(errors(json!({"prompt_text": " "})).await, ["prompt_text value_error is empty; say what is wanted"]);
    assert_eq!(errors(json!({"prompt_text": 7})).await, ["prompt_text string_type must be text"]);
    assert_eq!(errors(json!("x")).await, ["null object_type must be an object with prompt_text"]);
    let other = "wo-019b7d2d00007fff8fffffffffffffff";
    assert_eq!(
        errors(json!({"prompt_txt": "x", "agent_work_order_id": other})).await,
        [
            "prompt_txt extra_forbidden is not a known field; did you mean `prompt_text`?".to_owned(),
            "prompt_text missing is missing".into(),
            format!("agent_work_order_id value_error is not the order of the path, which is {id}; leave it out"),
        ]
    );
    let long = errors(json!({"prompt_text": "x".repeat(70_000)})).await;
    assert_eq!(long, ["prompt_text value_error has 70000 bytes; at most 65536 are read"]);
    world.send(request("POST", &path, &[], Body::from("x"))).await.problem(415, "unsupported-media-type");
    let unknown = format!("/agent-work-orders/{other}/prompt");
    world.post(&unknown, &json!({"prompt_text": "x"})).await.problem(404, "order-not-found");
    assert_eq!(world.get(&format!("/agent-work-orders/{id}")).await.json()["queued_prompts"], 0);
}

#[tokio::test]
async fn a_prompt_that_is_sent_again_with_its_key_is_one_prompt() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/prompt");
    let (key, body) = ([("idempotency-key", "key-1")], json!({"prompt_text": "In French, too"}));
    let first = world.post_with(&path, &key, &body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text());
    let second = world.post_with(&path, &key, &body).await;
    assert_eq!((second.status, &second.json()["queued_prompts"]), (StatusCode::OK, &json!(1)));
    let other = json!({"prompt_text": "In German, too"});
    let reused = world.post_with(&path, &key, &other).await.problem(409, "idempotency-key-reused");
    assert!(reused["detail"].as_str().unwrap().contains("\"key-1\" was used for another prompt"), "{reused}");
    world.post_with(&path, &[("idempotency-key", "")], &body).await.problem(422, "invalid-request");
    // Keys belong to the order, and a prompt without one is always another.
    let elsewhere = world.order().await;
    let there = world.post_with(&format!("/agent-work-orders/{elsewhere}/prompt"), &key, &body).await;
    assert_eq!(there.status, StatusCode::ACCEPTED);
    let third = world.post(&path, &body).await;
    assert_eq!((third.status, &third.json()["queued_prompts"]), (StatusCode::ACCEPTED, &json!(2)));

    // What was stored stays stored: also where another prompt would be refused.
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    worker.save(result("classify", "classifier"), awo_models::OrderPatch::default()).await;
    world.post(&format!("/agent-work-orders/{id}/cancel"), &json!({})).await;
    world.post(&path, &body).await.problem(409, "not-allowed");
    assert_eq!(world.post_with(&path, &key, &body).await.status, StatusCode::OK);
}
