//! The port that every backend implements.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Epoch, Event, EventSeq, OrderId, StepHistory};

use crate::{Change, Committed, Result};

/// Where orders, their histories and their events live. Seven methods, no defaults; conveniences are in
/// [`StateRepositoryExt`](crate::StateRepositoryExt).
///
/// # Contract
/// Each clause is a named test of the `conformance` suite.
/// - *One number*: [`EventSeq`] counts an order's events 1, 2, 3 … without gaps and is at once its version. A field
///   changes only together with an event. Status, history and events of one write commit together.
/// - *Overwrite*: what is read equals what was last saved. A save extends what is stored; an equal one is `Ok` and does
///   nothing; a shorter or different one is `Conflict` and changes nothing.
/// - *Statements*: a change that was sent is sent again, or a larger one, with the same effect as once.
/// - *Fence*: a claim raises the epoch by one; every write of an older owner is `Fenced`.
/// - *Prompts wait*: anybody may add a prompt; an owner does not complete or fail the order before it took up all of them.
/// - *Held is not run*: an order that was created held takes no claim before somebody started it, which is possible once.
/// - *Acknowledged is stored*: when a write returns `Ok`, it survives what the backend says it survives.
/// - *Snapshots*: what a read answers never changes afterwards, and order, history and version in it belong together.
///
/// All rules are in [`merge`](crate::merge()); a backend calls it and decides nothing itself.
///
/// # Clone
/// Backends are handles: clones share their data.
///
/// # Wrappers
/// Forward every method, under `#[deny(clippy::missing_trait_methods)]`.
///
/// # Cancellation
/// A dropped write is stored whole or not at all, perhaps later.
///
/// ```
/// use awo_models::{AgentWorkOrderStatus, OrderId};
/// use awo_state::{OrderQuery, Result, StateRepository};
///
/// /// The newest order that failed.
/// async fn last_failure(orders: &dyn StateRepository) -> Result<Option<OrderId>> {
///     let failed = vec![AgentWorkOrderStatus::Failed];
///     let page = orders.list(&OrderQuery { status: failed, limit: 1, ..OrderQuery::default() }).await?;
///     Ok(page.items.first().map(|row| row.order.agent_work_order_id))
/// }
/// ```
///
/// A whole backend is in `examples/custom_backend`.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StateRepository: Debug + Send + Sync + 'static {
    /// Stores a new pending order. `AlreadyExists` names the order that has the same id or the same idempotency key.
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed>;

    /// One consistent snapshot of acknowledged data; `None` for an unknown order, `Corrupt` for a damaged one.
    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>>;

    /// Newest first, without histories.
    async fn list(&self, query: &OrderQuery) -> Result<Page>;

    /// Commits fields and events without new results: claims, cancel requests, retries, prompts, hand-overs.
    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed>;

    /// Replaces the stored history by `history`, which must extend it, and commits the change in the same write.
    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed>;

    /// Up to `limit` events with numbers above `after`, gapless and in order. `NotFound` for an unknown order.
    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>>;

    /// Removes an order that has ended and is still at version `at`, with all it holds.
    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()>;
}

/// One consistent view: order, history and version belong together. Cloning costs two reference counts.
#[derive(Debug, Clone)]
pub struct OrderSnapshot {
    /// The order.
    pub order: Arc<AgentWorkOrder>,
    /// Its history.
    pub history: StepHistory,
    /// Its version.
    pub seq: EventSeq,
    /// Epoch of its last claim.
    pub epoch: Epoch,
}

/// One line of a list.
#[derive(Debug, Clone)]
pub struct OrderRow {
    /// The order.
    pub order: Arc<AgentWorkOrder>,
    /// Its version.
    pub seq: EventSeq,
    /// Epoch of its last claim.
    pub epoch: Epoch,
    /// Bytes that the backend stores of it, artifacts apart; 0 if it does not know.
    pub bytes: u64,
}

/// Which orders to list. The default asks for the newest hundred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuery {
    /// Any of these; empty means all.
    pub status: Vec<AgentWorkOrderStatus>,
    /// Exactly this repository.
    pub repository_url: Option<String>,
    /// Orders whose request, repository, branch or id contains this text, whatever its case.
    pub text: Option<String>,
    /// Only orders older than this one: the `next` of the page before.
    pub after: Option<OrderId>,
    /// At most so many.
    pub limit: usize,
}

impl Default for OrderQuery {
    fn default() -> Self {
        Self { status: Vec::new(), repository_url: None, text: None, after: None, limit: 100 }
    }
}

impl OrderQuery {
    /// Whether an order is asked for, `after` and `limit` apart.
    pub fn matches(&self, order: &AgentWorkOrder) -> bool {
        let (spec, state) = (&order.spec, &order.state);
        let holds = |needle: &String| {
            let needle = needle.to_lowercase();
            let id = order.agent_work_order_id.to_string();
            [&*spec.user_request, &*spec.repository_url, state.git_branch_name.as_deref().unwrap_or(""), &id]
                .iter()
                .any(|text| text.to_lowercase().contains(&needle))
        };
        (self.status.is_empty() || self.status.contains(&state.status))
            && self.repository_url.as_ref().is_none_or(|url| **url == *spec.repository_url)
            && self.text.as_ref().is_none_or(holds)
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Newest first.
    pub items: Vec<OrderRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<OrderId>,
    /// Orders that match, on all pages.
    pub total: usize,
    /// Orders that are there but damaged: named, never silently left out.
    pub damaged: Vec<OrderId>,
}
