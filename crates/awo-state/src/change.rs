//! A change: what a writer has to say, guarded by what it believes.

use awo_models::{AgentWorkOrderStatus, Epoch, EventKind, EventSeq, OrderPatch, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Committed;

/// Chosen by a claimant at random, so that the same claim sent twice (its answer was lost) is one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClaimId(pub u64);

/// Who may write. There is no unguarded write and no default guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The owner of an epoch, who has heard that the first `acknowledged` events it recorded in it are stored.
    Owner {
        /// The owner's epoch.
        epoch: Epoch,
        /// Events it has heard acknowledged.
        acknowledged: u64,
    },
    /// Anybody, if the order is still at this version: cancel, retry, prompt, delete, and claims.
    Unchanged(EventSeq),
}

/// Everything a writer has to say and has not yet heard acknowledged.
///
/// A change is a statement, not a command: sending it again, or a larger one, is always safe, also when an answer was
/// lost. That is the whole of working through an outage of the store. It can be stored elsewhere and sent by a later
/// process, too.
///
/// ```
/// use awo_models::{EventKind, EventSeq, OrderPatch, Timestamp};
/// use awo_state::Change;
/// let at = Timestamp::UNIX_EPOCH;
/// let cancel = Change::if_unchanged(EventSeq(4)).with(
///     EventKind::CancelRequested,
///     at,
///     OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() },
/// );
/// assert_eq!(cancel.recorded().len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    guard: Guard,
    claim: Option<ClaimId>,
    recorded: Vec<Recorded>,
}

/// An event with its time and the fields it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The fields it changes.
    pub patch: OrderPatch,
}

impl Change {
    /// The owner's next words, after the last answer it got. Until the next `Ok`, add to this change; do not start
    /// another from the same answer.
    pub fn after(heard: Committed) -> Self {
        Self::new(Guard::Owner { epoch: heard.epoch, acknowledged: heard.owner_events })
    }

    /// The words of anybody else.
    pub fn if_unchanged(seq: EventSeq) -> Self {
        Self::new(Guard::Unchanged(seq))
    }

    fn new(guard: Guard) -> Self {
        Self { guard, claim: None, recorded: Vec::new() }
    }

    /// Takes the order over: the epoch goes up by one and every older owner is fenced. What is recorded after it (the
    /// result of a cut attempt, the start of the first step) rides on the same commit.
    #[must_use]
    pub fn claiming(mut self, id: ClaimId, worker: &str, at: Timestamp, patch: OrderPatch) -> Self {
        self.claim = Some(id);
        let patch = OrderPatch { status: Some(AgentWorkOrderStatus::Running), ..patch };
        self.record(EventKind::Claimed { worker: worker.into() }, at, patch);
        self
    }

    /// Adds an event and the fields it changes. There is no way to change a field without an event, so the version
    /// moves with every visible change.
    pub fn record(&mut self, kind: EventKind, at: Timestamp, patch: OrderPatch) {
        self.recorded.push(Recorded { kind, at, patch });
    }

    /// [`Change::record`] in passing.
    #[must_use]
    pub fn with(mut self, kind: EventKind, at: Timestamp, patch: OrderPatch) -> Self {
        self.record(kind, at, patch);
        self
    }

    /// To be called with an `Ok` answer: what it acknowledges is forgotten; what was recorded since it was sent stays.
    ///
    /// A claim is not added to between its sending and its answer; all of it is forgotten.
    pub fn settle(&mut self, heard: Committed) {
        let stored = match self.guard {
            // The answer is of its epoch: any other would have been `Fenced`.
            Guard::Owner { acknowledged, .. } => {
                usize::try_from(heard.owner_events.saturating_sub(acknowledged)).unwrap_or(usize::MAX)
            }
            Guard::Unchanged(_) => self.recorded.len(),
        };
        self.recorded.drain(..stored.min(self.recorded.len()));
        self.guard = Guard::Owner { epoch: heard.epoch, acknowledged: heard.owner_events };
        self.claim = None;
    }

    /// The same without its last word, if that ends the order: what an owner says when it learns that it may not end it.
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.recorded.pop_if(|last| matches!(last.kind, EventKind::Ended { .. }));
        self
    }

    /// Who writes.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// The claim, if it is one.
    pub fn claim(&self) -> Option<ClaimId> {
        self.claim
    }

    /// What is said, in order.
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.recorded.is_empty()
    }

    /// Status that the order has after it, if it changes the status.
    pub fn status(&self) -> Option<AgentWorkOrderStatus> {
        self.recorded.iter().rev().find_map(|r| r.patch.status)
    }
}
