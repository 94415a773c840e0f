//! What the server says about itself.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::Settings;
use awo_state::InMemory;
use axum::http::StatusCode;
use insta::assert_json_snapshot;

use crate::support::World;

#[tokio::test]
async fn a_healthy_server() {
    let world = World::new();
    world.order().await;
    assert_json_snapshot!("health", world.get("/health").await.json());
    assert_json_snapshot!("service", world.get("/").await.json());
    for path in ["/health", "/health/", "/health/live", "/health/ready"] {
        assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_is_alive_and_not_ready() {
    let world = World::new();
    world.orchestrator.drain(Duration::ZERO, Duration::ZERO).await;
    let health = world.get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (StatusCode::OK, &"degraded".into()));
    assert_eq!(world.get("/health/live").await.status, StatusCode::OK);
    let ready = world.get("/health/ready").await;
    ready.problem(503, "not-ready");
    assert!(ready.header("retry-after").is_some());
}

#[tokio::test]
async fn a_panic_becomes_a_problem_that_does_not_tell_why() {
    let world = World::with(Arc::new(InMemory::default()), Settings::default(), |api| {
        api.with_metrics(|| panic!("the secret is swordfish"))
    });
    let problem = world.get("/metrics").await.problem(500, "internal");
    assert!(!problem.to_string().contains("swordfish"), "{problem}");
}
