//! Reads what was kept of an order in its bare clone. The checkout, in which an agent may be at work, is left alone.

use std::sync::Arc;

use awo_engine::ports::KeptCommit;
use awo_models::{Failure, WorkspaceSnapshot};

use super::layout::{Layout, is_object_id};
use super::{Tools, changes, failed, mirror};
use crate::git::{Git, GitError, Limit};

/// Longest first line of a message, in characters.
const MAX_SUBJECT: usize = 500;

/// The bare clone, if it is whole.
async fn bare_clone(tools: &Tools, layout: &Layout) -> Result<Option<Git>, Failure> {
    Ok(mirror::origin(layout).await?.map(|_| tools.bare(&layout.mirror)))
}

/// Difference of two states; `None` if one of them is not here.
pub(super) async fn patch(
    tools: &Tools,
    layout: &Layout,
    from: &WorkspaceSnapshot,
    to: &WorkspaceSnapshot,
) -> Result<Option<Vec<u8>>, Failure> {
    changes::check_ids(&[&from.head, &from.tree, &to.head, &to.tree])?;
    let Some(mirror) = bare_clone(tools, layout).await? else { return Ok(None) };
    for state in [from, to] {
        match changes::find(&mirror, state).await {
            Ok(()) => {}
            Err(GitError::Failed { .. }) => return Ok(None),
            Err(error) => return Err(failed("look for a state that was kept", &error)),
        }
    }
    changes::patch(&mirror, from, to, tools.settings.max_patch_bytes).await.map(Some)
}

/// What a commit says; `None` if it is not here.
pub(super) async fn commit(tools: &Tools, layout: &Layout, commit: &str) -> Result<Option<KeptCommit>, Failure> {
    changes::check_ids(&[&Arc::from(commit)])?;
    let Some(mirror) = bare_clone(tools, layout).await? else { return Ok(None) };
    let log = mirror.command("log").args(["-1", "--no-show-signature", "--no-color", "--format=%H %s"]);
    let told = log.arg(commit).arg("--").limit(Limit::Cut(16 << 10)).run().await;
    let text = match told {
        Ok(output) => output.text(),
        Err(GitError::Failed { .. }) => return Ok(None),
        Err(error) => return Err(failed(format!("read commit {commit}"), &error)),
    };
    let (id, subject) = text.split_once(' ').unwrap_or((&text, ""));
    let subject: String = subject.chars().take(MAX_SUBJECT).collect();
    Ok(is_object_id(id).then(|| KeptCommit { id: id.into(), subject: subject.into() }))
}
