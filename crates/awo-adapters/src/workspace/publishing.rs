//! The state after each step on the order's remote, for whoever goes on with the order on another machine.

use awo_models::WorkspaceSnapshot;
use tracing::warn;

use super::checkpoints;
use super::layout::Layout;
use crate::RepositoryAddress;
use crate::git::{Git, GitError, Limit};

/// Where the refs are on the remote. Below it: `<order>/<id of the commit>-<id of the tree>`, so that no state takes the
/// place of another one, whoever pushes it when.
const REFS: &str = "refs/awo/orders";
/// What of it this machine knows to be there, in the bare clone.
const PUBLISHED: &str = "refs/awo/published";
/// Where a state is put that is not looked at yet.
const FETCHED: &str = "refs/awo/fetched-state";

/// Pushes a state that was kept. One that the remote has on a branch needs no ref of its own any more, nor do those before
/// it: they are removed.
pub(super) async fn publish(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), GitError> {
    let known = published(mirror).await?;
    if is_on_branch(mirror, snapshot).await? {
        return withdraw(layout, mirror, remote, &known).await;
    }
    let name = checkpoints::name(snapshot);
    let Some(commit) = checkpoints::commit_of(mirror, snapshot).await?.filter(|_| !known.contains(&name)) else {
        return Ok(());
    };
    push(mirror, remote, &[format!("{commit}:{REFS}/{}/{name}", layout.id)]).await?;
    checkpoints::set_reference(mirror, layout, &format!("{PUBLISHED}/{name}"), &commit).await
}

/// Gets a state from the remote, if it is there. Whoever may write to the repository may have put it there, so it counts
/// only as far as its ids are those that were recorded.
pub(super) async fn bring(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), GitError> {
    let name = checkpoints::name(snapshot);
    let fetched = mirror
        .command("fetch")
        .args(["--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"])
        .toward(remote)
        .arg(format!("+{REFS}/{}/{name}:{FETCHED}", layout.id))
        .run()
        .await;
    match fetched {
        Ok(_) => {}
        Err(GitError::Failed { .. }) => return Ok(()), // it has none
        Err(error) => return Err(error),
    }
    let ids = mirror.command("rev-parse").args([FETCHED, &format!("{FETCHED}^{{tree}}"), &format!("{FETCHED}^@")]);
    let ids = ids.run().await?.text();
    let ids: Vec<&str> = ids.lines().collect();
    if let [commit, tree, head] = ids[..]
        && (head, tree) == (&*snapshot.head, &*snapshot.tree)
    {
        checkpoints::set_reference(mirror, layout, &checkpoints::reference(snapshot), commit).await?;
        checkpoints::set_reference(mirror, layout, &format!("{PUBLISHED}/{name}"), commit).await?;
    }
    mirror.command("update-ref").args(["-d", FETCHED]).run().await.map(drop)
}

/// The states that are on the remote as far as is known here, by their names.
async fn published(mirror: &Git) -> Result<Vec<String>, GitError> {
    let listing = mirror
        .command("for-each-ref")
        .args(["--format=%(refname)", PUBLISHED])
        .limit(Limit::Refuse(16 << 20))
        .run()
        .await?
        .text();
    Ok(listing.lines().filter_map(|line| line.rsplit('/').next()).map(str::to_owned).collect())
}

/// Whether a state is its commit and nothing more, and we have pushed that commit to a branch.
async fn is_on_branch(mirror: &Git, snapshot: &WorkspaceSnapshot) -> Result<bool, GitError> {
    let heads = mirror.command("for-each-ref").args(["--format=%(objectname)", "refs/awo/pushed"]);
    if !heads.limit(Limit::Refuse(16 << 20)).run().await?.text().lines().any(|head| head == &*snapshot.head) {
        return Ok(false);
    }
    let tree = format!("{}^{{tree}}", snapshot.head);
    Ok(mirror.command("rev-parse").args(["--verify", &tree]).run().await?.text() == *snapshot.tree)
}

/// Removes states from the remote. Those that somebody else has removed before are forgotten, too.
async fn withdraw(layout: &Layout, mirror: &Git, remote: &RepositoryAddress, names: &[String]) -> Result<(), GitError> {
    if names.is_empty() {
        return Ok(());
    }
    let refs: Vec<String> = names.iter().map(|name| format!(":{REFS}/{}/{name}", layout.id)).collect();
    if let Err(error) = push(mirror, remote, &refs).await {
        // They take room there and do no harm.
        warn!(agent_work_order_id = %layout.id, %error, "checkpoints_not_withdrawn");
    }
    for name in names {
        mirror.command("update-ref").args(["-d", &format!("{PUBLISHED}/{name}")]).run().await?;
    }
    Ok(())
}

async fn push(mirror: &Git, remote: &RepositoryAddress, refs: &[String]) -> Result<(), GitError> {
    mirror
        .command("push")
        .args(["--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"])
        .toward(remote)
        .args(refs)
        .run()
        .await
        .map(drop)
}
