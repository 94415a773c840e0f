//! Long polls: `GET /{id}/steps?wait=`.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{OrderQuery, OrderSnapshot, Page, Settings, StateError, StateRepository};
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, OrderPatch, StepHistory};
use awo_state::{Change, Committed, InMemory};
use axum::http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{Worker, World, current, result};

/// Says when somebody reads an order.
#[derive(Debug)]
struct Watched {
    inner: InMemory,
    reads: UnboundedSender<OrderId>,
}

#[async_trait::async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for Watched {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed, StateError> {
        self.inner.create(order).await
    }
    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>, StateError> {
        let seen = self.inner.get(id).await;
        let _ = self.reads.send(id);
        seen
    }
    async fn list(&self, query: &OrderQuery) -> Result<Page, StateError> {
        self.inner.list(query).await
    }
    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed, StateError> {
        self.inner.update(id, change).await
    }
    async fn save_step_history(&self, id: OrderId, h: &StepHistory, c: &Change) -> Result<Committed, StateError> {
        self.inner.save_step_history(id, h, c).await
    }
    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>, StateError> {
        self.inner.events(id, after, limit).await
    }
    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<(), StateError> {
        self.inner.delete(id, at).await
    }
}

/// A world with one order, and the news of reads from now on.
pub(crate) async fn watched(closing: &CancellationToken) -> (Arc<World>, OrderId, UnboundedReceiver<OrderId>) {
    let (reads, mut seen) = unbounded_channel();
    let repository = Arc::new(Watched { inner: InMemory::default(), reads });
    let closing = closing.clone();
    let world = World::with(repository, Settings::default(), |api| api.with_closing(closing));
    let id = world.order().await;
    while seen.try_recv().is_ok() {}
    (Arc::new(world), id, seen)
}

/// The handler reads once, then waiting reads once with its ear at the hints: after the second read it is held.
pub(crate) async fn held(seen: &mut UnboundedReceiver<OrderId>) {
    for _ in 0..2 {
        seen.recv().await.unwrap();
    }
}

/// The clock moves only when nobody has anything to do: a change that was waited for costs no time.
#[tokio::test(start_paused = true)]
async fn a_change_ends_the_wait() {
    for by_tag in [true, false] {
        let (world, id, mut seen) = watched(&CancellationToken::new()).await;
        let path = format!("/agent-work-orders/{id}/steps?wait=60");
        let poll = tokio::spawn({
            let world = Arc::clone(&world);
            async move {
                if by_tag {
                    world.get_with(&path, &[("if-none-match", "\"1\"")]).await
                } else {
                    world.get(&format!("{path}&after=1")).await
                }
            }
        });
        held(&mut seen).await;
        assert!(!poll.is_finished());
        let asked = Instant::now();
        world.orchestrator.work_orders().cancel(id).await.unwrap();
        let answer = poll.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["status"], "cancelled");
        assert_eq!(asked.elapsed(), Duration::ZERO, "woken, and not found by looking again");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_new_already_is_not_waited_for() {
    let (world, id, _seen) = watched(&CancellationToken::new()).await;
    let begun = Instant::now();
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    worker.save(result("classify", "classifier"), OrderPatch::default()).await;
    let answer = world.get(&format!("/agent-work-orders/{id}/steps?wait=60&after=3")).await;
    assert_eq!(answer.json()["steps"].as_array().unwrap().len(), 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_says_that_nothing_changed() {
    let (world, id, _seen) = watched(&CancellationToken::new()).await;
    let path = format!("/agent-work-orders/{id}/steps?wait=30.5");
    let begun = Instant::now();
    let by_tag = world.get_with(&path, &[("if-none-match", "\"1\"")]).await;
    assert_eq!(by_tag.status, StatusCode::NOT_MODIFIED);
    assert_eq!(begun.elapsed().as_secs(), 30);
    let by_number = world.get(&format!("{path}&after=1")).await;
    assert_eq!((by_number.status, by_number.json()["version"].as_u64()), (StatusCode::OK, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_holds_nobody() {
    let closing = CancellationToken::new();
    let (world, id, mut seen) = watched(&closing).await;
    let poll = tokio::spawn({
        let world = Arc::clone(&world);
        let path = format!("/agent-work-orders/{id}/steps?wait=60&after=1");
        async move { world.get(&path).await }
    });
    held(&mut seen).await;
    let closed = Instant::now();
    closing.cancel();
    assert_eq!(poll.await.unwrap().status, StatusCode::OK);
    assert_eq!(closed.elapsed(), Duration::ZERO);
}
