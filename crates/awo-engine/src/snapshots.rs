//! What the workspace of an order is like according to its history, and whether the remote has that. Pure.

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, StepExecutionResult, StepGoal, StepHistory, WorkspaceSnapshot};

/// The workspace as the last standing success left it: what the next attempt begins with.
///
/// Of a commit that was pushed, the state right after it was made counts: what a later step left beside it, without
/// committing it, is on no remote and is not gone on with.
pub(crate) fn last_snapshot(order: &AgentWorkOrder, history: &StepHistory) -> Option<WorkspaceSnapshot> {
    let last = standing(order, history).find_map(|result| result.evidence.after.as_ref())?;
    if !is_pushed(order, history, last) {
        return Some(last.clone());
    }
    let commits = |result: &&StepExecutionResult| {
        let goal = order.definition(&result.step).map(|definition| definition.goal);
        matches!(goal, Some(StepGoal::Commit | StepGoal::FollowUp))
    };
    let made = standing(order, history).filter(commits).filter_map(|result| result.evidence.after.as_ref());
    Some(made.filter(|after| after.head == last.head).last().unwrap_or(last).clone())
}

/// Whether the commit of a snapshot is what was pushed last.
pub(crate) fn is_pushed(order: &AgentWorkOrder, history: &StepHistory, snapshot: &WorkspaceSnapshot) -> bool {
    let push = standing(order, history).find_map(|result| result.evidence.push.as_ref());
    push.is_some_and(|push| push.commit == snapshot.head)
}

/// Whether the checkout of an order may go: the order is completed, and what it left is pushed.
pub(crate) fn is_delivered(order: &AgentWorkOrder, history: &StepHistory) -> bool {
    order.state.status == AgentWorkOrderStatus::Completed
        && order.state.error_code.is_none()
        && last_snapshot(order, history).is_some_and(|left| is_pushed(order, history, &left))
}

/// Successes that nothing has overtaken, the last one first.
pub(crate) fn standing<'h>(
    order: &AgentWorkOrder,
    history: &'h StepHistory,
) -> impl Iterator<Item = &'h StepExecutionResult> {
    let standing = |index: &usize| !order.superseded(history, *index);
    let results = (0..history.len()).rev().filter(standing).filter_map(|index| history.get(index));
    results.map(AsRef::as_ref).filter(|result: &&StepExecutionResult| result.success)
}
