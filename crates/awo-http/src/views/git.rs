//! The progress of an order as git sees it, on the wire.

use awo_engine::GitProgress;
use awo_models::{StepExecutionResult, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::order::phase;

/// How far an order is, as git sees it: as the last result left it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GitProgressSnapshot)]
pub(crate) struct GitProgressView<'a> {
    /// Id of the order.
    agent_work_order_id: String,
    /// `planning` (also while it is pending), `implementing` or `completed`.
    #[schema(example = "implementing")]
    current_phase: &'static str,
    /// Commits beyond the base.
    git_commit_count: u64,
    /// Files that differ from the base.
    git_files_changed: u64,
    /// Lines added since the base.
    git_lines_added: u64,
    /// Lines removed since the base.
    git_lines_removed: u64,
    /// First line of the message of the newest commit of its own; null while there is none.
    latest_commit_message: Option<&'a str>,
    /// Id of that commit.
    latest_commit_sha: Option<&'a str>,
    /// Its branch, once it exists.
    git_branch_name: Option<&'a str>,
    /// Commit that it began with.
    base_commit: Option<&'a str>,
    /// When the last result came, which all of this is from; null while there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_at: Option<Timestamp>,
    /// What each result changed, oldest first.
    phase_history: Vec<PhaseView<'a>>,
}

/// What one result changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GitPhase)]
pub(crate) struct PhaseView<'a> {
    /// The step.
    step: &'a str,
    /// Whether it did what it is for.
    success: bool,
    /// Whether it has been overtaken.
    superseded: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// Commit that was checked out at its end.
    commit: Option<&'a str>,
    /// Commits that it made.
    commits: u64,
    /// Files that it changed.
    files_changed: u64,
    /// Lines that it added.
    lines_added: u64,
    /// Lines that it removed.
    lines_removed: u64,
}

impl<'a> GitProgressView<'a> {
    pub(crate) fn new(progress: &'a GitProgress) -> Self {
        let (order, history) = (&progress.view.order, &progress.view.history);
        let state = &order.state;
        let commit = progress.latest_commit.as_ref();
        let phases = history.iter().enumerate();
        Self {
            agent_work_order_id: order.agent_work_order_id.to_string(),
            current_phase: phase(order).unwrap_or("planning"),
            git_commit_count: state.git_commit_count,
            git_files_changed: state.git_files_changed,
            git_lines_added: state.git_lines_added,
            git_lines_removed: state.git_lines_removed,
            latest_commit_message: commit.map(|commit| &*commit.subject).filter(|subject| !subject.is_empty()),
            latest_commit_sha: commit.map(|commit| &*commit.id),
            git_branch_name: state.git_branch_name.as_deref(),
            base_commit: state.base_commit.as_deref(),
            seen_at: history.last().map(|result| result.timestamp),
            phase_history: phases
                .map(|(index, result)| PhaseView::new(result, order.superseded(history, index)))
                .collect(),
        }
    }
}

impl<'a> PhaseView<'a> {
    fn new(result: &'a StepExecutionResult, superseded: bool) -> Self {
        let changes = result.evidence.changes.clone().unwrap_or_default();
        Self {
            step: result.step.as_str(),
            success: result.success,
            superseded,
            started_at: result.started_at,
            ended_at: result.timestamp,
            commit: result.evidence.after.as_ref().map(|after| &*after.head),
            commits: changes.commits,
            files_changed: changes.files_changed,
            lines_added: changes.lines_added,
            lines_removed: changes.lines_removed,
        }
    }
}
