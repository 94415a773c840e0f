//! What streams say of an order beyond its events.

use awo_engine::{Hint, OrderView};
use awo_models::{EventSeq, OrderId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::order::CurrentStepView;
use super::persistence_word;

/// How an order is at present: of the message `state`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderState)]
pub(crate) struct OrderStateView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Status of the order.
    #[schema(example = "running")]
    status: &'static str,
    /// The attempt in progress.
    current_step: Option<CurrentStepView<'a>>,
    /// What the order waits for, told to a person; no step is in progress then. `start` while it is held.
    waiting_for: Option<&'a str>,
    /// Until when it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_until: Option<Timestamp>,
    /// Steps of the workflow, those that prompts became or will become included.
    total_steps: usize,
    /// Those of them that stand as done.
    steps_completed: usize,
    /// `degraded` while the store does not take the order's saves; the work goes on.
    #[schema(example = "ok")]
    persistence: &'static str,
    /// Finished steps that are not stored yet; their events follow when they are.
    pending_steps: usize,
    /// All steps have ended; only the final save is outstanding.
    finishing: bool,
    /// Number of the order's last event.
    version: u64,
}

/// What the agent of the step in progress does: of the message `activity`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ActivityNews)]
pub(crate) struct ActivityNewsView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// The attempt in progress.
    current_step: Option<CurrentStepView<'a>>,
}

/// The order has ended, and all its events are sent: of the message `end`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = End)]
pub(crate) struct EndView {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// How it ended.
    status: &'static str,
    /// Number of its last event.
    version: u64,
}

/// The client's number is larger than any that the order has, so what the client has is of another history: it forgets
/// that, and all events follow. Of the message `reset`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reset)]
pub(crate) struct ResetView {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Number of its last event.
    version: u64,
}

/// An order has changed: of the message `order_changed`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderChange)]
pub(crate) struct ChangeView {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Number of its last event, or of an earlier one by now.
    version: u64,
}

impl<'a> OrderStateView<'a> {
    pub(crate) fn of(seen: &'a OrderView) -> Self {
        let OrderView { order, seq, persistence, activity, .. } = seen;
        Self {
            agent_work_order_id: order.agent_work_order_id.to_string(),
            status: order.state.status.as_str(),
            current_step: CurrentStepView::of(order, activity.as_ref()),
            waiting_for: order.waiting_for(),
            waiting_until: order.state.waiting_until,
            total_steps: order.total_steps(),
            steps_completed: order.state.steps_completed,
            persistence: persistence_word(*persistence),
            pending_steps: persistence.pending_steps,
            finishing: persistence.finishing,
            version: seq.0,
        }
    }
}

impl<'a> ActivityNewsView<'a> {
    pub(crate) fn of(seen: &'a OrderView) -> Self {
        let OrderView { order, activity, .. } = seen;
        Self {
            agent_work_order_id: order.agent_work_order_id.to_string(),
            current_step: CurrentStepView::of(order, activity.as_ref()),
        }
    }
}

impl EndView {
    pub(crate) fn of(seen: &OrderView) -> Self {
        Self {
            agent_work_order_id: seen.order.agent_work_order_id.to_string(),
            status: seen.order.state.status.as_str(),
            version: seen.seq.0,
        }
    }
}

impl ResetView {
    pub(crate) fn new(id: OrderId, last: EventSeq) -> Self {
        Self { agent_work_order_id: id.to_string(), version: last.0 }
    }
}

impl ChangeView {
    pub(crate) fn of(hint: Hint) -> Self {
        Self { agent_work_order_id: hint.order.to_string(), version: hint.seq.0 }
    }
}
