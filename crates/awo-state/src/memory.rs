//! Orders in memory: for tests and for embedders that want no disk. Survives nothing.

mod catalog;
mod changes;
mod leases;
mod order_log;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, ArtifactName, Event, EventKind, EventSeq, OrderId, StepHistory};

pub use catalog::InMemoryCatalog;
pub use changes::InMemoryChanges;
pub use order_log::InMemoryOrderLog;
pub use told::InMemoryTold;

use crate::{
    ArtifactContent, ArtifactStore, Change, Committed, Head, OrderQuery, OrderRow, OrderSnapshot, Page, Result,
    StateError, StateRepository, StateTransfer, StoredOrder, merge,
};

/// A repository in memory. Clones share their data. Locks are held for a few instructions and never across an await.
///
/// ```
/// # use awo_state::{InMemory, StateRepository, OrderQuery};
/// # tokio_test_block(async {
/// let repository = InMemory::default();
/// assert!(repository.list(&OrderQuery::default()).await.unwrap().items.is_empty());
/// # });
/// # fn tokio_test_block(f: impl Future<Output = ()>) { tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(f) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    shared: Arc<Mutex<Orders>>,
    keep_finished: Option<usize>,
}

#[derive(Debug, Default)]
struct Orders {
    by_id: BTreeMap<OrderId, Stored>,
    by_key: HashMap<Arc<str>, OrderId>,
    dealt: leases::Dealt,
}

#[derive(Debug)]
struct Stored {
    order: Arc<AgentWorkOrder>,
    history: StepHistory,
    head: Head,
    events: Vec<Arc<Event>>,
}

impl InMemory {
    /// Keeps at most so many ended orders; the oldest go when a new order is created.
    #[must_use]
    pub fn keep_finished(mut self, count: usize) -> Self {
        self.keep_finished = Some(count);
        self
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, id: OrderId, history: Option<&StepHistory>, change: &Change) -> Result<Committed> {
        let mut orders = self.orders();
        let Orders { by_id, dealt, .. } = &mut *orders;
        let stored = by_id.get_mut(&id).ok_or(StateError::NotFound(id))?;
        let delta = merge(&stored.head, history, change)?;
        if !delta.is_repetition() {
            dealt.check_claim(id, change)?;
        }
        if let (Some(history), false) = (history, delta.new_steps.is_empty()) {
            stored.history = history.clone();
        }
        if !delta.is_repetition() {
            delta.apply(Arc::make_mut(&mut stored.order));
        }
        stored.head = delta.head;
        stored.events.extend(delta.events);
        Ok(stored.head.committed())
    }
}

impl Orders {
    /// Whether id and key of an order are free.
    fn reserve(&self, order: &AgentWorkOrder) -> Result<()> {
        let id = order.agent_work_order_id;
        let same_key = order.spec.idempotency.as_ref().and_then(|idempotency| self.by_key.get(&idempotency.key));
        let taken = self.by_id.contains_key(&id).then_some(id).or(same_key.copied());
        taken.map_or(Ok(()), |taken| Err(StateError::AlreadyExists(taken)))
    }

    fn insert(&mut self, stored: Stored) {
        let id = stored.order.agent_work_order_id;
        if let Some(idempotency) = &stored.order.spec.idempotency {
            self.by_key.insert(Arc::clone(&idempotency.key), id);
        }
        self.by_id.insert(id, stored);
    }

    fn remove(&mut self, id: OrderId) {
        self.dealt.forget(id);
        if let Some(Stored { order, .. }) = self.by_id.remove(&id)
            && let Some(idempotency) = &order.spec.idempotency
        {
            self.by_key.remove(&idempotency.key);
        }
    }

    fn evict(&mut self, keep: usize) {
        let ended = |s: &&Stored| s.head.status.is_terminal();
        let surplus = self.by_id.values().filter(ended).count().saturating_sub(keep);
        let oldest: Vec<_> =
            self.by_id.values().filter(ended).take(surplus).map(|s| s.order.agent_work_order_id).collect();
        for id in oldest {
            self.remove(id);
        }
    }
}

#[async_trait]
impl StateRepository for InMemory {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let head = Head::of_new(&order)?;
        let mut orders = self.orders();
        orders.reserve(&order)?;
        if let Some(keep) = self.keep_finished {
            orders.evict(keep);
        }
        let created = Event { seq: head.seq, epoch: head.epoch, at: order.created_at, kind: EventKind::Created };
        let events = vec![Arc::new(created)];
        orders.insert(Stored { order: Arc::new(order), history: StepHistory::default(), head, events });
        Ok(head.committed())
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        Ok(self.orders().by_id.get(&id).map(|stored| OrderSnapshot {
            order: Arc::clone(&stored.order),
            history: stored.history.clone(),
            seq: stored.head.seq,
            epoch: stored.head.epoch,
        }))
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        let orders = self.orders();
        let matching = || orders.by_id.values().rev().filter(|s| query.matches(&s.order));
        let older = |s: &&Stored| query.after.is_none_or(|after| s.order.agent_work_order_id < after);
        let mut items: Vec<_> = matching()
            .filter(older)
            .take(query.limit.saturating_add(1))
            .map(|s| OrderRow { order: Arc::clone(&s.order), seq: s.head.seq, epoch: s.head.epoch, bytes: 0 })
            .collect();
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|row| row.order.agent_work_order_id);
        Ok(Page { items, next, total: matching().count(), damaged: Vec::new() })
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.commit(id, None, change)
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        self.commit(id, Some(history), change)
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        let orders = self.orders();
        let stored = orders.by_id.get(&id).ok_or(StateError::NotFound(id))?;
        let from = usize::try_from(after.0).unwrap_or(usize::MAX);
        Ok(stored.events.iter().skip(from).take(limit).cloned().collect())
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        let mut orders = self.orders();
        let head = orders.by_id.get(&id).ok_or(StateError::NotFound(id))?.head;
        head.deletable(at)?;
        orders.remove(id);
        Ok(())
    }
}

#[async_trait]
impl StateTransfer for InMemory {
    async fn export(&self, id: OrderId) -> Result<Option<StoredOrder>> {
        Ok(self.orders().by_id.get(&id).map(|stored| StoredOrder {
            order: Arc::clone(&stored.order),
            head: stored.head,
            history: stored.history.clone(),
            events: stored.events.clone(),
        }))
    }

    async fn import(&self, stored: StoredOrder) -> Result<()> {
        stored.check()?;
        let mut orders = self.orders();
        orders.reserve(&stored.order)?;
        let StoredOrder { order, head, history, events } = stored;
        orders.insert(Stored { order, history, head, events });
        Ok(())
    }
}

/// Artifacts in memory. Clones share their data.
#[derive(Debug, Clone, Default)]
pub struct InMemoryArtifacts {
    shared: Arc<Mutex<Artifacts>>,
}

type Artifacts = BTreeMap<(OrderId, ArtifactName), Vec<u8>>;

impl InMemoryArtifacts {
    fn all(&self) -> MutexGuard<'_, Artifacts> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ArtifactStore for InMemoryArtifacts {
    async fn put(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> Result<()> {
        let bytes = match content {
            ArtifactContent::Bytes(bytes) => bytes,
            ArtifactContent::File(path) => {
                let bytes = std::fs::read(&path).map_err(|e| StateError::Backend(e.into()))?;
                std::fs::remove_file(&path).map_err(|e| StateError::Backend(e.into()))?;
                bytes
            }
        };
        self.all().insert((id, name.clone()), bytes);
        Ok(())
    }

    async fn get(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>> {
        Ok(self.all().get(&(id, name.clone())).cloned())
    }

    async fn list(&self, id: OrderId) -> Result<Vec<ArtifactName>> {
        Ok(self.all().keys().filter(|(order, _)| *order == id).map(|(_, name)| name.clone()).collect())
    }

    async fn delete_all(&self, id: OrderId) -> Result<()> {
        self.all().retain(|(order, _), _| *order != id);
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        let orders: BTreeSet<_> = self.all().keys().map(|(order, _)| *order).collect();
        Ok(orders.into_iter().collect())
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        Ok(self.all().iter().filter(|((order, _), _)| *order == id).map(|(_, bytes)| bytes.len() as u64).sum())
    }
}
