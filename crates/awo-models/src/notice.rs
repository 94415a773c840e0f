//! What somebody outside is told of an order: which events are told of, and in which words.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AgentWorkOrder, AgentWorkOrderStatus, Event, EventKind, EventSeq, FailureCode, OrderId, StepName};

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// An order has done all it was to do.
    OrderCompleted,
    /// An order has failed.
    OrderFailed,
    /// An order was cancelled.
    OrderCancelled,
    /// An order waits, for example for a limit to reset.
    OrderWaiting,
    /// A step takes longer than is usual, or than is set.
    StepSlow,
    /// Nothing happened: somebody tries whether notices arrive.
    Test,
}

impl NoticeKind {
    /// All that tell of orders.
    pub const OF_ORDERS: [Self; 5] =
        [Self::OrderCompleted, Self::OrderFailed, Self::OrderCancelled, Self::OrderWaiting, Self::StepSlow];

    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderCompleted => "order_completed",
            Self::OrderFailed => "order_failed",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderWaiting => "order_waiting",
            Self::StepSlow => "step_slow",
            Self::Test => "test",
        }
    }

    /// What an event is told of as; `None` of most.
    pub fn of(event: &EventKind) -> Option<Self> {
        match event {
            EventKind::Ended { status: AgentWorkOrderStatus::Completed } => Some(Self::OrderCompleted),
            EventKind::Ended { status: AgentWorkOrderStatus::Failed } => Some(Self::OrderFailed),
            EventKind::Ended { status: AgentWorkOrderStatus::Cancelled } => Some(Self::OrderCancelled),
            EventKind::Waiting { .. } => Some(Self::OrderWaiting),
            EventKind::StepSlow(_) => Some(Self::StepSlow),
            _ => None,
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no kind of notice about orders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not told of; there are {names}", names = NoticeKind::OF_ORDERS.map(NoticeKind::as_str).join(", "))]
pub struct ParseNoticeKindError(String);

impl FromStr for NoticeKind {
    type Err = ParseNoticeKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::OF_ORDERS.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| ParseNoticeKindError(text.chars().take(64).collect()))
    }
}

/// One thing that somebody outside is told. Told again, after a failure or a crash, it has the same id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// Its id: whoever was told it before knows it by that.
    pub id: String,
    /// What it tells of.
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// When that happened.
    pub timestamp: Timestamp,
    /// The order; none in a test.
    pub data: Option<NoticeData>,
}

/// What a notice says of its order: how it stood when the notice was sent, which may be after more has happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoticeData {
    /// The order.
    pub agent_work_order_id: OrderId,
    /// Number of the event among those of the order.
    pub event: EventSeq,
    /// Its status.
    pub status: AgentWorkOrderStatus,
    /// Address of its repository.
    pub repository_url: Arc<str>,
    /// Its branch.
    pub git_branch_name: Option<Arc<str>>,
    /// Its pull request.
    pub github_pull_request_url: Option<Arc<str>>,
    /// The step that is slow.
    pub step: Option<StepName>,
    /// Why it failed, or which optional part did.
    pub error_code: Option<FailureCode>,
    /// The same, told to a person. May hold words of agents.
    pub error_message: Option<Arc<str>>,
    /// What it waits for.
    pub waiting_for: Option<Arc<str>>,
    /// Until when.
    pub waiting_until: Option<Timestamp>,
    /// Steps that stand as done.
    pub steps_completed: usize,
    /// Steps that there are.
    pub total_steps: usize,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What its agents cost so far, in US dollars, as far as they say.
    pub cost_usd: Option<f64>,
}

impl Notice {
    /// What is told of an event of an order, as that stands now.
    pub fn new(kind: NoticeKind, event: &Event, order: &AgentWorkOrder) -> Self {
        let (id, state) = (order.agent_work_order_id, &order.state);
        let step = if let EventKind::StepSlow(slow) = &event.kind { Some(slow.step.clone()) } else { None };
        let data = NoticeData {
            agent_work_order_id: id,
            event: event.seq,
            status: state.status,
            repository_url: Arc::clone(&order.spec.repository_url),
            git_branch_name: state.git_branch_name.clone(),
            github_pull_request_url: state.github_pull_request_url.clone(),
            step,
            error_code: state.error_code,
            error_message: state.error_message.clone(),
            waiting_for: state.waiting_for.clone(),
            waiting_until: state.waiting_until,
            steps_completed: state.steps_completed,
            total_steps: order.total_steps(),
            started_at: state.started_at,
            completed_at: state.completed_at,
            cost_usd: order.usage_so_far().cost_usd(),
        };
        Self { id: format!("{id}-{}", event.seq), kind, timestamp: event.at, data: Some(data) }
    }

    /// A notice that tells of nothing. The random bytes make its id.
    pub fn test(now: Timestamp, random: [u8; 16]) -> Self {
        let id = format!("test-{:032x}", u128::from_be_bytes(random));
        Self { id, kind: NoticeKind::Test, timestamp: now, data: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;
    use crate::order::tests::order;

    fn event(kind: EventKind) -> Event {
        Event { seq: EventSeq(17), epoch: Epoch(1), at: Timestamp::UNIX_EPOCH, kind }
    }

    #[test]
    fn kinds_have_the_names_that_are_read() {
        for kind in NoticeKind::OF_ORDERS {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        let error = "test".parse::<NoticeKind>().unwrap_err().to_string();
        assert!(error.contains("\"test\"") && error.contains("order_failed"), "{error}");
    }

    #[test]
    fn most_events_are_not_told_of() {
        assert_eq!(NoticeKind::of(&EventKind::Created), None);
        assert_eq!(NoticeKind::of(&EventKind::HandedOver), None);
        let ended = |status| NoticeKind::of(&EventKind::Ended { status });
        assert_eq!(ended(AgentWorkOrderStatus::Failed), Some(NoticeKind::OrderFailed));
        assert_eq!(ended(AgentWorkOrderStatus::Running), None);
    }

    #[test]
    fn a_slow_step_is_named() {
        let slow = crate::SlowAttempt {
            step: StepName::known("plan"),
            agent_name: crate::AgentName::known("planner"),
            attempt: 2,
            since: Timestamp::UNIX_EPOCH,
            slow_after: std::time::Duration::from_secs(4),
            usual: None,
        };
        let event = event(EventKind::StepSlow(slow));
        let kind = NoticeKind::of(&event.kind).unwrap();
        let told = serde_json::to_value(Notice::new(kind, &event, &order(1))).unwrap();
        assert_eq!((&told["type"], &told["data"]["step"]), (&"step_slow".into(), &"plan".into()));
    }

    #[test]
    fn the_words_of_a_notice() {
        let status = AgentWorkOrderStatus::Completed;
        let notice = Notice::new(NoticeKind::OrderCompleted, &event(EventKind::Ended { status }), &order(1));
        insta::assert_json_snapshot!(notice);
        insta::assert_json_snapshot!("the_words_of_a_test", Notice::test(Timestamp::UNIX_EPOCH, [7; 16]));
    }
}
