//! What is asked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request for an agent work order. `null` in an optional field is as good as leaving it out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CreateOrder {
    /// Agent program; the server's default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Branch to start from; the remote's default branch if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,
    /// Issue that the request is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github_issue_number: Option<Value>,
    /// Walls around the order's processes; those of bubblewrap where it works, else none, if absent. Not available yet: container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
    /// Labels that a worker must have to run it, at most 16, where several workers share the orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Limits of each step, and of the order as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<NewLimits>,
    /// Model for it; left to the program if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Network of the order's processes; `proxy` and `off` need walls, and `auto` is the proxy where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Optional steps of the workflow that are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_steps: Option<Vec<String>>,
    /// Orders of a higher one begin first, where several workers share the orders; 0 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Address of the repository, without a password or token.
    pub repository_url: String,
    /// Kind of checkout. Not available yet: e2b, dagger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_type: Option<String>,
    /// Commands to run, in order, instead of a workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_commands: Option<Vec<String>>,
    /// Whether the order is queued at once; otherwise it is held until it is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<bool>,
    /// What is wanted, in a person's words.
    pub user_request: String,
    /// Built-in workflow. Not together with `selected_commands`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_type: Option<String>,
}

/// A follow-up prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptRequest {
    /// Id of the order. The path's counts, and the two must be equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_work_order_id: Option<String>,
    /// What is wanted, in a person's words; at most 64 KiB.
    pub prompt_text: String,
}

/// What may be said with a retry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryRequest {
    /// Step to begin with: one that is done, or the first that is not (the default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
}

/// Limits that an order is to have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewLimits {
    /// Attempts of each step, at most 10; failures that may pass are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u64>,
    /// Cost of one step in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Turns of the agent in one step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u64>,
    /// What all steps may use together. When it is used up, no further step begins; a retry has all of it anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<NewOrderLimits>,
    /// Longest time in seconds that an agent may give no sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_timeout_seconds: Option<f64>,
    /// Time in seconds that one step may be at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_timeout_seconds: Option<f64>,
}

/// What all steps may use together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewOrderLimits {
    /// Cost in US dollars, as far as its agents tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Tokens of its agents: input, output and what goes into the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Turns of its agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u64>,
    /// Time in seconds that its steps may be at work; time that it waits does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
}
