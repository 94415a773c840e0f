//! `GET /{id}/events`.

use awo_models::OrderPatch;
use axum::http::StatusCode;
use insta::assert_json_snapshot;

use crate::support::{Worker, World, current, result};

#[tokio::test]
async fn events_are_numbered_and_can_be_resumed() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/events");
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let status = Some(awo_models::AgentWorkOrderStatus::Completed);
    worker.save(result("classify", "classifier"), OrderPatch { status, ..OrderPatch::default() }).await;
    let all = world.get(&path).await;
    assert_eq!(all.status, StatusCode::OK);
    assert_json_snapshot!("events", all.json());
    let numbers = async |query: &str| {
        let events = world.get(&format!("{path}?{query}")).await.json();
        events.as_array().unwrap().iter().map(|event| event["sequence"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("after=0").await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers("after=2").await, [3, 4, 5]);
    assert_eq!(numbers("after=1&limit=2").await, [2, 3]);
    assert_eq!(numbers("after=5").await, [0; 0]);
    world.get(&format!("{path}?limit=0")).await.problem(422, "invalid-request");
}
