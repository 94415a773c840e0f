//! How a mirror becomes whole: made beside its place, and put there in one piece, or into what is left of an older one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use awo_models::Failure;

use super::super::layout::remove;
use super::lock::Lock;
use super::{BRANCHES, SharedMirror, object_format, reference, refspec};
use crate::RepositoryAddress;
use crate::address::redacted;
use crate::durable::{replace, sync_parent};
use crate::git::{Git, GitError};
use crate::workspace::preparing::unreadable;
use crate::workspace::{Tools, aside};

/// What every mirror is told, besides what awo tells git each time: operators may run git in it.
const SETTINGS: &str = "[gc]\n\tauto = 0\n\tpruneExpire = never\n[fetch]\n\tunpackLimit = 1\n";
/// All branches: other orders may stand on commits of any.
const EVERYTHING: &str = "+refs/heads/*:refs/awo/mended/*";

impl SharedMirror {
    /// Makes it, empty, unless it is whole. Objects of an earlier one that is not whole are kept.
    pub(super) async fn make(&self, tools: &Tools, remote: &RepositoryAddress, like: &str) -> Result<(), Failure> {
        if self.is_whole().await {
            return Ok(());
        }
        self.begin(tools, like).await?;
        self.install(remote).await
    }

    /// Fetches all branches anew, and adds what came to what is left. What the remote says to a repository that has nothing
    /// is what people must know.
    pub(super) async fn renew(
        &self,
        tools: &Tools,
        lock: &Lock,
        remote: &RepositoryAddress,
        branch: &str,
        commit: &str,
    ) -> Result<(), Failure> {
        let git = self.begin(tools, commit).await?;
        let told = |error: GitError| unreadable(remote, &error);
        self.fetch(tools, &git, lock, remote, EVERYTHING).await.map_err(told)?;
        if let Err(error) = self.fetch(tools, &git, lock, remote, &refspec(branch)).await {
            // The remote gave the branch up. Many servers still hand out a commit by its id.
            let by_id = format!("+{commit}:{}", reference(branch));
            self.fetch(tools, &git, lock, remote, &by_id).await.map_err(|_| told(error))?;
        }
        self.install(remote).await?;
        self.set_spoilt_packs_aside(&self.git(tools)).await;
        Ok(())
    }

    /// Puts packs that git complains of out of its way, now that what they should hold is there again. People may still
    /// get out of them what no remote has.
    async fn set_spoilt_packs_aside(&self, git: &Git) {
        let packs = self.path.join("objects/pack");
        let listed = aside({
            let packs = packs.clone();
            move || names(&packs)
        });
        for index in listed.await.unwrap_or_default().into_iter().filter(|name| has_ending(name, "idx")) {
            let index = packs.join(index);
            let verified = git.command("verify-pack").arg("--").arg(&index).run().await;
            if !matches!(verified, Err(GitError::Failed { code: ..=128, .. })) {
                continue;
            }
            tracing::warn!(index = %index.display(), "a spoilt pack of the mirror is set aside");
            let moved = aside(move || {
                // Without its index it is none for git.
                ["idx", "rev", "pack"].into_iter().try_for_each(|ending| {
                    let file = index.with_extension(ending);
                    if file.exists() {
                        fs::rename(&file, file.with_extension(format!("{ending}.spoilt")))
                    } else {
                        Ok(())
                    }
                })
            });
            if let Err(error) = moved.await {
                tracing::warn!(%error, "it stays where it is");
            }
        }
    }

    /// Whether nothing is missing or spoilt that its refs reach.
    pub(super) async fn is_sound(&self, tools: &Tools) -> Result<bool, GitError> {
        let git = self.git(tools);
        let checked = git.command("fsck").args(["--no-dangling", "--no-reflogs", "--no-progress"]).run().await;
        match checked {
            Ok(_) => Ok(true),
            Err(GitError::Failed { code: ..=128, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An empty repository beside the place of the mirror; git in it.
    async fn begin(&self, tools: &Tools, like: &str) -> Result<Git, Failure> {
        let new = self.new.clone();
        aside(move || remove(&new)).await.map_err(|error| self.told(&error))?;
        tools
            .host
            .command("init")
            // Readable for the accounts that agents have within walls; the directories above are not.
            .args(["--quiet", "--bare", "--template=", "--shared=0644", object_format(like), "--"])
            .arg(&self.new)
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .run()
            .await
            .map_err(|error| self.told(&error))?;
        let new = self.new.clone();
        let prepared = aside(move || {
            fs::create_dir_all(new.join(BRANCHES))?;
            fs::File::options().append(true).open(new.join("config"))?.write_all(SETTINGS.as_bytes())
        });
        prepared.await.map_err(|error| self.told(&error))?;
        Ok(tools.bare(&self.new))
    }

    /// Puts the new repository into the place of the mirror, and declares it whole.
    async fn install(&self, remote: &RepositoryAddress) -> Result<(), Failure> {
        let (it, repository) = (self.clone(), redacted(&remote.to_string()));
        let installed = aside(move || {
            if it.path.is_dir() {
                let _ = fs::remove_file(&it.marker);
                merge(&it.new, &it.path)?;
                remove(&it.new)?;
            } else {
                remove(&it.path)?;
                fs::rename(&it.new, &it.path)?;
            }
            sync_parent(&it.path)?;
            replace(&it.marker, &serde_json::to_vec(&serde_json::json!({ "repository": repository }))?)
        });
        installed.await.map_err(|error| self.told(&error))
    }
}

/// Adds the objects of one repository to those of another, and has all else of it replaced.
fn merge(from: &Path, into: &Path) -> io::Result<()> {
    let objects = OsStr::new("objects");
    let packs = Path::new("objects/pack");
    let is_directory = |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_dir());
    for directory in [Path::new("objects"), packs] {
        let path = into.join(directory);
        if !is_directory(&path) {
            remove(&path)?;
            fs::create_dir(path)?;
        }
    }
    let mut names = names(&from.join(packs))?;
    // A pack is there for git when its index is.
    names.sort_by_key(|name| has_ending(name, "idx"));
    for name in names {
        fs::rename(from.join(packs).join(&name), into.join(packs).join(&name))?;
    }
    for name in self::names(into)?.into_iter().filter(|name| name != objects) {
        remove(&into.join(name))?;
    }
    for name in self::names(from)?.into_iter().filter(|name| name != objects) {
        fs::rename(from.join(&name), into.join(&name))?;
    }
    Ok(())
}

fn has_ending(name: &OsStr, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|it| it == ending)
}

fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}
