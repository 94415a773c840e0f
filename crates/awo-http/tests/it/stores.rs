//! A store that fails is never an empty list.

use std::sync::Arc;

use awo_engine::{Settings, StateError};
use awo_models::OrderId;
use awo_state::MockStateRepository;
use axum::body::Body;

use crate::support::{World, body, request};

const ID: &str = "wo-019b7d2d00007fff8fffffffffffffff";

/// A world whose store answers everything with an error.
fn failing(error: fn() -> StateError) -> World {
    let mut repository = MockStateRepository::new();
    repository.expect_create().returning(move |_| Err(error()));
    repository.expect_get().returning(move |_| Err(error()));
    repository.expect_list().returning(move |_| Err(error()));
    repository.expect_events().returning(move |_, _, _| Err(error()));
    World::with(Arc::new(repository), Settings::default(), |api| api)
}

fn id() -> OrderId {
    ID.parse().unwrap()
}

const READS: [&str; 6] = ["", "/steps", "/steps/1/output", "/events", "/logs", "/logs/stream"];

#[tokio::test]
async fn an_outage_is_503_and_says_when_to_come_back() {
    let outages: [fn() -> StateError; 2] = [
        || StateError::Unavailable("connection refused by 10.1.2.3".into()),
        || StateError::Backend("no space left on 10.1.2.3".into()),
    ];
    for outage in outages {
        let world = failing(outage);
        let mut answers = vec![
            world.get("/agent-work-orders").await,
            world.post("/agent-work-orders", &body()).await,
            world.send(request("POST", &format!("/agent-work-orders/{ID}/cancel"), &[], Body::empty())).await,
        ];
        for part in READS {
            answers.push(world.get(&format!("/agent-work-orders/{ID}{part}")).await);
        }
        for answer in answers {
            answer.problem(503, "store-unavailable");
            assert!(answer.header("retry-after").is_some());
            assert!(!answer.text().contains("10.1.2.3"), "causes stay in the log: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_damaged_order_is_500_of_its_own_type() {
    let world = failing(|| StateError::Corrupt { id: id(), source: "bad checksum in /var/lib".into() });
    for part in READS {
        let answer = world.get(&format!("/agent-work-orders/{ID}{part}")).await;
        let problem = answer.problem(500, "order-damaged");
        assert!(problem["detail"].as_str().unwrap().contains(ID), "{problem}");
        assert!(!answer.text().contains("/var/lib"), "{problem}");
    }
}

#[tokio::test]
async fn an_order_of_a_newer_version_and_a_defect() {
    let world = failing(|| StateError::UnsupportedVersion { id: id(), found: 9, known: 1 });
    world.get(&format!("/agent-work-orders/{ID}/steps")).await.problem(500, "order-too-new");
    let world = failing(|| StateError::Held);
    world.get(&format!("/agent-work-orders/{ID}/steps")).await.problem(500, "internal");
}

#[tokio::test]
async fn damaged_orders_are_named_beside_the_list() {
    let mut repository = MockStateRepository::new();
    repository.expect_list().returning(|_| Ok(awo_engine::Page { damaged: vec![id()], ..Default::default() }));
    let world = World::with(Arc::new(repository), Settings::default(), |api| api);
    assert_eq!(world.get("/agent-work-orders").await.header("x-damaged-orders"), Some(ID));
}
