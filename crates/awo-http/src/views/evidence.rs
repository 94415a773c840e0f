//! Evidence on the wire.

use awo_models::{ChangeSummary, Evidence, PullRequestEvidence, WorkspaceSnapshot};
use serde::Serialize;
use utoipa::ToSchema;

/// What the engine itself saw of a step's effect. An agent's word is not in here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(crate) struct EvidenceView<'a> {
    /// The workspace when the step began.
    before: Option<WorkspaceView<'a>>,
    /// The workspace when the step ended.
    after: Option<WorkspaceView<'a>>,
    /// What changed in between.
    changes: Option<ChangesView<'a>>,
    /// What the whole order has changed by then.
    total: Option<ChangesView<'a>>,
    /// Files among them that tell machines what to run, such as those of a continuous integration.
    #[schema(value_type = Vec<String>)]
    flagged: Vec<&'a str>,
    /// Class of the request: `feature`, `bug` or `chore`.
    issue_class: Option<&'a str>,
    /// Plan file, relative to the workspace.
    plan_file: Option<&'a str>,
    /// Branch that exists in the workspace.
    branch: Option<&'a str>,
    /// What was pushed.
    push: Option<PushView<'a>>,
    /// The pull request.
    pull_request: Option<PullRequestView<'a>>,
}

/// State of a workspace at one moment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkspaceSnapshot)]
pub(crate) struct WorkspaceView<'a> {
    /// Commit that is checked out.
    head: &'a str,
    /// Tree of all files as they are.
    tree: &'a str,
    /// Branch that is checked out; null when detached.
    branch: Option<&'a str>,
}

/// Size of a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeSummary)]
pub(crate) struct ChangesView<'a> {
    /// Commits made.
    commits: u64,
    /// Paths that differ.
    files_changed: u64,
    /// Lines added, binary files not counted.
    lines_added: u64,
    /// Lines removed, binary files not counted.
    lines_removed: u64,
    /// The first of the paths.
    #[schema(value_type = Vec<String>)]
    files: Vec<&'a str>,
}

/// A branch as the remote has it after a push.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BranchPush)]
pub(crate) struct PushView<'a> {
    /// Name of the branch.
    branch: &'a str,
    /// Commit that the remote answered with.
    commit: &'a str,
}

/// What became of a pull request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PullRequestEvidence)]
pub(crate) struct PullRequestView<'a> {
    /// `opened`; `closed` or `merged` if a person did that before; `no_forge` where the remote has none.
    #[schema(example = "opened")]
    kind: &'static str,
    /// Its address.
    url: Option<&'a str>,
}

impl<'a> From<&'a Evidence> for EvidenceView<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        Self {
            before: evidence.before.as_ref().map(WorkspaceView::from),
            after: evidence.after.as_ref().map(WorkspaceView::from),
            changes: evidence.changes.as_ref().map(ChangesView::from),
            total: evidence.total.as_ref().map(ChangesView::from),
            flagged: evidence.flagged.iter().map(|path| &**path).collect(),
            issue_class: evidence.issue_class.as_deref(),
            plan_file: evidence.plan_file.as_deref(),
            branch: evidence.branch.as_deref(),
            push: evidence.push.as_ref().map(|push| PushView { branch: &push.branch, commit: &push.commit }),
            pull_request: evidence.pull_request.as_ref().map(PullRequestView::from),
        }
    }
}

impl<'a> From<&'a WorkspaceSnapshot> for WorkspaceView<'a> {
    fn from(seen: &'a WorkspaceSnapshot) -> Self {
        Self { head: &seen.head, tree: &seen.tree, branch: seen.branch.as_deref() }
    }
}

impl<'a> From<&'a ChangeSummary> for ChangesView<'a> {
    fn from(change: &'a ChangeSummary) -> Self {
        Self {
            commits: change.commits,
            files_changed: change.files_changed,
            lines_added: change.lines_added,
            lines_removed: change.lines_removed,
            files: change.files.iter().map(|path| &**path).collect(),
        }
    }
}

impl<'a> From<&'a PullRequestEvidence> for PullRequestView<'a> {
    fn from(evidence: &'a PullRequestEvidence) -> Self {
        match evidence {
            PullRequestEvidence::Opened { url } => Self { kind: "opened", url: Some(url) },
            PullRequestEvidence::Closed { url, merged } => {
                Self { kind: if *merged { "merged" } else { "closed" }, url: Some(url) }
            }
            PullRequestEvidence::NoForge => Self { kind: "no_forge", url: None },
        }
    }
}
