//! What the engine does after an agent did what a follow-up prompt asks for: commit and push what changed, where the
//! steps of the order have done so before. What a step that is still to come does is left to it.

use awo_models::{Failure, StepGoal, WorkspaceSnapshot};

use super::context::Context;
use super::goals::{keep, nothing_left, on_branch, push};
use super::report::AttemptReport;
use crate::answers::FollowUpAnswer;
use crate::path_policy::flagged;

/// Commits and pushes. The answer is the step's output. A prompt may be a question: nothing need have changed.
pub(super) async fn settle(
    context: &Context<'_>,
    said: FollowUpAnswer,
    before: &WorkspaceSnapshot,
    report: &mut AttemptReport,
) -> Result<String, Failure> {
    if !commits(context) {
        return Ok(said.report);
    }
    on_branch(context).await?;
    let message = said
        .message
        .unwrap_or_else(|| format!("chore: {} of {}", context.definition.step, context.order.agent_work_order_id));
    context.sandbox.commit(&message).await?;
    nothing_left(context).await?;
    let now = on_branch(context).await?;
    if now.head != before.head {
        let patch = context.sandbox.patch(before, &now).await?;
        keep(context, "changes.patch", patch, report).await;
    }
    let pushed = context.standing(|evidence| evidence.push.clone());
    if let Some(last) = pushed.filter(|last| last.commit != now.head) {
        let flagged = flagged(&context.total_changes(&now).await?.files);
        report.evidence.push = Some(push(context, &last.branch, &now, &flagged).await?);
    }
    Ok(said.report)
}

/// Whether the order has committed its work.
fn commits(context: &Context<'_>) -> bool {
    let mut commits = context.order.spec.workflow.iter().filter(|definition| definition.goal == StepGoal::Commit);
    commits.any(|definition| context.order.is_done(context.history, definition))
}
