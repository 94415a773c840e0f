//! What an attempt knows: the order, what came before, and the values that prompts may ask for.

use std::fmt::Write as _;
use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, DiffStat, Failure, PromptInput, StepDefinition, StepGoal, StepHistory, WorkspaceSnapshot,
};

use super::preparation::issue_number;
use super::report::AttemptReport;
use crate::budget::Used;
use crate::engine::Engine;
use crate::issue_text;
use crate::live::LiveOrder;
use crate::ports::Sandbox;
use crate::snapshots::standing;

#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) engine: &'a Engine,
    pub(super) live: &'a LiveOrder,
    pub(super) order: &'a AgentWorkOrder,
    pub(super) history: &'a StepHistory,
    pub(super) definition: &'a StepDefinition,
    pub(super) attempt: u32,
    pub(super) sandbox: &'a dyn Sandbox,
}

impl Context<'_> {
    /// What the order has used in its present round, this attempt included.
    pub(super) fn used(&self, report: &AttemptReport) -> Used {
        Used::in_round(self.order, self.history).with(&report.used())
    }

    /// The class of the request, once a step has found it.
    pub(super) fn issue_class(&self) -> Option<Arc<str>> {
        self.standing(|evidence| evidence.issue_class.clone())
    }

    /// The plan file, once a step has written or found it.
    pub(super) fn plan_file(&self) -> Option<Arc<str>> {
        self.standing(|evidence| evidence.plan_file.clone())
    }

    /// The number of the issue.
    pub(super) fn issue_number(&self) -> Option<String> {
        issue_number(self.order)
    }

    /// The last thing of a kind that a standing success has proved.
    pub(super) fn standing<T>(&self, pick: impl Fn(&awo_models::Evidence) -> Option<T>) -> Option<T> {
        standing(self.order, self.history).find_map(|result| pick(&result.evidence))
    }

    /// What the order has changed so far, as seen from its base.
    pub(super) async fn total_changes(&self, now: &WorkspaceSnapshot) -> Result<DiffStat, Failure> {
        self.sandbox.compare(&self.base(), now).await
    }

    /// The workspace as it was before the order began.
    pub(super) fn base(&self) -> WorkspaceSnapshot {
        let commit: Arc<str> =
            self.order.state.base_commit.clone().unwrap_or_else(|| self.sandbox.base_commit().into());
        WorkspaceSnapshot { head: Arc::clone(&commit), tree: commit, branch: None }
    }

    /// The values of the prompt's inputs, in order.
    pub(super) async fn inputs(&self, before: &WorkspaceSnapshot) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut inputs = Vec::new();
        for input in &self.definition.inputs {
            inputs.push((input.as_str(), self.value(*input, before).await?));
        }
        Ok(inputs)
    }

    async fn value(&self, input: PromptInput, before: &WorkspaceSnapshot) -> Result<String, Failure> {
        let text = |value: Option<Arc<str>>| value.map(|v| v.to_string()).unwrap_or_default();
        Ok(match input {
            PromptInput::UserRequest => self.request_with_issue(),
            PromptInput::IssueNumber => self.issue_number().unwrap_or_default(),
            PromptInput::IssueClass => text(self.issue_class()),
            PromptInput::AgentWorkOrderId => self.order.agent_work_order_id.to_string(),
            PromptInput::PlanFile => text(self.plan_file()),
            PromptInput::PlanOutput => text(self.output_of(StepGoal::PlanFile)),
            PromptInput::BranchName => text(self.order.state.git_branch_name.clone()),
            PromptInput::FollowUpPrompt => {
                self.order.prompt_of(&self.definition.step).map(|prompt| prompt.text.to_string()).unwrap_or_default()
            }
            PromptInput::ChangedFiles => self.total_changes(before).await?.files.join("\n"),
            other => unreachable!("input {other:?} is declared but has no value"),
        })
    }

    fn output_of(&self, goal: StepGoal) -> Option<Arc<str>> {
        let definition = self.order.spec.workflow.iter().find(|d| d.goal == goal)?;
        let results = self.history.iter().rev();
        results.filter(|r| r.success && r.step == definition.step).find_map(|r| r.output.clone())
    }

    /// What was asked for, with the frozen text of the issue.
    fn request_with_issue(&self) -> String {
        let mut text = self.order.spec.user_request.to_string();
        if let Some(issue) = &self.order.state.issue {
            let _ = write!(text, "\n\n{}", issue_text::told(issue));
        }
        text
    }
}
