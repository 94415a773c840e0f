//! The parts of the wire that the terminal shows. Unknown fields are ignored: a newer server may send more.

#![expect(clippy::struct_field_names, reason = "the names of the wire")]

use awo_models::Timestamp;
use serde::Deserialize;

/// An order.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Order {
    pub(crate) agent_work_order_id: String,
    pub(crate) repository_url: String,
    pub(crate) user_request: String,
    pub(crate) status: String,
    pub(crate) agent: Option<String>,
    pub(crate) total_steps: usize,
    pub(crate) steps_completed: usize,
    pub(crate) current_step: Option<CurrentStep>,
    pub(crate) waiting_for: Option<String>,
    pub(crate) waiting_until: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) git_branch_name: Option<String>,
    pub(crate) git_commit_count: u64,
    pub(crate) git_files_changed: u64,
    pub(crate) git_lines_added: u64,
    pub(crate) git_lines_removed: u64,
    pub(crate) github_pull_request_url: Option<String>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) finishing: bool,
    #[serde(default)]
    pub(crate) queued_prompts: usize,
    #[serde(default)]
    pub(crate) isolation: Walls,
    #[serde(default)]
    pub(crate) network: Walls,
}

/// Walls around an order, or what it has of the network.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Walls {
    pub(crate) effective: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The steps of an order.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Steps {
    pub(crate) status: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) current_step: Option<CurrentStep>,
    pub(crate) waiting_for: Option<String>,
    pub(crate) waiting_until: Option<Timestamp>,
    pub(crate) total_steps: usize,
    pub(crate) persistence: String,
    pub(crate) pending_steps: usize,
    pub(crate) version: u64,
}

/// What the agent of the step in progress does, as a stream tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ActivityNews {
    pub(crate) current_step: Option<CurrentStep>,
}

/// A line of an order's own log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) timestamp: Timestamp,
    pub(crate) level: String,
    pub(crate) event: String,
    pub(crate) step: Option<String>,
    pub(crate) message: Option<String>,
    /// What else is known of it.
    #[serde(flatten)]
    pub(crate) fields: serde_json::Map<String, serde_json::Value>,
}

/// A page of lines.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogPage {
    pub(crate) log_entries: Vec<LogEntry>,
    pub(crate) total: usize,
}

/// A step in progress.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CurrentStep {
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) started_at: Timestamp,
    #[serde(default)]
    pub(crate) activity: Vec<Activity>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
}

/// One thing that an agent at work did.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Activity {
    pub(crate) kind: String,
    pub(crate) text: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) detail: Option<String>,
}

/// What an agent has consumed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Usage {
    pub(crate) tokens: Option<Tokens>,
}

/// Tokens; what is not known is left out.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_write: Option<u64>,
}

/// A result.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) success: bool,
    pub(crate) superseded: bool,
    #[serde(default)]
    pub(crate) prompt_text: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    #[serde(default)]
    pub(crate) exit_code: Option<i32>,
    #[serde(default)]
    pub(crate) exit_signal: Option<i32>,
    pub(crate) duration_seconds: f64,
    pub(crate) artifacts: Vec<String>,
    pub(crate) evidence: Evidence,
}

/// What the engine saw of a step's effect.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) changes: Option<Changes>,
    pub(crate) plan_file: Option<String>,
    pub(crate) push: Option<Push>,
}

/// Size of a change.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Changes {
    pub(crate) files_changed: u64,
    pub(crate) lines_added: u64,
    pub(crate) lines_removed: u64,
}

/// A branch that the remote has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Push {
    pub(crate) commit: String,
}

/// A problem, as the server tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// One field of a request that cannot be used.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldProblem {
    pub(crate) loc: Vec<serde_json::Value>,
    pub(crate) msg: String,
}
