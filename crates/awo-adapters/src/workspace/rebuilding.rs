//! What is left of a checkout, and how it is made anew.

use awo_engine::ports::{SandboxRequest, Standing};
use awo_models::{Failure, FailureCode, WorkspaceSnapshot};

use super::checkpoints::{self, Kept};
use super::layout::Layout;
use super::origin::Origin;
use super::shared::SharedMirror;
use super::{Tools, changes, exporting, failed, mirror, preparing, publishing, with_causes};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::git::{Git, GitError};

/// Where the remote's branch is put when the state is looked for there.
const FETCHED: &str = "refs/awo/fetched";

/// Holds what is there against what was left. Asks no other machine.
pub(super) async fn examine(tools: &Tools, layout: &Layout, left: &WorkspaceSnapshot) -> Result<Standing, Failure> {
    let told = |error: GitError| failed("examine the checkout", &error);
    let base = mirror::origin(layout).await?;
    let kept = async || match &base {
        Some(base) => {
            let kept = checkpoints::kept(&tools.bare(&layout.mirror), left, Some(&base.base_commit)).await;
            kept.map(|kept| matches!(kept, Kept::Whole(_))).map_err(told)
        }
        None => Ok(false),
    };
    if layout.origin().await?.is_some() && layout.check_git_directory().await.is_ok() {
        let checkout = tools.checkout(layout);
        match changes::snapshot(&checkout, layout).await {
            Ok(now) if now == *left => return Ok(Standing::Sound),
            Ok(_) => {
                let there = match changes::find(&checkout, left).await {
                    Ok(()) => true,
                    Err(GitError::Failed { .. }) => kept().await?,
                    Err(error) => return Err(told(error)),
                };
                return Ok(if there { Standing::Changed } else { Standing::Lost });
            }
            // The checkout is broken; or git is, which says nothing about the checkout.
            Err(_) => checkout.command("version").run().await.map(drop).map_err(told)?,
        }
    }
    Ok(if kept().await? { Standing::Rebuildable } else { Standing::Lost })
}

/// Makes the checkout anew. Nothing of it is removed before it is known that the state can be had.
pub(super) async fn rebuild(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    request: &SandboxRequest,
    left: &WorkspaceSnapshot,
) -> Result<Origin, Failure> {
    let told = |error: GitError| failed(format!("rebuild the checkout of {}", request.order), &error);
    layout.make().await?;
    let known = match mirror::origin(layout).await? {
        None => layout.claimed_origin().await?,
        known => known,
    };
    if let Some(origin) = &known
        && mirror::ensure_shared(tools, remote, origin).await?
        && restored(tools, layout, origin, left).await
    {
        return Ok(origin.clone());
    }
    let (mut origin, is_guess) = bare_clone(tools, layout, remote, request, left).await?;
    let mirror = tools.bare(&layout.mirror);
    if !matches!(checkpoints::kept(&mirror, left, None).await.map_err(told)?, Kept::Whole(_)) {
        publishing::bring(layout, &mirror, remote, left).await.map_err(told)?;
    }
    if !matches!(checkpoints::kept(&mirror, left, None).await.map_err(told)?, Kept::Whole(_)) {
        let why = fetch(&mirror, remote, left).await.map_err(told)?;
        if !matches!(checkpoints::kept(&mirror, left, None).await.map_err(told)?, Kept::Whole(_)) {
            // What only the checkout has may miss no more than what it borrows.
            let shared = SharedMirror::of(&tools.settings.mirrors, remote);
            shared.mend(tools, remote, &origin.base_branch, &origin.base_commit).await?;
            if restored(tools, layout, &origin, left).await {
                layout.finish(&origin).await?;
                return Ok(origin);
            }
            return Err(lost(request, left, &why));
        }
    }
    if is_guess {
        let common = mirror.command("merge-base").args([&*origin.base_commit, &left.head]).accept(&[0, 1]).run().await;
        let common = common.map_err(told)?.text();
        if !common.is_empty() {
            origin.base_commit = common;
            mirror::declare(layout, &origin).await?;
        }
    }
    layout.clear_checkout().await?;
    layout.make().await?;
    preparing::clone_for_agent(tools, layout, remote, request.sandbox_type, &origin).await?;
    checkpoints::restore(tools, layout, &origin, left).await?;
    layout.finish(&origin).await?;
    Ok(origin)
}

/// Whether the checkout, with the mirror back that it borrows from, missed nothing else.
async fn restored(tools: &Tools, layout: &Layout, origin: &Origin, left: &WorkspaceSnapshot) -> bool {
    matches!(layout.origin().await, Ok(Some(_)))
        && layout.check_git_directory().await.is_ok()
        && checkpoints::restore(tools, layout, origin, left).await.is_ok()
}

/// Sees to it that the bare clone is whole, from the remote if need be. Also tells whether the base commit is only what
/// the remote has now, because nothing here remembers what it was.
async fn bare_clone(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    request: &SandboxRequest,
    left: &WorkspaceSnapshot,
) -> Result<(Origin, bool), Failure> {
    let told = |error: GitError| failed(format!("look into {}", layout.mirror.display()), &error);
    let mut known = mirror::origin(layout).await?;
    if let Some(origin) = &known {
        let git = tools.bare(&layout.mirror);
        let mut kept = checkpoints::kept(&git, left, None).await.map_err(told)?;
        let shared = SharedMirror::of(&tools.settings.mirrors, remote);
        if kept == Kept::Broken && shared.mend(tools, remote, &origin.base_branch, &origin.base_commit).await? {
            kept = checkpoints::kept(&git, left, None).await.map_err(told)?;
        }
        if kept != Kept::Broken {
            return Ok((origin.clone(), false));
        }
        mirror::set_aside(layout).await?;
    } else {
        known = layout.claimed_origin().await?;
    }
    let is_guess = known.is_none();
    let origin = match known {
        Some(origin) => origin,
        None => preparing::base(tools, remote, request.base_branch.as_deref()).await?,
    };
    mirror::make(tools, layout, remote, &origin).await?;
    Ok((origin, is_guess))
}

/// Gets the branch of the state from the remote, which has it if it was pushed. The answer is why that is of no use, if it
/// is; an error says nothing about what the remote has.
async fn fetch(mirror: &Git, remote: &RepositoryAddress, left: &WorkspaceSnapshot) -> Result<String, GitError> {
    let Some(branch) = &left.branch else {
        return Ok("it was on no branch".into());
    };
    let address = redacted(&remote.to_string());
    if exporting::remote_head(mirror, remote, branch).await?.is_none() {
        return Ok(format!("{address:?} has no branch {branch:?}"));
    }
    let fetched = mirror
        .command("fetch")
        .args(["--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"])
        .toward(remote)
        .arg(format!("+refs/heads/{branch}:{FETCHED}/{branch}"))
        .run()
        .await;
    match fetched {
        Ok(_) => Ok(format!("branch {branch:?} of {address:?} does not hold it")),
        Err(error) if error.is_about_objects() => Ok(with_causes(&error)),
        Err(error) => Err(error),
    }
}

fn lost(request: &SandboxRequest, left: &WorkspaceSnapshot, why: &str) -> Failure {
    let (order, head, tree) = (request.order, &left.head, &left.tree);
    let message = format!(
        "cannot rebuild the checkout of {order}: its files (tree {tree}, on commit {head}) were not kept here, and the \
         remote does not have them: {why}; begin again with `awo retry {order} --from-step` and the order's first step"
    );
    Failure::new(FailureCode::WorkspaceLost, message)
}
