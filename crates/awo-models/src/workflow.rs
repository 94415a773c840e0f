//! Workflows are data: an ordered list of step definitions.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentName, StepName, serde_nanos};

/// Workflows that are built in and chosen by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkflowType {
    /// Seven steps from the request to the pull request.
    AgentWorkflowPlan,
}

impl WorkflowType {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgentWorkflowPlan => "agent_workflow_plan",
        }
    }
}

/// One step of a workflow: who does it with which words, what it must bring about, and how failure is treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// Unique in the workflow.
    pub step: StepName,
    /// The role that does it.
    pub agent_name: AgentName,
    /// Name of the prompt; `{issue_class}` in it is replaced by the class of the request.
    pub prompt: String,
    /// What the prompt is given, in order: `$1`, `$2`, … and by name.
    pub inputs: Vec<PromptInput>,
    /// The agent program that does it; `None` means the order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// What it must bring about. Decides the engine's own part and the evidence.
    pub goal: StepGoal,
    /// Whether its failure fails the order.
    pub required: bool,
    /// Wall-clock limit; `None` means the order's.
    #[serde(
        default,
        rename = "timeout_nanoseconds",
        with = "serde_nanos::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout: Option<Duration>,
    /// What happens after a failure.
    #[serde(default)]
    pub retry: RetryPolicy,
}

/// How often a step is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in one round, at least 1. Only failures that are retryable are tried again.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 1 }
    }
}

/// A value that a prompt may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PromptInput {
    /// What the person asked for, with the text of the issue if one was fetched. Untrusted.
    UserRequest,
    /// Number of the issue, or nothing.
    IssueNumber,
    /// Class of the request: `feature`, `bug` or `chore`.
    IssueClass,
    /// Id of the order.
    AgentWorkOrderId,
    /// Plan file, relative to the workspace.
    PlanFile,
    /// What the planning step answered.
    PlanOutput,
    /// Branch of the order.
    BranchName,
    /// Files that differ from the base, one a line.
    ChangedFiles,
}

impl PromptInput {
    /// Its name in a prompt.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserRequest => "user_request",
            Self::IssueNumber => "issue_number",
            Self::IssueClass => "issue_class",
            Self::AgentWorkOrderId => "agent_work_order_id",
            Self::PlanFile => "plan_file",
            Self::PlanOutput => "plan_output",
            Self::BranchName => "branch_name",
            Self::ChangedFiles => "changed_files",
        }
    }
}

/// What a step must bring about. The agent supplies work or words; what git or the forge can do exactly, the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepGoal {
    /// The answer names the class of the request.
    IssueClass,
    /// The agent wrote a plan file.
    PlanFile,
    /// The answer names the plan file.
    PlanPath,
    /// The answer supplies words; the engine makes the branch.
    Branch,
    /// The agent changed the workspace.
    Changes,
    /// The answer is the message; the engine commits.
    Commit,
    /// The answer is title and body; the engine pushes and opens the pull request.
    PullRequest,
    /// The answer is a report (review, test).
    Report,
}

/// A list of steps cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// There is nothing to do.
    #[error("a workflow needs at least one step")]
    Empty,
    /// Two steps have one name.
    #[error("step `{0}` is in the workflow twice")]
    Duplicate(StepName),
    /// A step needs the result of another that does not come before it.
    #[error("step `{step}` needs a step before it that {needs}")]
    Missing {
        /// The step.
        step: StepName,
        /// What is missing, as the end of a sentence.
        needs: &'static str,
    },
}

/// Checks that a workflow can be run from its first to its last step.
pub fn check_workflow(steps: &[StepDefinition]) -> Result<(), WorkflowError> {
    if steps.is_empty() {
        return Err(WorkflowError::Empty);
    }
    for (index, definition) in steps.iter().enumerate() {
        let before = &steps[..index];
        if before.iter().any(|d| d.step == definition.step) {
            return Err(WorkflowError::Duplicate(definition.step.clone()));
        }
        let has = |goal| before.iter().any(|d| d.goal == goal);
        let missing = |needs| Err(WorkflowError::Missing { step: definition.step.clone(), needs });
        if definition.inputs.contains(&PromptInput::PlanFile) && !has(StepGoal::PlanFile) {
            return missing("writes a plan");
        }
        if definition.prompt.contains("{issue_class}") && !has(StepGoal::IssueClass) {
            return missing("classifies the request");
        }
        if definition.goal == StepGoal::PlanPath && !has(StepGoal::PlanFile) {
            return missing("writes a plan");
        }
        if definition.goal == StepGoal::Commit && !has(StepGoal::Changes) && !has(StepGoal::PlanFile) {
            return missing("changes files");
        }
        if definition.goal == StepGoal::PullRequest {
            if !has(StepGoal::Branch) {
                return missing("creates the branch");
            }
            if !has(StepGoal::Commit) {
                return missing("commits");
            }
        }
    }
    Ok(())
}
