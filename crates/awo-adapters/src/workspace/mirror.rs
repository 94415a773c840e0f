//! The bare clone of an order, in which no agent works: how it becomes whole, is found again and made anew.

use std::fs;

use awo_models::Failure;

use super::layout::{Layout, remove};
use super::origin::Origin;
use super::preparing::unreadable;
use super::{Tools, aside, failed};
use crate::RepositoryAddress;
use crate::durable::sync_parent;
use crate::git::Git;

/// What the order started from, if its bare clone is whole.
pub(super) async fn origin(layout: &Layout) -> Result<Option<Origin>, Failure> {
    let marker = layout.mirror_marker.clone();
    aside(move || Origin::read(&marker))
        .await
        .map_err(|error| failed(format!("look at the bare clone {}", layout.mirror.display()), &error))
}

/// Clones the remote. What was started from is known if this is not the first time.
pub(super) async fn make(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    base_branch: &str,
    known: Option<Origin>,
) -> Result<Origin, Failure> {
    let told = |error: &(dyn std::error::Error + 'static)| {
        failed(format!("make the bare clone {}", layout.mirror.display()), error)
    };
    let (new, old) = (layout.mirror_new.clone(), layout.mirror.clone());
    // Cut attempts to make it, or to remove it.
    aside(move || remove(&new).and_then(|()| remove(&old))).await.map_err(|error| told(&error))?;
    tools
        .host
        .command("clone")
        .args(["--quiet", "--bare", "--single-branch", "--template=", "--branch", base_branch])
        // Over the transport even if it is on this disk: only then are the objects checked.
        .arg("--no-local")
        .toward(remote)
        .arg(&layout.mirror_new)
        .run()
        .await
        .map_err(|error| unreadable(remote, &error))?;
    let origin = if let Some(origin) = known {
        origin
    } else {
        let tip = format!("refs/heads/{base_branch}^{{commit}}");
        let git = tools.bare(&layout.mirror_new);
        let tip = git.command("rev-parse").args(["--verify", &tip]).run().await.map_err(|error| told(&error))?;
        Origin { base_branch: base_branch.to_owned(), base_commit: tip.text() }
    };
    let (it, whole) = (layout.clone(), origin.clone());
    aside(move || {
        if let Some(marker) = it.mirror_marker.file_name() {
            whole.write(&it.mirror_new.join(marker))?;
        }
        fs::rename(&it.mirror_new, &it.mirror)?;
        sync_parent(&it.mirror)
    })
    .await
    .map_err(|error| told(&error))?;
    Ok(origin)
}

/// Host git in the bare clone, which is made anew if it is gone.
pub(super) async fn ensure(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    known: &Origin,
) -> Result<Git, Failure> {
    if origin(layout).await?.is_none() {
        tracing::warn!(mirror = %layout.mirror.display(), "the bare clone is gone and made anew");
        layout.make().await?;
        make(tools, layout, remote, &known.base_branch, Some(known.clone())).await?;
    }
    Ok(tools.bare(&layout.mirror))
}

/// Declares again what the order started from.
pub(super) async fn declare(layout: &Layout, origin: &Origin) -> Result<(), Failure> {
    let (marker, origin) = (layout.mirror_marker.clone(), origin.clone());
    aside(move || origin.write(&marker))
        .await
        .map_err(|error| failed(format!("write {}", layout.mirror_marker.display()), &error))
}

/// Puts a broken bare clone out of the way, for people to look at; it goes with the order. The first one that broke has
/// most of what was kept, so it stays and later ones go.
pub(super) async fn set_aside(layout: &Layout) -> Result<(), Failure> {
    tracing::warn!(kept = %layout.mirror_broken.display(), "the bare clone is broken and made anew");
    let (from, to) = (layout.mirror.clone(), layout.mirror_broken.clone());
    aside(move || if to.exists() { remove(&from) } else { fs::rename(from, to) })
        .await
        .map_err(|error| failed(format!("put the broken bare clone {} aside", layout.mirror.display()), &error))
}
