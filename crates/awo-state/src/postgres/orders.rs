//! The repository: decides by `merge` on what it remembers or reads, and writes behind a guard.

use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, Event, EventKind, EventSeq, OrderId, StepHistory};

use super::heads::{Heads, Standing};
use super::known::KnownResults;
use super::reading::{self, Depth};
use super::writing::{self, Written};
use super::{Postgres, listing};
use crate::{
    Change, Committed, Head, OrderQuery, OrderSnapshot, Page, Result, StateError, StateRepository, StateTransfer,
    StoredOrder, merge,
};

/// So often is a write decided anew while others write the same order.
const TRIES: usize = 8;

/// Orders in PostgreSQL. Clones, and all repositories of one database, share their data; those of one process share what
/// they remember of it if they are clones.
///
/// When a write returns `Ok`, it is committed: what that survives is what the server keeps of commits. A write that got no
/// answer is `Unavailable`, and stored whole or not at all.
#[derive(Debug, Clone)]
pub struct PostgresRepository {
    database: Postgres,
    heads: Arc<Heads>,
    results: Arc<KnownResults>,
}

impl PostgresRepository {
    /// The orders of a database.
    pub fn new(database: &Postgres) -> Self {
        Self { database: database.clone(), heads: Arc::default(), results: Arc::default() }
    }

    async fn commit(&self, id: OrderId, history: Option<&StepHistory>, change: &Change) -> Result<Committed> {
        let mut remembered = self.heads.get(id);
        for _ in 0..TRIES {
            let is_read = remembered.is_none();
            let standing = match remembered.take() {
                Some(standing) => standing,
                None => reading::standing(&self.database, id).await?,
            };
            let delta = match merge(&standing.head, history, change) {
                Ok(delta) if !delta.is_repetition() => delta,
                // What needs no write is answered by what is stored, never by what is remembered.
                _ if !is_read => continue,
                decided => return decided.map(|delta| delta.head.committed()),
            };
            let Standing { head: before, mut order } = standing;
            delta.apply(Arc::make_mut(&mut order));
            // Whatever becomes of it: until it is known, nothing is remembered.
            self.heads.forget(id);
            match writing::save(&self.database, &before, &order, history, change, &delta).await? {
                Written::Yes => {
                    self.heads.put(id, Standing { head: delta.head, order });
                    if let Some(history) = history {
                        self.remember(id, &delta.head, history);
                    }
                    return Ok(delta.head.committed());
                }
                Written::Held => return Err(StateError::Held),
                Written::Moved => {}
            }
        }
        Err(StateError::Backend("others write the order all the time".into()))
    }

    /// Of an order that has ended, nothing new is to come.
    fn remember(&self, id: OrderId, head: &Head, history: &StepHistory) {
        if head.status.is_terminal() {
            self.results.forget(id);
        } else {
            self.results.put(id, history);
        }
    }

    /// Stores an order that is new here.
    async fn insert(&self, whole: &StoredOrder) -> Result<()> {
        for _ in 0..TRIES {
            if writing::insert(&self.database, whole).await? {
                return Ok(());
            }
            // The other one may be deleted in this instant; then there is room.
            if let Some(taken) = writing::taken(&self.database, &whole.order).await? {
                return Err(StateError::AlreadyExists(taken));
            }
        }
        Err(StateError::Backend("another order with its id or key comes and goes all the time".into()))
    }
}

#[async_trait]
impl StateRepository for PostgresRepository {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let (id, head) = (order.agent_work_order_id, Head::of_new(&order)?);
        let created = Event { seq: head.seq, epoch: head.epoch, at: order.created_at, kind: EventKind::Created };
        let (order, events) = (Arc::new(order), vec![Arc::new(created)]);
        let whole = StoredOrder { order, head, history: StepHistory::default(), events };
        self.insert(&whole).await?;
        self.heads.put(id, Standing { head, order: whole.order });
        Ok(head.committed())
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        let known = self.results.of(id);
        let Some(found) = reading::order_beyond(&self.database, id, &known).await? else {
            self.results.forget(id);
            return Ok(None);
        };
        let StoredOrder { order, head, history, .. } = found;
        self.remember(id, &head, &history);
        self.heads.put(id, Standing { head, order: Arc::clone(&order) });
        Ok(Some(OrderSnapshot { order, history, seq: head.seq, epoch: head.epoch }))
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        listing::page(&self.database, query).await
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.commit(id, None, change).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        self.commit(id, Some(history), change).await
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        reading::events(&self.database, id, after, limit).await
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        for _ in 0..TRIES {
            let standing = reading::standing(&self.database, id).await?;
            standing.head.deletable(at)?;
            self.heads.forget(id);
            self.results.forget(id);
            if writing::delete(&self.database, id, &standing.head).await? {
                return Ok(());
            }
        }
        Err(StateError::Backend("others write the order all the time".into()))
    }
}

#[async_trait]
impl StateTransfer for PostgresRepository {
    async fn export(&self, id: OrderId) -> Result<Option<StoredOrder>> {
        reading::order(&self.database, id, Depth::Events).await
    }

    async fn import(&self, stored: StoredOrder) -> Result<()> {
        stored.check()?;
        self.insert(&stored).await
    }
}
