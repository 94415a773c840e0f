//! What the handle answers when it cannot do what was asked.

use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, Failure, OrderId};
use awo_state::{CatalogError, StateError};

use crate::ports::Unverified;

/// A call of [`WorkOrders`](crate::WorkOrders) did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The request has fields that cannot be used; all of them are named.
    #[error("{}", list(.0))]
    Invalid(Vec<FieldError>),

    /// There is no such order.
    #[error("there is no agent work order {0}")]
    NotFound(OrderId),

    /// The order's status does not allow it.
    #[error("agent work order {id} is {status}: {allowed}")]
    NotAllowed {
        /// The order.
        id: OrderId,
        /// Where it stands.
        status: AgentWorkOrderStatus,
        /// What can be done instead.
        allowed: &'static str,
    },

    /// The idempotency key was used for another request.
    #[error("the idempotency key {key:?} was used for another request, which made {order}; use a new key")]
    KeyReused {
        /// The key.
        key: String,
        /// The order it made.
        order: OrderId,
    },

    /// The idempotency key was used for another prompt to the order.
    #[error("the idempotency key {key:?} was used for another prompt to {order}; use a new key")]
    PromptKeyReused {
        /// The key.
        key: String,
        /// The order.
        order: OrderId,
    },

    /// As many orders wait as may wait.
    #[error("{limit} agent work orders wait already; try again when some have run")]
    QueueFull {
        /// The limit.
        limit: usize,
    },

    /// This process ends and takes no new orders.
    #[error("this server is shutting down; try again when it is back")]
    ShuttingDown,

    /// This process is the only one that runs its orders, so there is no queue of several workers.
    #[error("no workers share these orders, so there is no queue of theirs to pause or resume")]
    QueueNotShared,

    /// The change that was asked for cannot be shown.
    #[error("agent work order {id} has no such diff: {reason}")]
    NoDiff {
        /// The order.
        id: OrderId,
        /// Why not, and where it may be had.
        reason: String,
    },

    /// What was kept of a checkout could not be read.
    #[error("{}", .0.message)]
    Workspace(Failure),

    /// This engine keeps no configured repositories.
    #[error("this server keeps no configured repositories")]
    NoCatalog,

    /// There is no such configured repository.
    #[error("there is no configured repository {0}")]
    RepositoryNotFound(Arc<str>),

    /// A repository with an address that means the same is configured.
    #[error("the repository is configured already, as {0}")]
    RepositoryExists(Arc<str>),

    /// The repository could not be seen at its forge.
    #[error(transparent)]
    Unverified(#[from] Unverified),

    /// The catalog could not be read or written.
    #[error(transparent)]
    Catalog(CatalogError),

    /// The store could not be read or written.
    #[error(transparent)]
    State(StateError),
}

impl From<StateError> for EngineError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::NotFound(id) => Self::NotFound(id),
            other => Self::State(other),
        }
    }
}

impl From<CatalogError> for EngineError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound { id } => Self::RepositoryNotFound(id),
            CatalogError::Exists { id } => Self::RepositoryExists(id),
            other => Self::Catalog(other),
        }
    }
}

/// One field of a request that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field on the wire.
    pub field: &'static str,
    /// What is wrong with it, and the cure.
    pub message: String,
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
}
