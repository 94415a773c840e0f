//! Conveniences over any repository.

use async_trait::async_trait;
use awo_models::{OrderId, StepHistory};

use crate::{Change, Committed, OrderSnapshot, Result, StateError, StateRepository};

/// Conveniences over any repository; nothing a backend could do better.
///
/// ```
/// use awo_models::{EventKind, OrderId, OrderPatch, Timestamp};
/// use awo_state::{Change, Committed, StateError, StateRepository, StateRepositoryExt as _};
///
/// /// Asks to cancel, whoever else writes meanwhile.
/// async fn cancel(orders: &dyn StateRepository, id: OrderId, at: Timestamp) -> Result<Committed, StateError> {
///     let asked = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
///     let ask = |seq| Change::if_unchanged(seq).with(EventKind::CancelRequested, at, asked.clone());
///     orders.decide(id, |seen| Ok(ask(seen.seq))).await
/// }
/// ```
#[async_trait]
pub trait StateRepositoryExt: StateRepository {
    /// The history alone; `None` for an unknown order.
    async fn get_step_history(&self, id: OrderId) -> Result<Option<StepHistory>> {
        Ok(self.get(id).await?.map(|seen| seen.history))
    }

    /// Reads, decides, writes if unchanged; repeats when somebody else was faster. `decide` may refuse.
    async fn decide<F, E>(&self, id: OrderId, decide: F) -> Result<Committed, E>
    where
        F: Fn(&OrderSnapshot) -> Result<Change, E> + Send + Sync,
        E: From<StateError> + Send,
    {
        loop {
            let seen = self.get(id).await?.ok_or(StateError::NotFound(id))?;
            let change = decide(&seen)?;
            match self.update(id, &change).await {
                Err(StateError::Conflict { .. }) => {}
                answer => return answer.map_err(E::from),
            }
        }
    }
}

impl<R: StateRepository + ?Sized> StateRepositoryExt for R {}
