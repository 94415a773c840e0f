//! What can go wrong with a repository: one enum, so that callers match on meaning.

use awo_models::{Epoch, EventSeq, OrderId, TransitionRefused};

/// The cause behind an error of a backend.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of a repository call.
pub type Result<T, E = StateError> = std::result::Result<T, E>;

/// A repository call did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A write for an order that is not there. (A read of one answers `None`.)
    #[error("there is no order {0}")]
    NotFound(OrderId),

    /// An order with this id, or with the same idempotency key, exists; the error names it.
    #[error("the order exists as {0}")]
    AlreadyExists(OrderId),

    /// The write does not fit what is stored; nothing was changed. Read again and decide again.
    #[error("{why} (the order is at version {at})")]
    Conflict {
        /// Version that is stored.
        at: EventSeq,
        /// What does not fit.
        why: &'static str,
    },

    /// Another owner has claimed the order since; this one must stop and touch nothing any more.
    #[error("another worker has claimed the order (epoch {current})")]
    Fenced {
        /// Epoch of the present owner.
        current: Epoch,
    },

    /// A claim while the owner's lease still lives (backends with leases). Try later.
    #[error("the order has an owner, and that owner is alive")]
    Held,

    /// The holder of an order's lease lost it, or could not renew it in time; it must stop and touch nothing any more.
    /// Said by whoever holds leases, not by a repository.
    #[error("the lease on the order is lost, or could not be renewed in time")]
    LeaseLost,

    /// The order's status does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionRefused),

    /// The writer may not do this.
    #[error("{0}")]
    Refused(&'static str),

    /// The owner would end the order while a prompt waits in it; nothing was changed. Take the prompt up, or end the order
    /// by a claim.
    #[error("a prompt waits in the order, which does not end before it is taken up")]
    PromptWaiting,

    /// What is stored for this order is damaged. It is left as it is.
    #[error("the stored data of order {id} is damaged")]
    Corrupt {
        /// The order.
        id: OrderId,
        /// What is wrong, and where.
        #[source]
        source: BoxError,
    },

    /// An order that is to be imported and does not fit itself; nothing of it is stored.
    #[error("order {id} does not fit itself: {why}")]
    Unfit {
        /// The order.
        id: OrderId,
        /// What does not fit.
        why: &'static str,
    },

    /// Written by a newer version of this program; left untouched.
    #[error("order {id} was stored in format {found}, and this program reads formats up to {known}")]
    UnsupportedVersion {
        /// The order.
        id: OrderId,
        /// Format that was found.
        found: u32,
        /// Newest format this program reads.
        known: u32,
    },

    /// The store does not answer; the outcome of a write is unknown: stored, not stored, or still to be.
    #[error("the store does not answer")]
    Unavailable(#[source] BoxError),

    /// The store answered that it failed; the write is not stored.
    #[error("the store failed")]
    Backend(#[source] BoxError),
}

impl StateError {
    /// Whether the store itself is in trouble, so that the same call may succeed later.
    ///
    /// Every other error is an answer: repeating the call gives it again.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Backend(_))
    }
}
