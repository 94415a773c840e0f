//! An event on the wire.

use awo_models::{CurrentStep, Event, EventKind, OrderId, SlowAttempt, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::order::UsualView;

/// One thing that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Its number: 1, 2, 3 … without gaps. What `after` counts.
    #[schema(example = 7)]
    sequence: u64,
    /// What happened, in one word.
    #[schema(example = "step_finished")]
    kind: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Claims of the order by then.
    epoch: u64,
    /// What belongs to the kind; an empty object for most.
    data: EventData<'a>,
}

/// What belongs to a kind of event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum EventData<'a> {
    /// Of `claimed`.
    Claimed {
        /// The worker.
        #[schema(example = "awo-4711")]
        worker: &'a str,
    },
    /// Of `step_started`, and of `step_resumed`: a suspended attempt goes on.
    StepStarted {
        /// The step.
        step: &'a str,
        /// The role that does it.
        agent_name: &'a str,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// When it began.
        #[schema(value_type = String, format = DateTime)]
        started_at: Timestamp,
        /// Session of the agent program, where awo chose it.
        session_id: Option<&'a str>,
    },
    /// Of `step_slow`: the attempt in progress takes longer than is usual, or than is set. It goes on.
    StepSlow {
        /// The step.
        step: &'a str,
        /// The role that does it.
        agent_name: &'a str,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Time at work in seconds after which it counts as slow.
        slow_after_seconds: f64,
        /// What it was compared with; null if that was a set bound alone.
        usual: Option<UsualView>,
    },
    /// Of `step_finished`.
    StepFinished {
        /// Place of its result in the history, from 1: the `n` of `/steps/{n}/output`.
        result_number: usize,
        /// The step.
        step: &'a str,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Whether it succeeded.
        success: bool,
    },
    /// Of `warning`.
    Warning {
        /// Class of the trouble.
        error_code: &'static str,
        /// The trouble, told to a person.
        message: &'a str,
    },
    /// Of `waiting`.
    Waiting {
        /// What the order waits for, told to a person.
        waiting_for: &'a str,
        /// Until when.
        #[schema(value_type = String, format = DateTime)]
        waiting_until: Timestamp,
    },
    /// Of `prompted`.
    Prompted {
        /// The step that the prompt becomes.
        step: &'a str,
    },
    /// Of `ended`.
    Ended {
        /// How the order ended.
        status: &'static str,
    },
    /// Of every other kind.
    Nothing {},
}

impl<'a> EventView<'a> {
    pub(crate) fn new(id: OrderId, event: &'a Event) -> Self {
        Self {
            agent_work_order_id: id.to_string(),
            sequence: event.seq.0,
            kind: event.kind.as_str(),
            timestamp: event.at,
            epoch: event.epoch.0,
            data: EventData::of(&event.kind),
        }
    }
}

impl<'a> EventData<'a> {
    fn of(kind: &'a EventKind) -> Self {
        match kind {
            EventKind::Claimed { worker } => Self::Claimed { worker },
            EventKind::StepStarted(current) | EventKind::StepResumed(current) => {
                let CurrentStep { step, agent_name, attempt, started_at, session_id, .. } = current;
                Self::StepStarted {
                    step: step.as_str(),
                    agent_name: agent_name.as_str(),
                    attempt: *attempt,
                    started_at: *started_at,
                    session_id: session_id.as_deref(),
                }
            }
            EventKind::StepSlow(SlowAttempt { step, agent_name, attempt, slow_after, usual, .. }) => Self::StepSlow {
                step: step.as_str(),
                agent_name: agent_name.as_str(),
                attempt: *attempt,
                slow_after_seconds: slow_after.as_secs_f64(),
                usual: usual.map(UsualView::from),
            },
            EventKind::Waiting { waiting_for, waiting_until } => {
                Self::Waiting { waiting_for, waiting_until: *waiting_until }
            }
            EventKind::StepFinished { index, step, attempt, success } => Self::StepFinished {
                result_number: index + 1,
                step: step.as_str(),
                attempt: *attempt,
                success: *success,
            },
            EventKind::Warning { code, message } => Self::Warning { error_code: code.as_str(), message },
            EventKind::Prompted { step } => Self::Prompted { step: step.as_str() },
            EventKind::Ended { status } => Self::Ended { status: status.as_str() },
            _ => Self::Nothing {},
        }
    }
}
