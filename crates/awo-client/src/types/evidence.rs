//! What was seen of the effect of a step.

use serde::{Deserialize, Serialize};

/// What the engine itself saw of a step's effect. An agent's word is not in here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The workspace when the step ended.
    pub after: Option<WorkspaceSnapshot>,
    /// The workspace when the step began.
    pub before: Option<WorkspaceSnapshot>,
    /// Branch that exists in the workspace.
    pub branch: Option<String>,
    /// What changed in between.
    pub changes: Option<ChangeSummary>,
    /// Files among them that tell machines what to run, such as those of a continuous integration.
    pub flagged: Vec<String>,
    /// Class of the request: `feature`, `bug` or `chore`.
    pub issue_class: Option<String>,
    /// Plan file, relative to the workspace.
    pub plan_file: Option<String>,
    /// The pull request.
    pub pull_request: Option<PullRequestEvidence>,
    /// What was pushed.
    pub push: Option<BranchPush>,
    /// What the whole order has changed by then.
    pub total: Option<ChangeSummary>,
}

/// A branch as the remote has it after a push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BranchPush {
    /// Name of the branch.
    pub branch: String,
    /// Commit that the remote answered with.
    pub commit: String,
}

/// Size of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangeSummary {
    /// Commits made.
    pub commits: u64,
    /// The first of the paths.
    pub files: Vec<String>,
    /// Paths that differ.
    pub files_changed: u64,
    /// Lines added, binary files not counted.
    pub lines_added: u64,
    /// Lines removed, binary files not counted.
    pub lines_removed: u64,
}

/// What became of a pull request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PullRequestEvidence {
    /// `opened`; `closed` or `merged` if a person did that before; `no_forge` where the remote has none.
    pub kind: String,
    /// Its address.
    pub url: Option<String>,
}

/// State of a workspace at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkspaceSnapshot {
    /// Branch that is checked out; null when detached.
    pub branch: Option<String>,
    /// Commit that is checked out.
    pub head: String,
    /// Tree of all files as they are.
    pub tree: String,
}
