//! What git and the forge know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far an order is, as git sees it: as the last result left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GitProgressSnapshot {
    /// Id of the order.
    pub agent_work_order_id: String,
    /// Commit that it began with.
    pub base_commit: Option<String>,
    /// `planning` (also while it is pending), `implementing` or `completed`.
    pub current_phase: String,
    /// Its branch, once it exists.
    pub git_branch_name: Option<String>,
    /// Commits beyond the base.
    pub git_commit_count: u64,
    /// Files that differ from the base.
    pub git_files_changed: u64,
    /// Lines added since the base.
    pub git_lines_added: u64,
    /// Lines removed since the base.
    pub git_lines_removed: u64,
    /// First line of the message of the newest commit of its own; null while there is none.
    pub latest_commit_message: Option<String>,
    /// Id of that commit.
    pub latest_commit_sha: Option<String>,
    /// What each result changed, oldest first.
    pub phase_history: Vec<GitPhase>,
    /// When the last result came, which all of this is from; null while there is none.
    pub seen_at: Option<Timestamp>,
}

/// What one result changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GitPhase {
    /// Commit that was checked out at its end.
    pub commit: Option<String>,
    /// Commits that it made.
    pub commits: u64,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Files that it changed.
    pub files_changed: u64,
    /// Lines that it added.
    pub lines_added: u64,
    /// Lines that it removed.
    pub lines_removed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// The step.
    pub step: String,
    /// Whether it did what it is for.
    pub success: bool,
    /// Whether it has been overtaken.
    pub superseded: bool,
}
