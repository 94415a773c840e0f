//! Repositories that have the mirror's objects without a copy: git calls this alternates.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::packing::Trouble;
use super::shared::SharedMirror;
use super::{Tools, aside};
use crate::git::Limit;

/// Most that the list of tags may take.
const MANY_TAGS: Limit = Limit::Refuse(32 << 20);

/// Has a new repository begin at a commit of the mirror, with one branch and the tags of its history. `objects` is where
/// the mirror's objects are: absolute, or as seen from the objects of the new repository.
pub(super) async fn borrow(
    tools: &Tools,
    shared: &SharedMirror,
    git_directory: &Path,
    objects: &Path,
    branch: &str,
    commit: &str,
) -> Result<(), Trouble> {
    let git = shared.git(tools);
    // Others may go when the mirror is made anew.
    let tags = ["--format=%(objectname) %(refname)", "--merged", commit, "refs/tags"];
    let tags = git.command("for-each-ref").args(tags).limit(MANY_TAGS).run().await?;
    let mut refs = String::new();
    writeln!(refs, "{commit} refs/heads/{branch}")?;
    refs.push_str(&String::from_utf8_lossy(&tags.stdout));
    let alternates = [objects.as_os_str().as_bytes(), b"\n"].concat();
    if alternates.starts_with(b"\"")
        || alternates.starts_with(b"#")
        || alternates[..alternates.len() - 1].contains(&b'\n')
    {
        return Err(format!("git cannot be told of the directory {}; move it", objects.display()).into());
    }
    let (directory, shared) = (git_directory.to_owned(), shared.clone());
    let head = format!("ref: refs/heads/{branch}\n");
    aside(move || {
        fs::create_dir_all(directory.join("objects/info"))?;
        fs::write(directory.join("objects/info/alternates"), alternates)?;
        if let Some(shallow) = shared.shallow()? {
            fs::write(directory.join("shallow"), shallow)?;
        }
        fs::write(directory.join("packed-refs"), refs)?;
        fs::write(directory.join("HEAD"), head)
    })
    .await?;
    Ok(())
}
