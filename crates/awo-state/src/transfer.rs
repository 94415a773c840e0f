//! Takes whole orders out of a backend and into another, as they are.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, Event, EventKind, OrderId, StepHistory};
use serde::{Deserialize, Serialize};

use crate::{Head, Result, StateError};

/// Moves whole orders between backends. Its artifacts and its log are apart from an order and are not part of it.
///
/// # Contract
/// - *Equal*: what is imported reads as what was exported: order, history, version, epoch and events. Whoever owned it
///   may go on.
/// - *Whole or not at all*: an order that does not fit itself is `Unfit`, and nothing of it is stored.
/// - *Never over another*: `AlreadyExists` if its id or its idempotency key is taken.
///
/// # Cancellation
/// A dropped import is stored whole or not at all, perhaps later.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> awo_state::Result<()> {
/// use awo_models::OrderId;
/// use awo_state::{InMemory, StateTransfer};
///
/// let (from, to) = (InMemory::default(), InMemory::default());
/// if let Some(stored) = from.export(OrderId::new(1_700_000_000_000, [7; 10])).await? {
///     to.import(stored).await?;
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StateTransfer: Debug + Send + Sync + 'static {
    /// All that is stored of an order, at one moment; `None` for an unknown order, `Corrupt` for a damaged one.
    async fn export(&self, id: OrderId) -> Result<Option<StoredOrder>>;

    /// Stores an order as it is.
    async fn import(&self, stored: StoredOrder) -> Result<()>;
}

/// All that is stored of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredOrder {
    /// The order.
    pub order: Arc<AgentWorkOrder>,
    /// What writes are checked against.
    pub head: Head,
    /// Its results.
    pub history: StepHistory,
    /// All its events.
    pub events: Vec<Arc<Event>>,
}

impl StoredOrder {
    /// Whether it fits itself: the digest of its results, the numbers of its events, and one event for each result.
    /// A backend asks this before it imports; the error is `Unfit` and says what does not fit.
    pub fn check(&self) -> Result<()> {
        let id = self.order.agent_work_order_id;
        self.misfit().map_or(Ok(()), |why| Err(StateError::Unfit { id, why }))
    }

    fn misfit(&self) -> Option<&'static str> {
        let Self { order, head, history, events } = self;
        let prompts = (order.state.prompts.len(), order.state.prompts_placed.len());
        if head.status != order.state.status
            || (head.cancel_requested, head.held) != (order.state.cancel_requested, order.state.held)
            || (head.prompts, head.prompts_placed) != prompts
        {
            return Some("its head and its fields differ");
        }
        if !head.fits(order, history) {
            return Some("its results are not those it was stored with");
        }
        if head.seq.0 != events.len() as u64 || events.iter().zip(1..).any(|(event, number)| event.seq.0 != number) {
            return Some("its events have a gap, or end before its version or after it");
        }
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Some("it has no events") };
        if first.kind != EventKind::Created || events.iter().skip(1).any(|event| event.kind == EventKind::Created) {
            return Some("its events do not begin with its creation, or tell of it twice");
        }
        if last.epoch != head.epoch || !events.is_sorted_by_key(|event| event.epoch) {
            return Some("its events are not of its epochs");
        }
        if last.at != order.state.updated_at || first.at != order.created_at {
            return Some("its times are not those of its events");
        }
        self.untold().then_some("its results and the events that tell of them differ")
    }

    /// Whether a result has no event, or an event no result.
    fn untold(&self) -> bool {
        let mut results = self.history.iter().enumerate();
        let mut told = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished { index, step, attempt, success } => Some((*index, step, *attempt, *success)),
            _ => None,
        });
        let all_told = told.all(|(index, step, attempt, success)| {
            results.next().is_some_and(|(place, result)| {
                (place, &result.step, result.attempt, result.success) == (index, step, attempt, success)
            })
        });
        !all_told || results.next().is_some()
    }
}
