//! What the server says about itself.

use std::time::Duration;

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
