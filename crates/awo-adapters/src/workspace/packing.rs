//! Objects on their way between the checkout and the bare clone, as packs.
//!
//! The checkout packs its new objects, without rights or secrets. The bare clone takes the pack in and checks every
//! object. What an agent destroyed in the checkout comes back the same way.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use super::layout::Layout;
use super::{Tools, aside};
use crate::git::{Git, GitError};

/// Git, or file work, could not do something.
pub(super) type Trouble = Box<dyn Error + Send + Sync>;

/// Which objects: all that is wanted needs, without what is there already. Ids of commits and trees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) wanted: &'a [&'a str],
    pub(super) there: &'a [&'a str],
}

/// Takes objects of the checkout into the bare clone. If either has lost what should be `there`, the pack builds only on
/// the last of it, the base; or on nothing.
pub(super) async fn take_out(tools: &Tools, layout: &Layout, mirror: &Git, objects: Wanted<'_>) -> Result<(), Trouble> {
    let base = &objects.there[objects.there.len().saturating_sub(1)..];
    let mut taken = take(tools, layout, mirror, objects).await;
    for there in [base, &[]] {
        match &taken {
            Err(error) if matches!(error.downcast_ref(), Some(GitError::Failed { .. })) => {
                taken = take(tools, layout, mirror, Wanted { there, ..objects }).await;
            }
            _ => break,
        }
    }
    taken
}

async fn take(tools: &Tools, layout: &Layout, mirror: &Git, objects: Wanted<'_>) -> Result<(), Trouble> {
    if let Some((pack, length)) = pack(&tools.checkout(layout), layout, objects, &["--thin"]).await? {
        let most = tools.settings.max_export_bytes;
        if length > most {
            return Err(format!("the new commits take {length} bytes, more than the {most} allowed").into());
        }
        mirror
            .command("index-pack")
            .args(["--stdin", "--strict", "--fix-thin", &format!("--max-input-size={most}")])
            .input(pack)
            .run()
            .await?;
    }
    // Nothing that is needed may be missing here.
    let walk = mirror.command("rev-list").args(["--objects", "--quiet"]).args(objects.wanted);
    // Tags, which the mirror may have lost with its history, count for nothing.
    walk.args(["--not", "--exclude=refs/tags/*", "--all", "--"]).run().await?;
    Ok(())
}

/// Gives objects of the bare clone back to the checkout.
pub(super) async fn give_back(
    tools: &Tools,
    layout: &Layout,
    mirror: &Git,
    objects: Wanted<'_>,
) -> Result<(), Trouble> {
    if let Some((pack, _)) = pack(mirror, layout, objects, &[]).await? {
        tools.checkout(layout).command("index-pack").arg("--stdin").input(pack).run().await?;
    }
    Ok(())
}

/// A pack of objects in a file without a name, and its length; `None` if nothing is missing there.
async fn pack(git: &Git, layout: &Layout, objects: Wanted<'_>, how: &[&str]) -> Result<Option<(File, u64)>, Trouble> {
    let there = objects.there.iter().map(|id| format!("^{id}\n"));
    let list: String = there.chain(objects.wanted.iter().map(|id| format!("{id}\n"))).collect();
    let directory = layout.order.clone();
    let (list, mut pack) = aside(move || {
        let mut revisions = tempfile::tempfile_in(&directory)?;
        revisions.write_all(list.as_bytes())?;
        revisions.rewind()?;
        Ok((revisions, tempfile::tempfile_in(&directory)?))
    })
    .await?;
    git.command("pack-objects")
        .args(["--quiet", "--revs", "--stdout", "--delta-base-offset"])
        .args(how)
        // What is not there is not looked for elsewhere.
        .env("GIT_NO_LAZY_FETCH", "1")
        .input(list)
        .output(pack.try_clone()?)
        .run()
        .await?;
    let (count, pack, length) = aside(move || {
        let mut head = [0; 12];
        pack.rewind()?;
        pack.read_exact(&mut head)?;
        let length = pack.seek(io::SeekFrom::End(0))?;
        pack.rewind()?;
        let count = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        Ok((count, pack, length))
    })
    .await?;
    Ok((count > 0).then_some((pack, length)))
}
