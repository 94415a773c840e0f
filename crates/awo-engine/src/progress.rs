//! Decides what comes next in an order. Pure: the loop, recovery and the tests share it.

use std::sync::Arc;

use awo_models::{
    AgentName, AgentWorkOrder, AgentWorkOrderStatus, FailureCode, StepDefinition, StepExecutionResult, StepGoal,
    StepHistory,
};

/// What an order needs next, judged by its history alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// Run this step.
    Run(StepDefinition),
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
        Move::End(_) => true,
    };
    match order.next_prompt(history) {
        Some((definition, due)) if is_free && (due || matches!(next, Move::End(_))) => Move::Run(definition),
        _ => next,
    }
}

fn workflow_move(order: &AgentWorkOrder, history: &StepHistory) -> Move {
    let mut optional_failure = None;
    for definition in order.workflow() {
        match order.settled_by(history, &definition) {
            None => return Move::Run(definition.into_owned()),
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
