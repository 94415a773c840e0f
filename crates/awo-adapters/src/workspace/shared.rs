//! The mirror of a repository: all that orders fetched from its remote, in one bare repository whose objects they borrow.
//!
//! *Invariant*: it changes under its lock only, holds what the remote had and nothing that an agent made, and loses no
//! object, as orders may stand on each. So it is never pruned, and it is mended by adding.

mod lock;
mod mending;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::{Failure, FailureCode};
use sha2::{Digest as _, Sha256};

use super::layout::is_object_id;
use super::preparing::unreadable;
use super::{Tools, aside, failed};
use crate::RepositoryAddress;
use crate::durable::make_directory;
use crate::git::{Git, GitError};
use lock::Lock;

/// Where the tips of the remote's branches are. Below it: the name of a branch, as one word.
const BRANCHES: &str = "refs/awo/branches";
/// Longest word that a name of a branch becomes; longer ones become a hash.
const MAX_WORD: usize = 200;
/// Packs that may pile up, one of each fetch, before they are put together.
const MANY_PACKS: usize = 20;
/// Pauses between two looks at a lock that another order holds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// Paths of the mirror of one repository.
#[derive(Debug, Clone)]
pub(super) struct SharedMirror {
    /// The bare repository.
    path: PathBuf,
    /// The same while it is made or mended.
    new: PathBuf,
    /// What declares it whole.
    marker: PathBuf,
    lock: PathBuf,
}

impl SharedMirror {
    /// That of a remote, in the directory of all bare repositories.
    pub(super) fn of(mirrors: &Path, remote: &RepositoryAddress) -> Self {
        let name = name(&remote.to_string());
        let shared = mirrors.join("shared");
        let path = shared.join(format!("{name}.git"));
        Self {
            new: shared.join(format!("{name}.git.new")),
            marker: path.join("awo-mirror.json"),
            lock: shared.join(format!("{name}.lock")),
            path,
        }
    }

    /// What borrowers read.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// Host git in it.
    pub(super) fn git(&self, tools: &Tools) -> Git {
        tools.bare(&self.path)
    }

    /// The list of commits whose parents were not fetched; `None` unless histories are cut.
    pub(super) fn shallow(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.path.join("shallow"))
    }

    /// Whether it is there, and has had a branch from the remote, as far as that can be seen without git.
    pub(super) async fn knows(&self, branch: &str) -> bool {
        let (it, reference) = (self.clone(), self.path.join(reference(branch)));
        aside(move || Ok(it.is_whole_now() && reference.is_file())).await.unwrap_or(false)
    }

    async fn is_whole(&self) -> bool {
        let it = self.clone();
        aside(move || Ok(it.is_whole_now())).await.unwrap_or(false)
    }

    fn is_whole_now(&self) -> bool {
        self.marker.is_file() && self.path.join("HEAD").is_file() && self.path.join("objects/pack").is_dir()
    }

    /// Sees to it that the mirror has a commit of a branch, which is its tip or was; the commit, or the tip by now if the
    /// remote has given that one up. The remote is asked only if the mirror does not have it as the tip already: orders that
    /// ask at once wait for the first of them and no longer.
    pub(super) async fn bring(
        &self,
        tools: &Tools,
        remote: &RepositoryAddress,
        branch: &str,
        wanted: &str,
    ) -> Result<String, Failure> {
        let Some(lock) = self.turn(tools, branch, wanted).await? else {
            return Ok(wanted.to_owned());
        };
        self.make(tools, remote, wanted).await?;
        let git = self.git(tools);
        if let Err(error) = self.fetch(tools, &git, &lock, remote, &refspec(branch)).await {
            if !matches!(error, GitError::Failed { .. }) {
                return Err(unreadable(remote, &error));
            }
            tracing::warn!(mirror = %self.path.display(), %error, "the mirror takes nothing new, and is mended");
            self.renew(tools, &lock, remote, branch, wanted).await?;
        }
        self.put_together(&git).await;
        if !has(&git, wanted).await.map_err(|error| self.told(&error))? {
            // Somebody rewrote the branch. Many servers still hand out a commit by its id.
            let by_id = self.fetch(tools, &git, &lock, remote, wanted).await;
            if by_id.is_err() || !has(&git, wanted).await.map_err(|error| self.told(&error))? {
                return self.tip(&git, branch).await;
            }
        }
        Ok(wanted.to_owned())
    }

    /// Mends it if it has lost something; whether it had.
    pub(super) async fn mend(
        &self,
        tools: &Tools,
        remote: &RepositoryAddress,
        branch: &str,
        commit: &str,
    ) -> Result<bool, Failure> {
        let lock = self.locked(tools).await?;
        if self.is_whole().await && self.is_sound(tools).await.map_err(|error| self.told(&error))? {
            return Ok(false);
        }
        tracing::warn!(mirror = %self.path.display(), "the mirror is broken, and is mended");
        self.renew(tools, &lock, remote, branch, commit).await?;
        Ok(true)
    }

    /// The right to change it; `None` if it has, or got meanwhile, what is wanted.
    async fn turn(&self, tools: &Tools, branch: &str, wanted: &str) -> Result<Option<Lock>, Failure> {
        let tip = self.path.join(reference(branch));
        let (it, wanted) = (self.clone(), wanted.to_owned());
        let there = move || {
            Ok(it.is_whole_now() && read(&tip)?.is_some_and(|id| String::from_utf8_lossy(&id).trim() == wanted))
        };
        self.waited(tools, there).await
    }

    async fn locked(&self, tools: &Tools) -> Result<Lock, Failure> {
        let lock = self.waited(tools, || Ok(false)).await?;
        lock.ok_or_else(|| Failure::new(FailureCode::WorkspaceFailed, "nobody else can do what the lock is wanted for"))
    }

    /// Waits for the lock, unless it is not needed any more. Another order may fetch for as long as git may take, and then
    /// once more.
    async fn waited(
        &self,
        tools: &Tools,
        done: impl Fn() -> io::Result<bool> + Clone + Send + Sync + 'static,
    ) -> Result<Option<Lock>, Failure> {
        let patience = tools.settings.network_deadline * 2;
        let waiting = async {
            let (mut pause, longest) = PAUSES;
            loop {
                let (done, path) = (done.clone(), self.lock.clone());
                let looked = aside(move || {
                    if done()? {
                        return Ok(Some(None));
                    }
                    if let Some(parent) = path.parent() {
                        make_directory(parent)?;
                    }
                    Ok(Lock::take(&path)?.map(Some))
                });
                if let Some(answer) = looked.await.map_err(|error| self.told(&error))? {
                    return Ok(answer);
                }
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
            }
        };
        tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| {
            let seconds = patience.as_secs();
            Err(Failure::new(
                FailureCode::WorkspaceFailed,
                format!(
                    "cannot use the mirror {}: others changed it for {seconds} s; retry the order when they are done",
                    self.path.display()
                ),
            ))
        })
    }

    async fn fetch(
        &self,
        tools: &Tools,
        git: &Git,
        lock: &Lock,
        remote: &RepositoryAddress,
        what: &str,
    ) -> Result<(), GitError> {
        let held = lock.handle().map_err(|source| GitError::Start { name: "fetch", source })?;
        let depth = tools.settings.depth.map(|depth| format!("--depth={depth}"));
        self.remove_remains().await;
        git.command("fetch")
            .args(["--no-write-fetch-head", "--recurse-submodules=no"])
            .arg(if tools.progress.is_heard() { "--progress" } else { "--quiet" })
            .args(depth)
            .toward(remote)
            .arg(what)
            // Git has the lock too: should this process end first, nobody else begins before git has ended.
            .input(held)
            .progress(&tools.progress)
            .run()
            .await
            .map(drop)
    }

    /// Removes what a fetch leaves that is killed: its unfinished packs, and locks of refs. The lock says that it is gone.
    async fn remove_remains(&self) {
        let path = self.path.clone();
        let removed = aside(move || {
            let unfinished = |name: &str| name.starts_with("tmp_");
            for (directory, remains) in
                [("objects/pack", &unfinished as &dyn Fn(&str) -> bool), (BRANCHES, &is_lock), ("", &is_lock)]
            {
                let Ok(entries) = fs::read_dir(path.join(directory)) else { continue };
                for entry in entries {
                    let entry = entry?;
                    if entry.file_name().to_str().is_some_and(remains) {
                        fs::remove_file(entry.path())?;
                    }
                }
            }
            Ok(())
        });
        if let Err(error) = removed.await {
            tracing::warn!(mirror = %self.path.display(), %error, "what a killed git left in the mirror stays there");
        }
    }

    /// Puts packs together when there are many. All objects stay, those that no ref reaches too.
    async fn put_together(&self, git: &Git) {
        let packs = self.path.join("objects/pack");
        let count = aside(move || {
            let names = fs::read_dir(packs)?.filter_map(Result::ok).map(|entry| entry.path());
            Ok(names.filter(|name| name.extension().is_some_and(|ending| ending == "pack")).count())
        });
        if count.await.unwrap_or(0) <= MANY_PACKS {
            return;
        }
        // Known to git 2.32 and later. It only saves time: that it cannot be done harms nothing.
        if let Err(error) = git.command("repack").args(["-q", "-d", "-l", "--geometric=2"]).run().await {
            tracing::info!(mirror = %self.path.display(), %error, "the packs of the mirror stay as they are");
        }
    }

    async fn tip(&self, git: &Git, branch: &str) -> Result<String, Failure> {
        let tip = format!("{}^{{commit}}", reference(branch));
        let parsed =
            git.command("rev-parse").args(["--verify", &tip]).run().await.map_err(|error| self.told(&error))?;
        Ok(parsed.text())
    }

    fn told(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        failed(format!("use the mirror {}", self.path.display()), error)
    }
}

/// Whether a commit is there.
pub(super) async fn has(git: &Git, commit: &str) -> Result<bool, GitError> {
    let commit = format!("{commit}^{{commit}}");
    let output = git.command("cat-file").args(["-e", &commit]).accept(&[0, 1, 128]).run().await?;
    Ok(output.code == 0)
}

/// How a mirror is called: for people, and so that no two addresses share one.
fn name(address: &str) -> String {
    const SHOWN: usize = 40;
    let last = address.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let shown: String = last.strip_suffix(".git").unwrap_or(last).chars().filter(plain).take(SHOWN).collect();
    format!("{}-{}", shown.trim_start_matches(['.', '-']), &hash(address)[..32])
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The ref of a branch. Its name is one word: `a` may give way to `a/b`, which git could not keep side by side.
fn reference(branch: &str) -> String {
    let word = branch.replace('%', "%25").replace('/', "%2F");
    let word = if word.len() > MAX_WORD { hash(branch) } else { word };
    format!("{BRANCHES}/{word}")
}

fn refspec(branch: &str) -> String {
    format!("+refs/heads/{branch}:{}", reference(branch))
}

fn is_lock(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "lock")
}

/// The bytes of a file; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How git is told which ids a repository has.
pub(super) fn object_format(id: &str) -> &'static str {
    debug_assert!(is_object_id(id), "{id}");
    if id.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" }
}
