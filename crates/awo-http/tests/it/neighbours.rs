//! A server beside the process that runs an order, on the same store: whoever follows the order there misses nothing.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::Orchestrator;
use awo_http::Api;
use awo_models::OrderId;
use awo_state::InMemoryChanges;
use awo_testkit::{LossyChanges, World};
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use rstest::rstest;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::sse::Stream;
use crate::support::request;

/// What no word came of is found within this time.
const FOUND: Duration = Duration::from_secs(2);

struct Two {
    world: World,
    /// Runs the order.
    there: Orchestrator,
    /// Of the other process.
    router: Router,
    _here: Orchestrator,
    id: OrderId,
}

impl Two {
    /// Two processes and a pending order. What the one that runs it tells may be lost.
    async fn new(lost: bool) -> Self {
        let world = World::gated();
        let changes = InMemoryChanges::of(&world.store);
        let of_here = changes.another();
        let lossy = LossyChanges::new(Arc::new(changes));
        lossy.lose(lost);
        let there = world.builder().with_changes(lossy).build();
        let here = world.builder().with_changes(Arc::new(of_here)).build();
        let id = world.create(&there).await;
        let router = awo_http::router(Api::new(here.work_orders(), "1.2.3").with_port(8888));
        there.listen();
        here.listen();
        tokio::time::sleep(FOUND).await; // both have had their first look, and what was is told
        Self { world, there, router, _here: here, id }
    }

    fn path(&self, part: &str) -> String {
        format!("/agent-work-orders/{}{part}", self.id)
    }

    /// Lets the order take its next step.
    fn step(&self) {
        self.world.gate.as_ref().unwrap().add_permits(1);
    }

    async fn get(&self, part: &str, known: &str) -> (StatusCode, String) {
        let asked = request("GET", &self.path(part), &[("if-none-match", known)], Body::empty());
        let answer = self.router.clone().oneshot(asked).await.unwrap();
        (answer.status(), answer.headers()["etag"].to_str().unwrap().to_owned())
    }
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn a_stream_tells_every_event_of_an_order_that_runs_elsewhere_in_order(#[case] lost: bool) {
    let two = Two::new(lost).await;
    let mut stream = Stream::open(&two.router, &two.path("/events"), &[]).await;
    two.there.spawn_order(two.id);
    let mut told = Vec::new();
    loop {
        let asked = Instant::now();
        let said = stream.message().await.unwrap();
        assert!(asked.elapsed() <= FOUND, "{said:?} came after {:?}", asked.elapsed());
        if said.event() == "step_started" {
            two.step();
        }
        told.extend(said.id());
        if said.event() == "end" {
            break;
        }
    }
    let last = two.world.stored(two.id).await.seq.0;
    assert_eq!(told, (1..=last).collect::<Vec<_>>());
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn long_polls_and_tags_follow_an_order_that_runs_elsewhere(#[case] lost: bool) {
    let two = Two::new(lost).await;
    two.there.spawn_order(two.id);
    let (_, mut tag) = two.get("/steps", "").await;
    let mut changes = 0;
    while !two.world.stored(two.id).await.order.state.status.is_terminal() {
        assert_eq!(two.get("", &tag).await.0, StatusCode::NOT_MODIFIED);
        two.step();
        let asked = Instant::now();
        let (status, next) = two.get("/steps?wait=60", &tag).await;
        assert_eq!(status, StatusCode::OK, "it waits until there is news");
        assert!(asked.elapsed() <= FOUND, "{:?}", asked.elapsed());
        assert_ne!(std::mem::replace(&mut tag, next), tag);
        changes += 1;
    }
    assert!(changes > 1, "{changes}");
}

#[rstest]
#[case::word_comes(false)]
#[case::word_is_lost(true)]
#[tokio::test(start_paused = true)]
async fn who_follows_all_orders_is_told_of_those_that_change_elsewhere(#[case] lost: bool) {
    let two = Two::new(lost).await;
    let mut stream = Stream::open(&two.router, "/agent-work-orders/events", &[]).await;
    assert_eq!(stream.message().await.unwrap().event(), "reset");
    let other = two.world.create(&two.there).await;
    let said = stream.message().await.unwrap();
    assert_eq!(said.data(), &serde_json::json!({"agent_work_order_id": other.to_string(), "version": 1}));
    two.there.work_orders().cancel(two.id).await.unwrap();
    let version = two.world.stored(two.id).await.seq.0;
    let said = stream.message().await.unwrap();
    assert_eq!(said.data(), &serde_json::json!({"agent_work_order_id": two.id.to_string(), "version": version}));
}
