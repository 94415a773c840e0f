//! What happened to an order, numbered without gaps.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AgentWorkOrderStatus, CurrentStep, Epoch, FailureCode, SlowAttempt, StepName};

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
    /// The attempt in progress takes longer than is usual, or than is set. Said once of an attempt.
    StepSlow(SlowAttempt),
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
    pub const WORDS: [&str; 15] = [
        "created",
        "claimed",
        "step_started",
        "step_finished",
        "prepared",
        "warning",
        "waiting",
        "step_resumed",
        "step_slow",
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
            Self::StepSlow(_) => "step_slow",
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

    #[test]
    fn a_slow_attempt_is_stored_with_what_it_was_compared_with() {
        let slow = SlowAttempt {
            step: StepName::known("plan"),
            agent_name: crate::AgentName::known("planner"),
            attempt: 2,
            since: Timestamp::UNIX_EPOCH,
            slow_after: std::time::Duration::from_secs(4),
            usual: Some(crate::UsualDuration {
                p50: std::time::Duration::from_secs(1),
                p95: std::time::Duration::from_secs(2),
                samples: 5,
            }),
        };
        let kind = EventKind::StepSlow(slow);
        let text = serde_json::to_string(&kind).unwrap();
        insta::assert_snapshot!(text, @r#"{"kind":"step_slow","step":"plan","agent_name":"planner","attempt":2,"since":"1970-01-01T00:00:00Z","slow_after_nanoseconds":4000000000,"usual":{"p50_nanoseconds":1000000000,"p95_nanoseconds":2000000000,"samples":5}}"#);
        assert_eq!(serde_json::from_str::<EventKind>(&text).unwrap(), kind);
    }
}
