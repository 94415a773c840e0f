//! What happened to an order, numbered without gaps.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AgentWorkOrderStatus, CurrentStep, Epoch, FailureCode, StepName};

/// Number of an event of one order: 1, 2, 3 … without gaps. At once the order's version, its `ETag` and its stream id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventSeq(pub u64);

impl fmt::Display for EventSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: EventSeq,
    /// Epoch of the order after it.
    pub epoch: Epoch,
    /// When its writer says that it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. No field of an order changes without one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The order was created.
    Created,
    /// A worker took it.
    Claimed {
        /// Who.
        worker: Arc<str>,
    },
    /// An attempt began.
    StepStarted(CurrentStep),
    /// An attempt ended; its result is in the history.
    StepFinished {
        /// Place in the history, from 0.
        index: usize,
        /// The step.
        step: StepName,
        /// Number of the attempt.
        attempt: u32,
        /// Whether it succeeded.
        success: bool,
    },
    /// Something was learnt about the order: its base commit, its issue.
    Prepared,
    /// Something went wrong that does not stop the order.
    Warning {
        /// Class of the trouble.
        code: FailureCode,
        /// The trouble, told to a person.
        message: Arc<str>,
    },
    /// The order waits, for example for a limit to reset. No step is in progress.
    Waiting {
        /// For what.
        waiting_for: Arc<str>,
        /// Until when.
        waiting_until: Timestamp,
    },
    /// An attempt that was suspended goes on.
    StepResumed(CurrentStep),
    /// Somebody started it: it was held until then.
    StartRequested,
    /// Somebody asked to cancel it.
    CancelRequested,
    /// Somebody asked to try again: a new round began.
    Retried,
    /// Somebody said something more: a follow-up prompt, which waits until the owner takes it up.
    Prompted {
        /// The step that it becomes.
        step: StepName,
    },
    /// Its worker gave it back to the queue.
    HandedOver,
    /// It ended.
    Ended {
        /// How.
        status: AgentWorkOrderStatus,
    },
}

impl EventKind {
    /// All words for them on the wire, in the order of the kinds.
    pub const WORDS: [&str; 14] = [
        "created",
        "claimed",
        "step_started",
        "step_finished",
        "prepared",
        "warning",
        "waiting",
        "step_resumed",
        "start_requested",
        "cancel_requested",
        "retried",
        "prompted",
        "handed_over",
        "ended",
    ];

    /// The word for it on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Claimed { .. } => "claimed",
            Self::StepStarted(_) => "step_started",
            Self::StepFinished { .. } => "step_finished",
            Self::Prepared => "prepared",
            Self::Warning { .. } => "warning",
            Self::Waiting { .. } => "waiting",
            Self::StepResumed(_) => "step_resumed",
            Self::StartRequested => "start_requested",
            Self::CancelRequested => "cancel_requested",
            Self::Retried => "retried",
            Self::Prompted { .. } => "prompted",
            Self::HandedOver => "handed_over",
            Self::Ended { .. } => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word_in_the_list() {
        let unknown = serde_json::from_str::<EventKind>(r#"{"kind": "?"}"#).unwrap_err().to_string();
        let (_, expected) = unknown.split_once("expected one of ").unwrap();
        let words: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        assert_eq!(words, EventKind::WORDS);
    }
}
