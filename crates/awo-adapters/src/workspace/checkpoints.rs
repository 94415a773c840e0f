//! States of the checkout that are kept in the bare clone, under refs that no agent's git knows.

use std::fs;

use awo_models::{Failure, WorkspaceSnapshot};

use super::layout::Layout;
use super::origin::Origin;
use super::packing::{self, Trouble, Wanted};
use super::{Tools, aside, changes, failed, holding};
use crate::git::{Git, GitError, Limit};

/// Where the refs are. Below it: `<id of the commit>-<id of the tree>`.
const REFS: &str = "refs/awo/checkpoints";
/// Of a checkpoint's commit. Always the same, so that one state is one commit.
const WHO: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "awo"),
    ("GIT_AUTHOR_EMAIL", "awo@localhost"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "awo"),
    ("GIT_COMMITTER_EMAIL", "awo@localhost"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
];

/// What the bare clone has of a state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it: this commit has, or is made on, its commit and has its tree.
    Whole(String),
    /// It was never kept.
    Nothing,
    /// It was kept, but the bare clone lost objects.
    Broken,
}

/// What a state is called: by its commit and its tree.
pub(super) fn name(snapshot: &WorkspaceSnapshot) -> String {
    format!("{}-{}", snapshot.head, snapshot.tree)
}

pub(super) fn reference(snapshot: &WorkspaceSnapshot) -> String {
    format!("{REFS}/{}", name(snapshot))
}

/// Keeps a snapshot that was just taken.
pub(super) async fn keep(
    tools: &Tools,
    layout: &Layout,
    mirror: &Git,
    origin: &Origin,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), Failure> {
    let kept = async {
        let listing = mirror
            .command("for-each-ref")
            .args(["--format=%(refname)", REFS])
            .limit(Limit::Refuse(16 << 20))
            .run()
            .await?
            .text();
        let reference = reference(snapshot);
        if listing.lines().any(|line| line == reference) {
            return Ok(());
        }
        let earlier = listing.lines().filter_map(|line| line.rsplit('/').next()?.split_once('-'));
        let mut there: Vec<&str> = earlier.flat_map(|(head, tree)| [head, tree]).collect();
        there.push(&origin.base_commit);
        let wanted = [&*snapshot.head, &*snapshot.tree];
        packing::take_out(tools, layout, mirror, Wanted { wanted: &wanted, there: &there }).await?;
        let mut commit =
            mirror.command("commit-tree").args([&*snapshot.tree, "-p", &snapshot.head, "-m", "checkpoint"]);
        for (name, value) in WHO {
            commit = commit.env(name, value);
        }
        let commit = commit.run().await?.text();
        set_reference(mirror, layout, &reference, &commit).await?;
        Ok::<_, Trouble>(())
    };
    kept.await.map_err(|error| failed(format!("keep the state of the checkout at commit {}", snapshot.head), &*error))
}

/// Sets a ref of the bare clone. A lock that is there was left by a git that was killed: an order has one user.
pub(super) async fn set_reference(mirror: &Git, layout: &Layout, name: &str, id: &str) -> Result<(), GitError> {
    let lock = layout.mirror.join(format!("{name}.lock"));
    let _ = aside(move || fs::remove_file(lock)).await;
    mirror.command("update-ref").args([name, id]).run().await.map(drop)
}

/// What the bare clone, which is whole, has of a state; looked at back to a commit, or all of it.
pub(super) async fn kept(mirror: &Git, snapshot: &WorkspaceSnapshot, back_to: Option<&str>) -> Result<Kept, GitError> {
    let commit = match commit_of(mirror, snapshot).await {
        Ok(Some(commit)) => commit,
        Ok(None) => return Ok(Kept::Nothing),
        Err(error) if is_verdict(&error) => return Ok(Kept::Broken),
        Err(error) => return Err(error),
    };
    // Without `--ignore-missing`, a base that the remote gave up would pass for a broken bare clone.
    let mut walk = mirror.command("rev-list").args(["--ignore-missing", "--objects", "--quiet", &commit]);
    if let Some(base) = back_to {
        walk = walk.args(["--not", base]);
    }
    match walk.arg("--").run().await {
        Ok(_) => Ok(Kept::Whole(commit)),
        Err(error) if is_verdict(&error) => Ok(Kept::Broken),
        Err(error) => Err(error),
    }
}

/// Whether git said that something is wrong. One that a signal ended (codes above 128), or that could not run, said nothing.
fn is_verdict(error: &GitError) -> bool {
    matches!(error, GitError::Failed { code: ..=128, .. })
}

/// The checkpoint of a state; or its commit, if it is that commit and nothing more.
pub(super) async fn commit_of(mirror: &Git, snapshot: &WorkspaceSnapshot) -> Result<Option<String>, GitError> {
    let resolved = async |what: String| {
        let parsed = mirror.command("rev-parse").args(["--verify", "--quiet", &what]).accept(&[0, 1]).run();
        parsed.await.map(|output| Some(output.text()).filter(|id| !id.is_empty()))
    };
    if let Some(checkpoint) = resolved(format!("{}^{{commit}}", reference(snapshot))).await? {
        return Ok(Some(checkpoint));
    }
    let tree = resolved(format!("{}^{{tree}}", snapshot.head)).await?;
    Ok(tree.filter(|tree| **tree == *snapshot.tree).map(|_| snapshot.head.to_string()))
}

/// Makes the checkout what it was. What it does not have any more comes from the bare clone.
pub(super) async fn restore(
    tools: &Tools,
    layout: &Layout,
    origin: &Origin,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), Failure> {
    bring_back(tools, layout, origin, snapshot).await?;
    holding::hold_back(tools, layout).await
}

async fn bring_back(
    tools: &Tools,
    layout: &Layout,
    origin: &Origin,
    snapshot: &WorkspaceSnapshot,
) -> Result<(), Failure> {
    let checkout = tools.checkout(layout);
    let Err(first) = changes::restore(&checkout, layout, snapshot).await else {
        return Ok(());
    };
    let told = |error: &(dyn std::error::Error + 'static)| {
        failed(format!("bring back what the checkout lost of commit {}", snapshot.head), error)
    };
    if super::mirror::origin(layout).await?.is_none() {
        return Err(first);
    }
    let mirror = tools.bare(&layout.mirror);
    let Kept::Whole(commit) = kept(&mirror, snapshot, Some(&origin.base_commit)).await.map_err(|error| told(&error))?
    else {
        // The files may be those of the state by themselves, as who goes on elsewhere does what was done here. To look at them
        // writes down what was missing.
        let looked = changes::snapshot(&checkout, layout).await.is_ok();
        let is_there = looked && changes::find(&checkout, snapshot).await.is_ok();
        return if is_there { changes::restore(&checkout, layout, snapshot).await } else { Err(first) };
    };
    let objects = Wanted { wanted: &[&commit], there: &[&origin.base_commit] };
    packing::give_back(tools, layout, &mirror, objects).await.map_err(|error| told(&*error))?;
    changes::restore(&checkout, layout, snapshot).await
}
