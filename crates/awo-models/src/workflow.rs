//! Workflows are data: an ordered list of step definitions.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentName, StepName, follow_up_number, serde_nanos};

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

/// How often a step is tried, and how long is waited in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetryPolicy {
    /// Attempts in one round, at least 1. Only failures that are retryable are tried again.
    pub max_attempts: u32,
    /// Pause after the first failure; doubled after each further one.
    #[serde(rename = "first_pause_nanoseconds", with = "serde_nanos")]
    pub first_pause: Duration,
    /// Longest pause.
    #[serde(rename = "longest_pause_nanoseconds", with = "serde_nanos")]
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 1, first_pause: Duration::from_secs(10), longest_pause: Duration::from_mins(5) }
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
    /// What the follow-up prompt says that the step is for. Untrusted.
    FollowUpPrompt,
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
            Self::FollowUpPrompt => "follow_up_prompt",
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
    /// The agent did, or answered, what a follow-up prompt asks for. The engine commits and pushes what changed, where the
    /// steps of the order have done so before.
    FollowUp,
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
    /// A step has a name that is kept for follow-up prompts.
    #[error("step `{0}` has a name that follow-up prompts are given; choose another")]
    Reserved(StepName),
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
        if follow_up_number(&definition.step).is_some() {
            return Err(WorkflowError::Reserved(definition.step.clone()));
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
