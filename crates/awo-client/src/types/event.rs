//! What streams tell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::step::CurrentStep;

/// One thing that happened to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The order.
    pub agent_work_order_id: String,
    /// What belongs to the kind; an empty object for most.
    pub data: Value,
    /// Claims of the order by then.
    pub epoch: u64,
    /// What happened, in one word.
    pub kind: String,
    /// Its number: 1, 2, 3 … without gaps. What `after` counts.
    pub sequence: u64,
    /// When.
    pub timestamp: Timestamp,
}

/// How an order is at present: of the message `state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderState {
    /// The order.
    pub agent_work_order_id: String,
    /// The attempt in progress.
    pub current_step: Option<CurrentStep>,
    /// All steps have ended; only the final save is outstanding.
    pub finishing: bool,
    /// Finished steps that are not stored yet; their events follow when they are.
    pub pending_steps: u64,
    /// `degraded` while the store does not take the order's saves; the work goes on.
    pub persistence: String,
    /// Status of the order.
    pub status: String,
    /// Those of them that stand as done.
    pub steps_completed: u64,
    /// Steps of the workflow, those that prompts became or will become included.
    pub total_steps: u64,
    /// Number of the order's last event.
    pub version: u64,
    /// What the order waits for, told to a person; no step is in progress then.
    pub waiting_for: Option<String>,
    /// Until when it waits.
    pub waiting_until: Option<Timestamp>,
}

/// What the agent of the step in progress does: of the message `activity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActivityNews {
    /// The order.
    pub agent_work_order_id: String,
    /// The attempt in progress.
    pub current_step: Option<CurrentStep>,
}

/// The client's number is larger than any that the order has, so what the client has is of another history: it forgets
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reset {
    /// The order.
    pub agent_work_order_id: String,
    /// Number of its last event.
    pub version: u64,
}

/// The order has ended, and all its events are sent: of the message `end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// The order.
    pub agent_work_order_id: String,
    /// How it ended.
    pub status: String,
    /// Number of its last event.
    pub version: u64,
}

/// An order has changed: of the message `order_changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderChange {
    /// The order.
    pub agent_work_order_id: String,
    /// Number of its last event, or of an earlier one by now.
    pub version: u64,
}
