//! Orders, and the files that are kept of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::step::{CurrentStep, Tokens};

/// An agent work order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentWorkOrder {
    /// What a person can do about it, in one sentence.
    pub advice: Option<String>,
    /// Agent program that does the thinking.
    pub agent: String,
    /// Last session of the agent program.
    pub agent_session_id: Option<String>,
    /// Its id: `wo-` and 32 hex digits.
    pub agent_work_order_id: String,
    /// Branch it starts from; null means the remote's default branch.
    pub base_branch: Option<String>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What its agents cost, as they report it.
    pub cost_usd: Option<f64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// `planning` while a step that plans is still to be done, then `implementing`; `completed`; null while pending.
    pub current_phase: Option<String>,
    /// The attempt in progress.
    pub current_step: Option<CurrentStep>,
    /// The same as a stable code.
    pub error_code: Option<String>,
    /// Why it failed, or which optional part did, told to a person.
    pub error_message: Option<String>,
    /// Whether all steps have ended and only the final save is outstanding.
    pub finishing: bool,
    /// Its branch, once it exists.
    pub git_branch_name: Option<String>,
    /// Commits on its branch beyond the base.
    pub git_commit_count: u64,
    /// Files that differ from the base.
    pub git_files_changed: u64,
    /// Lines added since the base.
    pub git_lines_added: u64,
    /// Lines removed since the base.
    pub git_lines_removed: u64,
    /// Issue that the request is about, if the caller named one.
    pub github_issue_number: Option<String>,
    /// Its pull request, once the forge answered with one.
    pub github_pull_request_url: Option<String>,
    /// Walls around its processes.
    pub isolation: IsolationState,
    /// What it may use.
    pub limits: Limits,
    /// Where more is.
    pub links: OrderLinks,
    /// Model that the program is told to use; null leaves it to the program.
    pub model: Option<String>,
    /// Labels that a worker must have to run it.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Orders of a higher one begin first.
    #[serde(default)]
    pub priority: i64,
    /// Network of its processes.
    pub network: NetworkState,
    /// Finished steps that are not stored yet, and so not shown.
    pub pending_steps: u64,
    /// `degraded` while the store does not take its saves; the work goes on.
    pub persistence: String,
    /// Prompts that wait until it takes them up.
    pub queued_prompts: u64,
    /// Address of the repository.
    pub repository_url: String,
    /// Whether trying the same again may help; null if nothing failed.
    pub retryable: Option<bool>,
    /// Name of its sandbox.
    pub sandbox_identifier: String,
    /// Kind of checkout.
    pub sandbox_type: String,
    /// Commands that were selected instead of a workflow.
    pub selected_commands: Option<Vec<String>>,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// One of pending, running, completed, failed, cancelled.
    pub status: String,
    /// Steps that stand as done.
    pub steps_completed: u64,
    /// Tokens its agents used, as they report it.
    pub tokens: Option<Tokens>,
    /// Steps of its workflow, those that prompts became or will become included.
    pub total_steps: u64,
    /// Turns its agents took, as they report it.
    pub turns: Option<u64>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What was asked for.
    pub user_request: String,
    /// Number of its last event; also what `after` and the `ETag` count.
    pub version: u64,
    /// What it waits for, told to a person; no step is in progress then.
    pub waiting_for: Option<String>,
    /// Until when it waits. A little later it goes on by itself.
    pub waiting_until: Option<Timestamp>,
    /// Built-in workflow; null when commands were selected.
    pub workflow_type: Option<String>,
}

/// An order that was just created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreatedAgentWorkOrder {
    /// The order.
    #[serde(flatten)]
    pub order: AgentWorkOrder,
    /// What happened, told to a person.
    pub message: String,
}

/// Where more of an order is, under the prefix that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderLinks {
    /// Its events.
    pub events: String,
    /// The order.
    #[serde(rename = "self")]
    pub this: String,
    /// Its steps.
    pub steps: String,
}

/// Walls around an order's processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IsolationState {
    /// What is really there; null before the sandbox is made.
    pub effective: Option<String>,
    /// Why they are not what was asked for, or not there; null if there is nothing to say.
    pub reason: Option<String>,
    /// What was asked for.
    pub requested: String,
}

/// Network of an order's processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NetworkState {
    /// What they really have; null before the sandbox is made.
    pub effective: Option<String>,
    /// Why that is not the narrowest; null if there is nothing to say.
    pub reason: Option<String>,
    /// What was asked for.
    pub requested: String,
}

/// Limits of an order: of each of its steps, and of all of them together. null is no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Attempts of the step that has most of them.
    pub max_attempts: u32,
    /// Cost of one step in US dollars.
    pub max_cost_usd: Option<f64>,
    /// Turns of the agent in one step.
    pub max_turns: Option<u32>,
    /// All steps together, in one round: a retry has all of it anew.
    pub order: OrderLimits,
    /// Longest time in seconds that an agent may give no sign of life; null leaves it to the server.
    pub silence_timeout_seconds: Option<f64>,
    /// Time in seconds that one step may be at work.
    pub step_timeout_seconds: f64,
}

/// What all steps of an order may use together. null is no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderLimits {
    /// Cost in US dollars.
    pub max_cost_usd: Option<f64>,
    /// Tokens of its agents: input, output and what went into the provider's cache.
    pub max_tokens: Option<u64>,
    /// Turns of its agents.
    pub max_turns: Option<u64>,
    /// Time in seconds that its steps may be at work; time that it waits does not count.
    pub timeout_seconds: Option<f64>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// Path that it can be read at.
    pub link: String,
    /// Its name.
    pub name: String,
}

/// The files that are kept of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArtifactList {
    /// The order.
    pub agent_work_order_id: String,
    /// The files, by their names.
    pub artifacts: Vec<Artifact>,
}
