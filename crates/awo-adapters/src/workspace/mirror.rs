//! The bare clone of an order, in which no agent works: how it becomes whole, is found again and made anew.

use std::fs;
use std::path::Path;

use awo_models::Failure;

use super::layout::{Layout, remove};
use super::origin::Origin;
use super::shared::{SharedMirror, object_format};
use super::{Tools, aside, borrowing, failed};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::durable::sync_parent;
use crate::git::Git;

/// What the order started from, if its bare clone is whole.
pub(super) async fn origin(layout: &Layout) -> Result<Option<Origin>, Failure> {
    let marker = layout.mirror_marker.clone();
    aside(move || Origin::read(&marker))
        .await
        .map_err(|error| failed(format!("look at the bare clone {}", layout.mirror.display()), &error))
}

/// Makes it, borrowing what the mirror of the repository has, which is mended if need be. It begins at the base commit or,
/// if that cannot be had any more, at the tip of the base branch.
pub(super) async fn make(
    tools: &Tools,
    layout: &Layout,
    remote: &RepositoryAddress,
    origin: &Origin,
) -> Result<(), Failure> {
    let made = make_once(tools, layout, remote, origin).await;
    let shared = SharedMirror::of(&tools.settings.mirrors, remote);
    if made.is_err() && shared.mend(tools, remote, &origin.base_branch, &origin.base_commit).await? {
        return make_once(tools, layout, remote, origin).await;
    }
    made
}

async fn make_once(tools: &Tools, layout: &Layout, remote: &RepositoryAddress, origin: &Origin) -> Result<(), Failure> {
    let told = |error: &(dyn std::error::Error + 'static)| {
        failed(format!("make the bare clone {}", layout.mirror.display()), error)
    };
    let shared = SharedMirror::of(&tools.settings.mirrors, remote);
    let begins = shared.bring(tools, remote, &origin.base_branch, &origin.base_commit).await?;
    let (new, old) = (layout.mirror_new.clone(), layout.mirror.clone());
    // Cut attempts to make it, or to remove it.
    aside(move || remove(&new).and_then(|()| remove(&old))).await.map_err(|error| told(&error))?;
    let directory = &layout.mirror_new;
    tools
        .host
        .command("init")
        .args(["--quiet", "--bare", "--template=", object_format(&begins), "--"])
        .arg(directory)
        .env("GIT_DEFAULT_REF_FORMAT", "files")
        .run()
        .await
        .map_err(|error| told(&error))?;
    // Both lie in one directory, which may be moved.
    let objects =
        Path::new("../..").join(shared.objects().strip_prefix(&tools.settings.mirrors).unwrap_or(Path::new("")));
    borrowing::borrow(tools, &shared, directory, &objects, &origin.base_branch, &begins)
        .await
        .map_err(|error| told(&*error))?;
    let (it, origin) = (layout.clone(), origin.clone());
    aside(move || {
        if let Some(marker) = it.mirror_marker.file_name() {
            origin.write(&it.mirror_new.join(marker))?;
        }
        fs::rename(&it.mirror_new, &it.mirror)?;
        sync_parent(&it.mirror)
    })
    .await
    .map_err(|error| told(&error))
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
        make(tools, layout, remote, known).await?;
    }
    Ok(tools.bare(&layout.mirror))
}

/// Sees to it that the mirror of the repository is there, which the checkout and the bare clone borrow from; whether it
/// was gone. What the remote does not have any more stays lost.
pub(super) async fn ensure_shared(tools: &Tools, remote: &RepositoryAddress, known: &Origin) -> Result<bool, Failure> {
    let shared = SharedMirror::of(&tools.settings.mirrors, remote);
    if shared.knows(&known.base_branch).await {
        return Ok(false);
    }
    tracing::warn!(repository = %redacted(&remote.to_string()), "the mirror is gone and made anew");
    shared.bring(tools, remote, &known.base_branch, &known.base_commit).await?;
    tools.open_way().await?;
    Ok(true)
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
