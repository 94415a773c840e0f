//! What is decided about the steps that follow-up prompts become. Pure.

use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, CurrentStep, OrderPatch, StepDefinition, StepExecutionResult, StepGoal, StepHistory,
    WorkspaceSnapshot, follow_up_number,
};

use crate::snapshots::standing;

/// The fields that change when an attempt begins: for a prompt that waited, it has its place from now on.
pub(crate) fn start_patch(order: &AgentWorkOrder, history: &StepHistory, current: &CurrentStep) -> OrderPatch {
    OrderPatch {
        current_step: Some(Some(current.clone())),
        prompts_placed: order.placed_with(history, &current.step),
        ..OrderPatch::default()
    }
}

/// The session that a step goes on in: the last one that its agent had in the order, for a follow-up whose agent can.
pub(crate) fn resumed_session(
    order: &AgentWorkOrder,
    definition: &StepDefinition,
    history: &StepHistory,
    resumes: bool,
) -> Option<Arc<str>> {
    if !resumes || definition.goal != StepGoal::FollowUp {
        return None;
    }
    let agent = order.spec.agent_of(definition);
    let is_its = |result: &StepExecutionResult| {
        order.definition(&result.step).is_some_and(|definition| order.spec.agent_of(&definition) == agent)
    };
    history.iter().rev().filter(|result| is_its(result)).find_map(|result| result.session_id.clone())
}

/// The workspace before the follow-ups that came right before a step, if any did: what they did was done towards it.
pub(crate) fn before_follow_ups(order: &AgentWorkOrder, history: &StepHistory) -> Option<WorkspaceSnapshot> {
    let follow_ups = standing(order, history).take_while(|result| follow_up_number(&result.step).is_some());
    follow_ups.last().and_then(|first| first.evidence.before.clone())
}
