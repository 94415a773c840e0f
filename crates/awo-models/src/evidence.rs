//! What the engine itself saw of a step's effect. An agent's word is not evidence.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// State of a workspace at one moment. Two snapshots with equal trees hold equal files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSnapshot {
    /// Commit that is checked out.
    pub head: Arc<str>,
    /// Tree object of all files as they are, untracked ones included (ignored ones not).
    pub tree: Arc<str>,
    /// Branch that is checked out; `None` when detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Arc<str>>,
}

/// Size of a change between two states of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffStat {
    /// Commits made.
    pub commits: u64,
    /// Paths that differ.
    pub files: Vec<Arc<str>>,
    /// Lines added, binary files not counted.
    pub lines_added: u64,
    /// Lines removed, binary files not counted.
    pub lines_removed: u64,
}

/// Size of a change as it is kept in the history: counts, and the first paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSummary {
    /// Commits made.
    pub commits: u64,
    /// Paths that differ.
    pub files_changed: u64,
    /// Lines added, binary files not counted.
    pub lines_added: u64,
    /// Lines removed, binary files not counted.
    pub lines_removed: u64,
    /// The first of the paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Arc<str>>,
}

impl ChangeSummary {
    /// Sums a change up, keeping at most so many paths.
    pub fn of(change: &DiffStat, paths: usize) -> Self {
        Self {
            commits: change.commits,
            files_changed: change.files.len() as u64,
            lines_added: change.lines_added,
            lines_removed: change.lines_removed,
            files: change.files.iter().take(paths).cloned().collect(),
        }
    }
}

/// A branch as the remote has it after a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchPush {
    /// Name of the branch.
    pub branch: Arc<str>,
    /// Commit that the remote answered with; equal to the local head.
    pub commit: Arc<str>,
}

/// What became of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PullRequestEvidence {
    /// The forge answered with it.
    Opened {
        /// Its address.
        url: Arc<str>,
    },
    /// The branch had one that a person has closed or merged. It stays as it is, and no other is opened.
    Closed {
        /// Its address.
        url: Arc<str>,
        /// Whether it was merged.
        merged: bool,
    },
    /// No forge is connected for the remote: the branch is pushed, text and patch are artifacts.
    NoForge,
}

impl PullRequestEvidence {
    /// Address of the pull request, if there is one.
    pub fn url(&self) -> Option<&Arc<str>> {
        match self {
            Self::Opened { url } | Self::Closed { url, .. } => Some(url),
            Self::NoForge => None,
        }
    }
}

/// Evidence of one attempt. Every field is something the engine looked up, not something the agent said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The workspace when the step began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<WorkspaceSnapshot>,
    /// The workspace when the step ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<WorkspaceSnapshot>,
    /// What changed in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeSummary>,
    /// What the whole order has changed by then, seen from its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<ChangeSummary>,
    /// Files among them that tell machines what to run, such as those of a continuous integration: read them first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flagged: Vec<Arc<str>>,
    /// Class of the request: `feature`, `bug` or `chore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_class: Option<Arc<str>>,
    /// Plan file inside the workspace, relative to its root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_file: Option<Arc<str>>,
    /// Branch that exists in the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<Arc<str>>,
    /// What was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<BranchPush>,
    /// The pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestEvidence>,
}

impl Evidence {
    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
