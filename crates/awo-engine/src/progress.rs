//! Decides what comes next in an order. Pure: the loop, recovery and the tests share it.

use std::sync::Arc;

use awo_models::{
    AgentName, AgentWorkOrder, AgentWorkOrderStatus, Failure, FailureCode, StepDefinition, StepExecutionResult,
    StepGoal, StepHistory, Timestamp,
};

use crate::budget;

/// What an order needs next, judged by what it is and its history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// Run this step.
    Run(StepDefinition),
    /// Wait until this time, then run this step.
    Wait(StepDefinition, Timestamp),
    /// End it.
    End(Ending),
}

/// How an order ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    pub(crate) status: AgentWorkOrderStatus,
    pub(crate) error_code: Option<FailureCode>,
    pub(crate) error_message: Option<Arc<str>>,
}

/// The next move of an order: a prompt whose turn has come, else what the workflow says. Nothing ends before the last
/// prompt was taken up, and one that was taken up is done with before the next is.
pub(crate) fn next_move(order: &AgentWorkOrder, history: &StepHistory) -> Move {
    let next = workflow_move(order, history);
    let is_free = match &next {
        Move::Run(definition) => definition.goal != StepGoal::FollowUp,
        Move::Wait(..) => false, // for what has begun, or is tried again
        Move::End(_) => true,
    };
    match order.next_prompt(history) {
        Some((definition, due)) if is_free && (due || matches!(next, Move::End(_))) => Move::Run(definition),
        _ => next,
    }
}

fn workflow_move(order: &AgentWorkOrder, history: &StepHistory) -> Move {
    let mut optional_failure = None;
    let workflow = order.workflow();
    for (place, definition) in workflow.iter().enumerate() {
        match order.settled_by(history, definition) {
            None => {
                let required = workflow.iter().skip(place).any(|open| open.required);
                let definition = StepDefinition::clone(definition);
                return match (budget::used_up(order, history), order.state.waiting_until) {
                    (Some(used_up), _) => Move::End(out_of_budget(&definition, required, &used_up)),
                    (None, Some(until)) => Move::Wait(definition, until),
                    (None, None) => Move::Run(definition),
                };
            }
            Some(result) if result.success => {}
            Some(result) if definition.required => return Move::End(ending(AgentWorkOrderStatus::Failed, result)),
            Some(result) => optional_failure = Some(result),
        }
    }
    let completed = AgentWorkOrderStatus::Completed;
    Move::End(match optional_failure {
        Some(result) => ending(completed, result),
        None => Ending { status: completed, error_code: None, error_message: None },
    })
}

impl Move {
    /// The step that is run now or later.
    pub(crate) fn step(&self) -> Option<&StepDefinition> {
        match self {
            Self::Run(definition) | Self::Wait(definition, _) => Some(definition),
            Self::End(_) => None,
        }
    }
}

/// The end of an order that may use no more. As with failures, it fails it only if a step is open that must not fail.
fn out_of_budget(open: &StepDefinition, required: bool, used_up: &Failure) -> Ending {
    Ending {
        status: if required { AgentWorkOrderStatus::Failed } else { AgentWorkOrderStatus::Completed },
        error_code: Some(used_up.code),
        error_message: Some(format!("step `{}` was not begun: {}", open.step, used_up.message).into()),
    }
}

/// The end of an order by a result that did not succeed.
pub(crate) fn ending(status: AgentWorkOrderStatus, result: &StepExecutionResult) -> Ending {
    let message = result.error_message.as_deref().unwrap_or("no reason was given");
    let verb = if status == AgentWorkOrderStatus::Cancelled { "ended" } else { "failed" };
    Ending {
        status,
        error_code: result.error_code,
        error_message: Some(format!("step `{}` {verb}: {message}", result.step).into()),
    }
}

/// The role that does a step, also for a step that the workflow does not know.
pub(crate) fn agent_of(order: &AgentWorkOrder, step: &awo_models::StepName) -> AgentName {
    order.definition(step).map_or_else(|| AgentName::known("unknown"), |d| d.agent_name.clone())
}
