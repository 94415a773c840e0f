//! What git knows of an order's work, at any time: how far it is, and what it changed. Read from the history and from what
//! was kept of each state; the checkout, in which an agent may be at work, is left alone.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, OrderId, StepExecutionResult, StepGoal, StepHistory, WorkspaceSnapshot};

use crate::error::EngineError;
use crate::ports::KeptCommit;
use crate::snapshots::{last_snapshot, standing};
use crate::work_orders::{OrderView, WorkOrders};

/// How far an order is, as git sees it.
#[derive(Debug, Clone)]
pub struct GitProgress {
    /// The order with its history.
    pub view: OrderView,
    /// The newest commit of the order's own; `None` while there is none.
    pub latest_commit: Option<KeptCommit>,
}

impl WorkOrders {
    /// How far an order is, as git sees it.
    pub async fn git_progress(&self, id: OrderId) -> Result<GitProgress, EngineError> {
        let view = self.get(id).await?;
        let latest_commit = match own_head(&view.order, &view.history) {
            Some(head) => Some(self.commit(&view, head).await?),
            None => None,
        };
        Ok(GitProgress { view, latest_commit })
    }

    async fn commit(&self, view: &OrderView, head: Arc<str>) -> Result<KeptCommit, EngineError> {
        let kept = self.engine.sandboxes.kept_commit(view.order.agent_work_order_id, &head).await;
        if let Some(kept) = kept.map_err(EngineError::Workspace)? {
            return Ok(kept);
        }
        let subject = message_of(&view.order, &view.history, &head).unwrap_or("");
        Ok(KeptCommit { subject: subject.lines().next().unwrap_or("").into(), id: head })
    }

    /// What an order has changed so far, as a unified diff: from the commit that it began with to what its last standing
    /// step left.
    pub async fn diff(&self, id: OrderId) -> Result<Vec<u8>, EngineError> {
        let view = self.get(id).await?;
        let (order, history) = (&view.order, &view.history);
        let Some((base, left)) = order.state.base_commit.clone().zip(last_snapshot(order, history)) else {
            return Ok(Vec::new()); // no step has ended that could have changed anything
        };
        let base = WorkspaceSnapshot { head: Arc::clone(&base), tree: base, branch: None };
        self.between(&view, &base, &left, whole_patch(order, history, &left)).await
    }

    /// What one result of the history, counted from 1, changed, as a unified diff.
    pub async fn step_diff(&self, id: OrderId, number: usize) -> Result<Vec<u8>, EngineError> {
        let view = self.get(id).await?;
        let missing = |reason: String| EngineError::NoDiff { id, reason };
        let results = view.history.len();
        let result = number.checked_sub(1).and_then(|index| view.history.get(index));
        let result = result.ok_or_else(|| missing(format!("it has {results} results, and none of number {number}")))?;
        let states = result.evidence.before.as_ref().zip(result.evidence.after.as_ref());
        let (before, after) =
            states.ok_or_else(|| missing(format!("step `{}` ended before its effect was seen", result.step)))?;
        let own = artifact(result).filter(|_| goal(&view.order, result) == Some(StepGoal::FollowUp));
        self.between(&view, before, after, own.map(|_| result.as_ref())).await
    }

    /// The difference of two states: as they were kept, or the artifact of a step that has the same.
    async fn between(
        &self,
        view: &OrderView,
        from: &WorkspaceSnapshot,
        to: &WorkspaceSnapshot,
        instead: Option<&StepExecutionResult>,
    ) -> Result<Vec<u8>, EngineError> {
        if from.tree == to.tree {
            return Ok(Vec::new());
        }
        let id = view.order.agent_work_order_id;
        let kept = self.engine.sandboxes.kept_patch(id, from, to).await;
        if let Some(patch) = kept.map_err(EngineError::Workspace)? {
            return Ok(patch);
        }
        if let Some(name) = instead.and_then(artifact)
            && let Some(patch) = self.engine.answered(self.engine.artifacts.get(id, name)).await?
        {
            return Ok(patch);
        }
        let push = standing(&view.order, &view.history).find_map(|result| result.evidence.push.as_ref());
        let reason = match push {
            Some(push) => format!(
                "what was kept of its steps went with its checkout when branch {} was pushed, which is at {}; the \
                 setting keep_workspaces keeps them",
                push.branch, push.commit
            ),
            None => "the files of one of the two moments were not kept, or are removed".to_owned(),
        };
        Err(EngineError::NoDiff { id, reason })
    }
}

fn goal(order: &AgentWorkOrder, result: &StepExecutionResult) -> Option<StepGoal> {
    order.definition(&result.step).map(|definition| definition.goal)
}

/// The patch that a step kept.
fn artifact(result: &StepExecutionResult) -> Option<&awo_models::ArtifactName> {
    result.artifacts.iter().find(|name| name.as_str().ends_with(".changes.patch"))
}

/// The standing step whose patch is that of the whole order, if what is left now is what it had.
fn whole_patch<'h>(
    order: &AgentWorkOrder,
    history: &'h StepHistory,
    left: &WorkspaceSnapshot,
) -> Option<&'h StepExecutionResult> {
    let is_whole = |result: &&StepExecutionResult| {
        goal(order, result) == Some(StepGoal::PullRequest)
            && result.evidence.after.as_ref().is_some_and(|after| after.tree == left.tree)
    };
    standing(order, history).find(is_whole)
}

/// The commit that the order's work is at, if it is not the one that it began with.
fn own_head(order: &AgentWorkOrder, history: &StepHistory) -> Option<Arc<str>> {
    let head = last_snapshot(order, history)?.head;
    (order.state.base_commit.as_ref() != Some(&head)).then_some(head)
}

/// The message that a standing step committed with.
fn message_of<'h>(order: &AgentWorkOrder, history: &'h StepHistory, head: &str) -> Option<&'h str> {
    let made = |result: &&StepExecutionResult| {
        goal(order, result) == Some(StepGoal::Commit)
            && result.evidence.after.as_ref().is_some_and(|after| *after.head == *head)
    };
    standing(order, history).find(made)?.output.as_deref()
}
