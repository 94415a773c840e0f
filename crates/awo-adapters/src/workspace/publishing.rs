//! The state after each step on the order's remote, for whoever goes on with the order on another machine.
//!
//! What is there is asked of the remote whenever it matters: other machines put states there, and remove them, too.

use std::collections::HashSet;

use awo_models::WorkspaceSnapshot;
use tracing::warn;

use super::checkpoints;
use super::layout::{Layout, is_object_id};
use super::origin::Origin;
use crate::RepositoryAddress;
use crate::git::{Git, GitError, Limit};

/// Where the refs are on the remote. Below it: `<order>/<id of the commit>-<id of the tree>`, so that no state takes the
/// place of another one, whoever pushes it when.
const REFS: &str = "refs/awo/orders";
/// Where a state is put that is not looked at yet.
const FETCHED: &str = "refs/awo/fetched-state";
/// How often states are removed that are not needed any more: the network may fail once.
const TRIES: usize = 3;

/// States that were put on the remote by whoever has the order now, by their names.
#[derive(Debug, Default)]
pub(super) struct Published(HashSet<String>);

/// Pushes a state that was kept. One that the remote has on a branch needs no ref of its own any more, nor do those before
/// it: they are removed, whichever machine they came from.
pub(super) async fn publish(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    origin: &Origin,
    snapshot: &WorkspaceSnapshot,
    published: &mut Published,
) -> Result<(), GitError> {
    if let Some(branch) = snapshot.branch.as_deref().filter(|branch| *branch != origin.base_branch)
        && is_its_commit(mirror, snapshot).await?
    {
        let there = look(layout, mirror, remote, Some(branch)).await?;
        if there.head.as_deref() == Some(&*snapshot.head) {
            published.0.clear();
            withdraw(layout, mirror, remote, there.states).await;
            return Ok(());
        }
    }
    let name = checkpoints::name(snapshot);
    if published.0.contains(&name) {
        return Ok(());
    }
    let Some(commit) = checkpoints::commit_of(mirror, snapshot).await? else { return Ok(()) };
    push(mirror, remote, &[format!("{commit}:{REFS}/{}/{name}", layout.id)]).await?;
    published.0.insert(name);
    Ok(())
}

/// Gets a state from the remote, if it is there. Whoever may write to the repository may have put it there, so it counts
/// only as far as its ids are those that were recorded. An error says nothing about what is there.
pub(super) async fn bring(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), GitError> {
    let name = checkpoints::name(snapshot);
    if !look(layout, mirror, remote, None).await?.states.contains(&name) {
        return Ok(());
    }
    let fetched = mirror
        .command("fetch")
        .args(["--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"])
        .toward(remote)
        .arg(format!("+{REFS}/{}/{name}:{FETCHED}", layout.id))
        .run()
        .await;
    match fetched {
        Ok(_) => {}
        Err(error) if error.is_about_objects() => return Ok(()), // nothing that awo made
        Err(error) => return Err(error),
    }
    let taken = take_in(layout, mirror, snapshot).await;
    mirror.command("update-ref").args(["-d", FETCHED]).run().await?;
    taken
}

/// Keeps what was fetched, if it is the state.
async fn take_in(layout: &Layout, mirror: &Git, snapshot: &WorkspaceSnapshot) -> Result<(), GitError> {
    let parts = ["^{commit}", "^{tree}", "^@"].map(|part| format!("{FETCHED}{part}"));
    // Of a file, or of what a tag names, there are no such parts.
    let ids = mirror.command("rev-parse").args(parts).accept(&[0, 128]).run().await?.text();
    let ids: Vec<&str> = ids.lines().collect();
    if let [commit, tree, head] = ids[..]
        && (head, tree) == (&*snapshot.head, &*snapshot.tree)
    {
        checkpoints::set_reference(mirror, layout, &checkpoints::reference(snapshot), commit).await?;
    }
    Ok(())
}

/// Whether a state is its commit and nothing more.
async fn is_its_commit(mirror: &Git, snapshot: &WorkspaceSnapshot) -> Result<bool, GitError> {
    let tree = format!("{}^{{tree}}", snapshot.head);
    Ok(mirror.command("rev-parse").args(["--verify", &tree]).run().await?.text() == *snapshot.tree)
}

/// What the remote has of an order.
#[derive(Debug, Default)]
struct There {
    /// Its states, by their names.
    states: Vec<String>,
    /// Where the branch is that was asked for.
    head: Option<String>,
}

async fn look(
    layout: &Layout,
    mirror: &Git,
    remote: &RepositoryAddress,
    branch: Option<&str>,
) -> Result<There, GitError> {
    let below = format!("{REFS}/{}/", layout.id);
    let branch = branch.map(|branch| format!("refs/heads/{branch}"));
    let asked = mirror.command("ls-remote").toward(remote).arg(format!("{below}*")).args(&branch);
    let listing = asked.limit(Limit::Refuse(32 << 20)).run().await?.text();
    let mut there = There::default();
    for (id, name) in listing.lines().filter_map(|line| line.split_once('\t')) {
        // The patterns also fit the ends of longer names.
        if let Some(state) = name.strip_prefix(&below).filter(|state| is_name(state)) {
            there.states.push(state.to_owned());
        } else if Some(name) == branch.as_deref() && is_object_id(id) {
            there.head = Some(id.to_owned());
        }
    }
    Ok(there)
}

/// Whether that is how a state is called, and nothing that a command could misread.
fn is_name(text: &str) -> bool {
    text.split_once('-').is_some_and(|(head, tree)| is_object_id(head) && is_object_id(tree))
}

/// Removes states from the remote. Those that stay take room there and do no harm.
async fn withdraw(layout: &Layout, mirror: &Git, remote: &RepositoryAddress, mut names: Vec<String>) {
    for tries_left in (0..TRIES).rev() {
        if names.is_empty() {
            return;
        }
        let refs: Vec<String> = names.iter().map(|name| format!(":{REFS}/{}/{name}", layout.id)).collect();
        let Err(error) = push(mirror, remote, &refs).await else { return };
        if tries_left == 0 {
            warn!(agent_work_order_id = %layout.id, states = names.len(), %error, "checkpoints_not_withdrawn");
        } else if let Ok(there) = look(layout, mirror, remote, None).await {
            names = there.states; // some may be gone all the same
        }
    }
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
