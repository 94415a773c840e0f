//! The port to a place beside the store, for results that the store does not take.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{Failure, OrderId, StepExecutionResult};
use awo_state::Change;
use serde::{Deserialize, Serialize};

/// Keeps what the store did not take, so that it outlives the process. It must lie elsewhere than the store: what
/// fills or breaks that one should spare it.
///
/// # Contract
/// - *One per order*: keeping again replaces what was kept, whole.
/// - *Durable*: what is kept when this answers `Ok` survives the end of the process and of the system.
/// - *In order*: calls about an order take effect in the order in which they were made, also those whose caller gave up.
/// - *An error is no answer*: it means that nobody can tell now. What was kept and cannot be understood is set aside, and
///   is then not there.
///
/// ```
/// # use std::{collections::HashMap, sync::{Arc, Mutex}};
/// # use awo_engine::ports::{Spill, SpillStore};
/// # use awo_models::{Failure, OrderId};
/// /// Outlives orchestrators, as a disk outlives processes.
/// #[derive(Debug, Default)]
/// struct Elsewhere(Mutex<HashMap<OrderId, Spill>>);
///
/// #[async_trait::async_trait]
/// impl SpillStore for Elsewhere {
///     async fn keep(&self, spill: &Spill) -> Result<(), Failure> {
///         self.0.lock().expect("no panics").insert(spill.order, spill.clone());
///         Ok(())
///     }
///     async fn find(&self, order: OrderId) -> Result<Option<Spill>, Failure> {
///         Ok(self.0.lock().expect("no panics").get(&order).cloned())
///     }
///     async fn remove(&self, order: OrderId) -> Result<(), Failure> {
///         self.0.lock().expect("no panics").remove(&order);
///         Ok(())
///     }
///     async fn set_aside(&self, order: OrderId) -> Result<(), Failure> {
///         self.remove(order).await // this one has no place for it
///     }
///     async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
///         Ok(self.0.lock().expect("no panics").keys().copied().collect())
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SpillStore: Debug + Send + Sync {
    /// Keeps what an order's owner has to say.
    async fn keep(&self, spill: &Spill) -> Result<(), Failure>;

    /// What was kept of an order.
    async fn find(&self, order: OrderId) -> Result<Option<Spill>, Failure>;

    /// Forgets it: the store has it now. No error if there is none.
    async fn remove(&self, order: OrderId) -> Result<(), Failure>;

    /// Puts it where `find` does not see it and a person can: the store refused it.
    async fn set_aside(&self, order: OrderId) -> Result<(), Failure>;

    /// Orders of which something is kept.
    async fn orders(&self) -> Result<Vec<OrderId>, Failure>;
}

/// Everything that an order's owner had to say and the store did not acknowledge.
///
/// A change is a statement: whoever finds it sends it again, in the owner's name. If the store has it already that does
/// nothing; if another owner came in between it is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spill {
    /// The order.
    pub order: OrderId,
    /// Place in the history of the first of `results`: so many were acknowledged.
    pub acknowledged: usize,
    /// Results that were not.
    pub results: Vec<Arc<StepExecutionResult>>,
    /// What the owner said.
    pub change: Change,
}
