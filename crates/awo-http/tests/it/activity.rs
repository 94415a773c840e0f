//! What an agent at work does: in the bodies and their tags, and no reason to wake anybody who waits.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::ports::AgentProgress;
use awo_http::Api;
use awo_models::Usage;
use awo_testkit::{Play, World};
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::support::{Answer, request};

async fn get(router: &axum::Router, path: &str, tag: Option<&str>) -> Answer {
    let headers: Vec<_> = tag.iter().map(|tag| ("if-none-match", *tag)).collect();
    let response = router.clone().oneshot(request("GET", path, &headers, Body::empty())).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Answer { status, headers, body }
}

#[tokio::test(start_paused = true)]
async fn activity_is_in_the_body_and_its_tag_and_ends_no_wait() {
    let world = World::new();
    let goes_on = Arc::new(Semaphore::new(0));
    let text = |text: &str| AgentProgress::Text(text.into());
    let first = vec![
        text("I look at it.\u{1b}[2J"),
        AgentProgress::ToolStarted { tool: "read".into(), detail: "README.md".into() },
        AgentProgress::ToolEnded { tool: None, success: false },
        AgentProgress::Retry { reason: "overloaded".into() },
        AgentProgress::Used(Usage { output_tokens: Some(7), ..Usage::default() }),
    ];
    let more = Some((Arc::clone(&goes_on), vec![text("Now I write.")]));
    world.agent.put("classify", Play { tells: first, then_tells: more, ..Play::hangs() });
    let orchestrator = world.orchestrator();
    let mut heard = orchestrator.work_orders().activity_hints();
    let id = world.create(&orchestrator).await;
    let router = awo_http::router(Api::new(orchestrator.work_orders(), "1.2.3").with_port(8888));
    orchestrator.start();
    heard.recv().await.unwrap();

    let path = format!("/agent-work-orders/{id}/steps");
    let seen = get(&router, &path, None).await;
    insta::assert_json_snapshot!("activity", seen.json()["current_step"]);
    let order = get(&router, &format!("/agent-work-orders/{id}"), None).await;
    assert_eq!(order.json()["current_step"], seen.json()["current_step"]);
    let list = get(&router, "/agent-work-orders", None).await;
    assert_eq!(list.json()[0], order.json(), "a row is what a detail is");
    let tag = seen.header("etag").unwrap().to_owned();
    assert_eq!(order.header("etag"), Some(&*tag));
    assert_eq!(get(&router, &path, Some(&tag)).await.status, StatusCode::NOT_MODIFIED);

    let waiting = format!("{path}?wait=20");
    let begun = tokio::time::Instant::now();
    let waits = get(&router, &waiting, Some(&tag));
    let tells = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        goes_on.add_permits(1);
        heard.recv().await.unwrap();
    };
    let (waited, ()) = tokio::join!(waits, tells);
    assert_eq!(begun.elapsed().as_secs(), 20, "it is no new version");
    assert_eq!(waited.status, StatusCode::OK, "but the body is another");
    assert_ne!(waited.header("etag"), Some(&*tag));
    let said =
        |answer: &Answer| answer.json()["current_step"]["activity"].as_array().unwrap().last().unwrap()["text"].clone();
    assert_eq!(said(&waited), Value::from("Now I write."));
    assert_eq!(get(&router, &path, Some(&tag)).await.status, StatusCode::OK, "who polls gets it at once");

    let tag = waited.header("etag").unwrap().to_owned();
    let work_orders = orchestrator.work_orders();
    let (changed, cancelled) = tokio::join!(get(&router, &waiting, Some(&tag)), work_orders.cancel(id));
    cancelled.unwrap();
    assert_eq!(changed.status, StatusCode::OK, "a new version ends it");
    assert!(begun.elapsed().as_secs() < 22);
}
