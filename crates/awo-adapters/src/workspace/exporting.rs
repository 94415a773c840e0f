//! Getting commits out of a checkout and onto the remote.
//!
//! They get into the bare clone as a pack, and only the bare clone talks to the remote.

use awo_models::{BranchPush, Failure, FailureCode};

use super::layout::{Layout, is_object_id};
use super::origin::Origin;
use super::packing::{self, Wanted};
use super::{Tools, changes, checkpoints, failed, with_causes};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::git::{Git, GitError};

/// Puts the commits of a branch, which must be what is checked out, into the bare clone; the head.
pub(super) async fn export(
    tools: &Tools,
    layout: &Layout,
    mirror: &Git,
    origin: &Origin,
    branch: &str,
) -> Result<String, Failure> {
    let refused = |message: String| Failure::new(FailureCode::WorkspaceFailed, message);
    let told = |error: &(dyn std::error::Error + 'static)| {
        failed(format!("take the commits of branch {branch:?} out of the checkout"), error)
    };
    let checkout = tools.checkout(layout);
    let reference = format!("refs/heads/{branch}");
    let head = changes::head(&checkout).await?;
    let tip = checkout
        .command("rev-parse")
        .args(["--verify", "--quiet", &format!("{reference}^{{commit}}")])
        .accept(&[0, 1])
        .run()
        .await
        .map_err(|error| told(&error))?
        .text();
    if tip.is_empty() {
        return Err(refused(format!("the checkout has no branch {branch:?}; create it first")));
    }
    if tip != head {
        return Err(refused(format!(
            "branch {branch:?} is not what is checked out (it is at {tip}, the checkout at {head}); check it out first"
        )));
    }
    if !has_commit(mirror, &head).await.map_err(|error| told(&error))? {
        let objects = Wanted { wanted: &[&head], there: &[&origin.base_commit] };
        packing::take_out(tools, layout, mirror, objects).await.map_err(|error| told(&*error))?;
        if !has_commit(mirror, &head).await.map_err(|error| told(&error))? {
            return Err(refused(format!("the checkout did not hand over commit {head} of branch {branch:?}")));
        }
    }
    checkpoints::set_reference(mirror, layout, &reference, &head).await.map_err(|error| told(&error))?;
    Ok(head)
}

/// Pushes a commit that the bare clone has, unless it would overwrite somebody's work.
pub(super) async fn push(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    branch: &str,
    head: &str,
) -> Result<BranchPush, Failure> {
    let address = remote.to_string();
    let kept = format!("the commits are kept in {}", layout.mirror.display());
    let refused = |why: String| {
        let message = format!("cannot push branch {branch:?} to {:?}: {why}; {kept}", redacted(&address));
        Failure::new(FailureCode::ForgeFailed, message)
    };
    let told = |error: GitError| {
        let cure = error.cure().map_or(String::new(), |cure| format!("; {cure}"));
        refused(format!("{}{cure}", with_causes(&error)))
    };
    let pushed_by_us = format!("refs/awo/pushed/{branch}");
    let there = remote_head(mirror, remote, branch).await.map_err(told)?;
    if there.as_deref() != Some(head) {
        if let Some(there) = &there
            && !may_replace(mirror, there, head, &pushed_by_us).await.map_err(told)?
        {
            return Err(refused(format!(
                "the remote has commit {there} there, which is not part of this work; merge it or use another branch"
            )));
        }
        mirror
            .command("push")
            .args(["--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"])
            // Exactly what was just looked at is replaced, or nothing.
            .arg(format!("--force-with-lease=refs/heads/{branch}:{}", there.as_deref().unwrap_or("")))
            .toward(remote)
            .arg(format!("{head}:refs/heads/{branch}"))
            .run()
            .await
            .map_err(told)?;
        let now = remote_head(mirror, remote, branch).await.map_err(told)?;
        if now.as_deref() != Some(head) {
            return Err(refused(format!(
                "the remote has {} there although it took {head}",
                now.as_deref().unwrap_or("nothing")
            )));
        }
    }
    checkpoints::set_reference(mirror, layout, &pushed_by_us, head).await.map_err(told)?;
    Ok(BranchPush { branch: branch.into(), commit: head.into() })
}

/// Names of the remote's branches.
pub(super) async fn remote_branches(mirror: &Git, remote: &RepositoryAddress) -> Result<Vec<String>, GitError> {
    let output = mirror
        .command("ls-remote")
        .arg("--heads")
        .toward(remote)
        .limit(crate::git::Limit::Refuse(32 << 20))
        .run()
        .await?;
    let listing = String::from_utf8_lossy(&output.stdout);
    let names = listing.lines().filter_map(|line| line.split_once('\t')?.1.strip_prefix("refs/heads/"));
    Ok(names.map(str::to_owned).collect())
}

/// Where a branch of the remote is, if there is one.
pub(super) async fn remote_head(
    mirror: &Git,
    remote: &RepositoryAddress,
    branch: &str,
) -> Result<Option<String>, GitError> {
    let reference = format!("refs/heads/{branch}");
    let output = mirror.command("ls-remote").toward(remote).arg(&reference).run().await?;
    // The pattern also fits the end of longer names.
    let text = output.text();
    let found = text.lines().filter_map(|line| line.split_once('\t')).find(|(_, name)| *name == reference);
    Ok(found.map(|(id, _)| id.to_owned()).filter(|id| is_object_id(id)))
}

/// Whether nothing of others is lost when `there` gives way to `head`: it is part of it, or our own earlier push.
async fn may_replace(mirror: &Git, there: &str, head: &str, pushed_by_us: &str) -> Result<bool, GitError> {
    let ours = mirror.command("rev-parse").args(["--verify", "--quiet", pushed_by_us]).accept(&[0, 1]).run().await?;
    if ours.text() == there {
        return Ok(true);
    }
    if !has_commit(mirror, there).await? {
        return Ok(false);
    }
    let part = mirror.command("merge-base").args(["--is-ancestor", there, head]).accept(&[0, 1]).run().await?;
    Ok(part.code == 0)
}

async fn has_commit(git: &Git, commit: &str) -> Result<bool, GitError> {
    let commit = format!("{commit}^{{commit}}");
    let output = git.command("cat-file").args(["-e", &commit]).accept(&[0, 1, 128]).run().await?;
    Ok(output.code == 0)
}
