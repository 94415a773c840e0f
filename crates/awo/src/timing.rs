//! Measures what saves cost: a wrapper around the repository, for the demo.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use awo_engine::StateRepository;
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, StepHistory};
use awo_state::{Change, Committed, OrderQuery, OrderSnapshot, Page, Result};

/// Saves that were made, and the time they took in all.
#[derive(Debug, Default)]
pub(crate) struct SaveCosts {
    saves: AtomicU64,
    nanoseconds: AtomicU64,
}

impl SaveCosts {
    pub(crate) fn saves(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// Forwards everything, and times the saves.
#[derive(Debug)]
pub(crate) struct TimedRepository {
    inner: Arc<dyn StateRepository>,
    costs: Arc<SaveCosts>,
}

impl TimedRepository {
    pub(crate) fn new(inner: Arc<dyn StateRepository>, costs: Arc<SaveCosts>) -> Self {
        Self { inner, costs }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for TimedRepository {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        self.inner.create(order).await
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        self.inner.get(id).await
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        self.inner.list(query).await
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.inner.update(id, change).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        let begun = Instant::now();
        let answer = self.inner.save_step_history(id, history, change).await;
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.costs.nanoseconds.fetch_add(spent, Ordering::Relaxed);
        self.costs.saves.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        self.inner.events(id, after, limit).await
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        self.inner.delete(id, at).await
    }
}
