//! One order's checkout: the port's methods, one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_engine::ports::{FileKind, Sandbox};
use awo_models::{BranchPush, DiffStat, Failure, FailureCode, Isolation, Network, WorkspaceSnapshot};
use tokio::sync::{Mutex, MutexGuard};

use super::layout::Layout;
use super::origin::Origin;
use super::preparing::unreadable;
use super::publishing::Published;
use super::{
    Checkpoints, Tools, aside, branch_names, changes, checkpoints, exporting, failed, inspecting, mirror, publishing,
    stale_locks,
};
use crate::RepositoryAddress;
use crate::git::{Git, GitError, Limit};

/// Longest commit message, in bytes; an argument cannot be much longer.
const MAX_MESSAGE: usize = 64 * 1024;

/// A checkout made by [`GitSandboxes`](super::GitSandboxes).
#[derive(Debug)]
pub(super) struct GitSandbox {
    layout: Layout,
    tools: Tools,
    remote: RepositoryAddress,
    origin: Origin,
    checkout: Git,
    /// Git locks files of a checkout; two of our own must not meet there.
    busy: Mutex<Published>,
}

impl GitSandbox {
    pub(super) fn new(layout: Layout, tools: Tools, remote: RepositoryAddress, origin: Origin) -> Self {
        Self { checkout: tools.checkout(&layout), layout, tools, remote, origin, busy: Mutex::default() }
    }

    /// Waits for its turn and sees to it that git would work in this checkout and no other.
    async fn turn(&self) -> Result<MutexGuard<'_, Published>, Failure> {
        let turn = self.busy.lock().await;
        self.layout.check_git_directory().await?;
        mirror::ensure_shared(&self.tools, &self.remote, &self.origin).await?;
        Ok(turn)
    }

    /// Host git in the bare clone, which is whole.
    async fn mirror(&self) -> Result<Git, Failure> {
        mirror::ensure(&self.tools, &self.layout, &self.remote, &self.origin).await
    }

    /// Removes locks that a killed git left. Agents have ended when the engine changes the checkout.
    async fn remove_stale_locks(&self) {
        let git_directory = self.layout.repo.join(".git");
        // What cannot be removed is told by the git that it stops.
        let _ = aside(move || stale_locks::remove(&git_directory)).await;
    }

    /// Whether a branch of this name is there and at `HEAD`: an earlier attempt made it.
    async fn is_at_head(&self, branch: &str) -> Result<bool, GitError> {
        let commit = async |name: &str| {
            let revision = format!("{name}^{{commit}}");
            let parsed = self.checkout.command("rev-parse").args(["--verify", "--quiet", &revision]);
            parsed.accept(&[0, 1]).run().await.map(|output| output.text())
        };
        let made = commit(&format!("refs/heads/{branch}")).await?;
        Ok(!made.is_empty() && made == commit("HEAD").await?)
    }

    async fn local_branches(&self) -> Result<Vec<String>, GitError> {
        let output = self
            .checkout
            .command("for-each-ref")
            .args(["--format=%(refname:strip=2)", "refs/heads"])
            .limit(Limit::Refuse(4 << 20))
            .run()
            .await?;
        Ok(output.text().lines().map(str::to_owned).collect())
    }
}

#[async_trait]
impl Sandbox for GitSandbox {
    fn working_dir(&self) -> &Path {
        &self.layout.repo
    }

    fn borrowed(&self) -> Vec<PathBuf> {
        self.tools.borrowed.clone()
    }

    fn isolation(&self) -> Isolation {
        self.tools.walls.isolation
    }

    fn isolation_reason(&self) -> Option<Arc<str>> {
        self.tools.walls.why.clone()
    }

    fn network(&self) -> Network {
        self.tools.walls.network
    }

    fn network_reason(&self) -> Option<Arc<str>> {
        self.tools.walls.network_why.clone()
    }

    fn base_branch(&self) -> &str {
        &self.origin.base_branch
    }

    fn base_commit(&self) -> &str {
        &self.origin.base_commit
    }

    async fn snapshot(&self) -> Result<WorkspaceSnapshot, Failure> {
        let _turn = self.turn().await?;
        changes::snapshot(&self.checkout, &self.layout).await
    }

    async fn compare(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<DiffStat, Failure> {
        let _turn = self.turn().await?;
        changes::compare(&self.checkout, from, to).await
    }

    async fn patch(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<Vec<u8>, Failure> {
        let _turn = self.turn().await?;
        changes::patch(&self.checkout, from, to, self.tools.settings.max_patch_bytes).await
    }

    async fn checkpoint(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        check_state(snapshot)?;
        let _turn = self.turn().await?;
        let mirror = self.mirror().await?;
        checkpoints::keep(&self.tools, &self.layout, &mirror, &self.origin, snapshot).await
    }

    async fn publish(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        check_state(snapshot)?;
        if self.tools.settings.checkpoints == Checkpoints::Local {
            return Ok(());
        }
        let mut published = self.turn().await?;
        let mirror = self.mirror().await?;
        let (layout, remote, origin) = (&self.layout, &self.remote, &self.origin);
        publishing::publish(layout, &mirror, remote, origin, snapshot, &mut published)
            .await
            .map_err(|error| failed("push the state of the checkout, for other workers", &error))
    }

    async fn restore(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        check_state(snapshot)?;
        let _turn = self.turn().await?;
        self.remove_stale_locks().await;
        checkpoints::restore(&self.tools, &self.layout, &self.origin, snapshot).await
    }

    async fn inspect(&self, path: &str) -> Result<FileKind, Failure> {
        let (root, wanted) = (self.layout.repo.clone(), path.to_owned());
        aside(move || inspecting::inspect(&root, &wanted))
            .await
            .map_err(|error| failed(format!("look at {path:?} in the checkout"), &error))
    }

    async fn create_branch(&self, name: &str) -> Result<Arc<str>, Failure> {
        let told = |error: &GitError| failed(format!("create branch {name:?}"), error);
        check_branch(name)?;
        let _turn = self.turn().await?;
        self.remove_stale_locks().await;
        let mut taken = self.local_branches().await.map_err(|error| told(&error))?;
        let mirror = self.mirror().await?;
        let of_remote = exporting::remote_branches(&mirror, &self.remote).await;
        let of_remote = of_remote.map_err(|error| unreadable(&self.remote, &error))?;
        let made_before = !of_remote.iter().any(|branch| branch == name);
        if made_before && self.is_at_head(name).await.map_err(|error| told(&error))? {
            let reference = format!("refs/heads/{name}");
            let head = self.checkout.command("symbolic-ref").args(["HEAD", &reference]).run().await;
            return head.map(|_| name.into()).map_err(|error| told(&error));
        }
        taken.extend(of_remote);
        let free = branch_names::free(name, &taken).ok_or_else(|| {
            let message =
                format!("cannot create branch {name:?}: it and every numbered form of it clash with a branch");
            Failure::new(FailureCode::WorkspaceFailed, message)
        })?;
        check_branch(&free)?;
        let run = async {
            let git = &self.checkout;
            git.command("check-ref-format").args(["--branch", &free]).run().await?;
            // Only the names change: no file is touched, and no uncommitted change is lost. The empty old value
            // means that it must not exist.
            let reference = format!("refs/heads/{free}");
            git.command("update-ref").args([reference.as_str(), "HEAD", ""]).run().await?;
            git.command("symbolic-ref").args(["HEAD", &reference]).run().await
        };
        run.await.map_err(|error| told(&error))?;
        Ok(free.into())
    }

    async fn commit(&self, message: &str) -> Result<bool, Failure> {
        let told = |error: GitError| failed("commit the changes of the checkout", &error);
        let message = printable(message);
        if message.is_empty() {
            let message = "cannot commit: the commit message is empty";
            return Err(Failure::new(FailureCode::WorkspaceFailed, message));
        }
        let _turn = self.turn().await?;
        self.remove_stale_locks().await;
        let git = &self.checkout;
        changes::stage(git).await?;
        let differs = git
            .command("diff-index")
            .args(["--cached", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD", "--"])
            .accept(&[0, 1])
            .run()
            .await
            .map_err(told)?;
        if differs.code == 0 {
            return Ok(false);
        }
        let author = &self.tools.settings.author;
        git.command("commit")
            .args(["--quiet", "--no-verify", "--no-gpg-sign", "--no-edit", "--cleanup=whitespace"])
            .arg(format!("--message={message}"))
            .env("GIT_AUTHOR_NAME", &author.name)
            .env("GIT_AUTHOR_EMAIL", &author.email)
            .env("GIT_COMMITTER_NAME", &author.name)
            .env("GIT_COMMITTER_EMAIL", &author.email)
            .run()
            .await
            .map_err(told)?;
        Ok(true)
    }

    async fn push(&self, branch: &str) -> Result<BranchPush, Failure> {
        check_branch(branch)?;
        let _turn = self.turn().await?;
        let mirror = self.mirror().await?;
        let head = exporting::export(&self.tools, &self.layout, &mirror, &self.origin, branch).await?;
        exporting::push(&self.layout, &mirror, &self.remote, branch, &head).await
    }
}

/// Checks that a state names nothing that a command could misread.
pub(super) fn check_state(state: &WorkspaceSnapshot) -> Result<(), Failure> {
    changes::check_ids(&[&state.head, &state.tree])?;
    state.branch.as_deref().map_or(Ok(()), check_branch)
}

fn check_branch(name: &str) -> Result<(), Failure> {
    branch_names::check(name).map_err(|reason| {
        let shown: String = name.chars().take(80).collect();
        let message = format!("cannot use branch name {shown:?}: {reason}");
        Failure::new(FailureCode::WorkspaceFailed, message)
    })
}

/// A message without what an argument cannot hold or a terminal would obey.
fn printable(message: &str) -> String {
    let mut text: String = message.trim().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
    }
    text
}
