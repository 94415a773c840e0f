//! The few numbers a backend keeps per order, and the answer to a write.

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Epoch, EventSeq, StepHistory};
use serde::{Deserialize, Serialize};

use crate::{ClaimId, Result, StateError};

/// What a backend checks under its lock: enough for [`merge`](crate::merge()), whatever the length of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Status of the order.
    pub status: AgentWorkOrderStatus,
    /// Number of the last event: the order's version.
    pub seq: EventSeq,
    /// Epoch of the last claim.
    pub epoch: Epoch,
    /// Claim that raised the epoch.
    pub claim: Option<ClaimId>,
    /// Events that this claim brought along, itself included.
    pub claim_events: u64,
    /// Events that the owner recorded in this epoch, the claim's own not counted.
    pub owner_events: u64,
    /// Digest of the last of them.
    pub last_owner_event: u64,
    /// Results in the history.
    pub steps: usize,
    /// Digest of the history ([`StepHistory::digest`]).
    pub history_digest: u64,
    /// Whether somebody asked to cancel.
    pub cancel_requested: bool,
    /// Whether it is held until somebody starts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Prompts that came.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prompts: usize,
    /// Prompts that an owner has taken up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prompts_placed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Head {
    /// The head of an order that was just created and is not held: one event, nothing else.
    pub fn created() -> Self {
        Self {
            status: AgentWorkOrderStatus::Pending,
            seq: EventSeq(1),
            epoch: Epoch(0),
            claim: None,
            claim_events: 0,
            owner_events: 0,
            last_owner_event: 0,
            steps: 0,
            history_digest: 0,
            cancel_requested: false,
            held: false,
            prompts: 0,
            prompts_placed: 0,
        }
    }

    /// The head of a new order, if it is one: a backend asks this before it stores it.
    pub fn of_new(order: &AgentWorkOrder) -> Result<Self> {
        let state = &order.state;
        let unheard = state.prompts.is_empty() && state.prompts_placed.is_empty();
        if state.status == AgentWorkOrderStatus::Pending && !state.cancel_requested && unheard {
            Ok(Self { held: state.held, ..Self::created() })
        } else {
            Err(StateError::Refused("a new order is pending, not asked to cancel, and without prompts"))
        }
    }

    /// The answer to a write that left this head.
    pub fn committed(&self) -> Committed {
        Committed {
            seq: self.seq,
            epoch: self.epoch,
            owner_events: self.owner_events,
            steps: self.steps,
            cancel_requested: self.cancel_requested,
            prompts: self.prompts,
        }
    }

    /// Whether the order may be deleted by somebody who saw version `at`.
    pub fn deletable(&self, at: EventSeq) -> Result<()> {
        if !self.status.is_terminal() {
            return Err(StateError::Refused("only an order that has ended can be deleted"));
        }
        if self.seq != at {
            return Err(StateError::Conflict { at: self.seq, why: "the order has changed since" });
        }
        Ok(())
    }

    /// Whether an order and a history are those of this head; for backends that read them back from outside.
    pub fn fits(&self, order: &AgentWorkOrder, history: &StepHistory) -> bool {
        self.status == order.state.status
            && self.held == order.state.held
            && self.prompts == order.state.prompts.len()
            && self.prompts_placed == order.state.prompts_placed.len()
            && self.steps == history.len()
            && history.digest(history.len()) == Some(self.history_digest)
    }
}

/// The answer to a write: where the order stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The order's version.
    pub seq: EventSeq,
    /// Epoch of its present owner.
    pub epoch: Epoch,
    /// Events of that owner that are stored, the claim's own not counted.
    pub owner_events: u64,
    /// Results that are stored.
    pub steps: usize,
    /// Whether somebody asked to cancel: every answer tells the owner.
    pub cancel_requested: bool,
    /// Prompts that came, those included that were taken up: every answer tells the owner.
    pub prompts: usize,
}
