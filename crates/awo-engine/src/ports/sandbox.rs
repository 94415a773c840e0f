//! The port to isolated checkouts: the only way the engine touches a repository.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{BranchPush, DiffStat, Failure, Isolation, Network, OrderId, SandboxType, WorkspaceSnapshot};
use tokio::sync::mpsc;

/// Makes, finds, mends and removes the checkouts of orders.
///
/// # Contract
/// - *One per order*: `prepare` makes a fresh checkout (and clears away a half-made one of the same order, and what was
///   kept of it); `reopen` finds the one that an earlier life of this program made, unchanged.
/// - *Kept elsewhere*: what [`Sandbox::checkpoint`] kept outlives the checkout, whatever an agent does to it, until
///   `remove`, or `prepare`, of the order.
/// - *Again*: a call that was cut, by a dropped future or the end of the process, may be made again.
/// - *Text only*: `check_address` starts nothing and resolves no name.
/// - *Beside the agent*: `kept_patch` and `kept_commit` read what was kept and leave the checkout alone, so they may be called
///   while an agent works in it.
/// - *Bounded*: every call has a deadline of its own.
///
/// ```
/// use std::sync::Arc;
/// use std::path::PathBuf;
/// use awo_engine::ports::{KeptCommit, Sandbox, SandboxProvider, SandboxRequest, Standing};
/// use awo_models::{Failure, OrderId, WorkspaceSnapshot};
///
/// /// Lets orders work on the repositories of one host only.
/// #[derive(Debug)]
/// struct OneHost(Arc<dyn SandboxProvider>);
///
/// #[async_trait::async_trait]
/// impl SandboxProvider for OneHost {
///     fn check_address(&self, address: &str) -> Result<(), String> {
///         match address.strip_prefix("https://git.example/") {
///             Some(_) => self.0.check_address(address),
///             None => Err("is not on git.example".into()),
///         }
///     }
///     async fn prepare(&self, request: &SandboxRequest) -> Result<Arc<dyn Sandbox>, Failure> {
///         self.0.prepare(request).await
///     }
///     async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure> {
///         self.0.reopen(request).await
///     }
///     async fn examine(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Standing, Failure> {
///         self.0.examine(request, left).await
///     }
///     async fn rebuild(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Arc<dyn Sandbox>, Failure> {
///         self.0.rebuild(request, left).await
///     }
///     async fn kept_patch(
///         &self,
///         order: OrderId,
///         from: &WorkspaceSnapshot,
///         to: &WorkspaceSnapshot,
///     ) -> Result<Option<Vec<u8>>, Failure> {
///         self.0.kept_patch(order, from, to).await
///     }
///     async fn kept_commit(&self, order: OrderId, commit: &str) -> Result<Option<KeptCommit>, Failure> {
///         self.0.kept_commit(order, commit).await
///     }
///     async fn working_dir(&self, order: OrderId) -> Result<Option<PathBuf>, Failure> {
///         self.0.working_dir(order).await
///     }
///     async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
///         self.0.orders().await
///     }
///     async fn size(&self, order: OrderId) -> Result<u64, Failure> {
///         self.0.size(order).await
///     }
///     async fn end_processes(&self, order: OrderId) -> Result<usize, Failure> {
///         self.0.end_processes(order).await
///     }
///     async fn remove(&self, order: OrderId) -> Result<(), Failure> {
///         self.0.remove(order).await
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SandboxProvider: Debug + Send + Sync {
    /// Whether an address may be used, judged as text. The error names the cure and never echoes secrets.
    fn check_address(&self, address: &str) -> Result<(), String>;

    /// Makes the checkout.
    async fn prepare(&self, request: &SandboxRequest) -> Result<Arc<dyn Sandbox>, Failure>;

    /// Finds the checkout again; `None` if there is none that is whole.
    async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure>;

    /// What is left of an order's checkout, held against the state that its last standing step left. Changes nothing
    /// that anybody relies on, and asks no other machine: what only the remote still has counts as lost here.
    ///
    /// An error means that it could not be found out; it says nothing about the checkout.
    async fn examine(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Standing, Failure>;

    /// Makes the checkout anew as it was in a snapshot that was kept by [`Sandbox::checkpoint`], or that the remote
    /// still has, by [`Sandbox::publish`] or on a branch. Whatever is there in its place goes, ignored files too; what was kept stays. Base branch and base
    /// commit are those of the first time. A failure with `workspace_lost` says that the state cannot be had any more, and
    /// the cure; with any other code, that it could not be had now.
    async fn rebuild(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Arc<dyn Sandbox>, Failure>;

    /// Unified diff between two states, as git prints it; `None` if one of them is not kept here, or not any more. The
    /// commit that the order began with is kept, and stands for its tree, too.
    async fn kept_patch(
        &self,
        order: OrderId,
        from: &WorkspaceSnapshot,
        to: &WorkspaceSnapshot,
    ) -> Result<Option<Vec<u8>>, Failure>;

    /// A commit of a state that was kept; `None` if it is not here, or not any more.
    async fn kept_commit(&self, order: OrderId, commit: &str) -> Result<Option<KeptCommit>, Failure>;

    /// Where the checkout of an order is; `None` if there is none that is whole.
    async fn working_dir(&self, order: OrderId) -> Result<Option<PathBuf>, Failure>;

    /// Orders that have a checkout here, or anything that was kept or left of one; in any order, each once.
    async fn orders(&self) -> Result<Vec<OrderId>, Failure>;

    /// Bytes that the checkout of an order takes, and what was kept of it; 0 if there is nothing.
    async fn size(&self, order: OrderId) -> Result<u64, Failure>;

    /// Ends whatever an earlier life of this program left running for the order; how many processes that were.
    async fn end_processes(&self, order: OrderId) -> Result<usize, Failure>;

    /// Removes the checkout and all that was kept of it. No error if there is none.
    async fn remove(&self, order: OrderId) -> Result<(), Failure>;
}

/// What is left of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is there and as it was left.
    Sound,
    /// It is there, but something came since; [`Sandbox::restore`] undoes that.
    Changed,
    /// It is gone or broken; [`SandboxProvider::rebuild`] makes it anew from what was kept.
    Rebuildable,
    /// It is gone or broken, and the state was not kept here. `rebuild` may still get it from the remote.
    Lost,
}

/// A commit that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCommit {
    /// Its id.
    pub id: Arc<str>,
    /// First line of its message. Untrusted text.
    pub subject: Arc<str>,
}

/// What a checkout is made of.
#[derive(Debug, Clone)]
pub struct SandboxRequest {
    /// The order it is for.
    pub order: OrderId,
    /// Address of the repository; passed by `check_address` when the order was created.
    pub repository_url: Arc<str>,
    /// Kind of checkout.
    pub sandbox_type: SandboxType,
    /// Branch to start from; `None` means the remote's default branch.
    pub base_branch: Option<Arc<str>>,
    /// Walls that were asked for; those that it has, once it had some.
    pub isolation: Isolation,
    /// What of the network its processes may use.
    pub network: Network,
    /// Who hears how `prepare` gets on.
    pub progress: Progress,
}

/// Where a call that may take long tells people how it gets on, in lines. By default nobody hears them.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<mpsc::Sender<Arc<str>>>);

impl Progress {
    /// One that is heard. Whoever does not keep up misses lines.
    pub fn heard() -> (Self, mpsc::Receiver<Arc<str>>) {
        let (sender, receiver) = mpsc::channel(16);
        (Self(Some(sender)), receiver)
    }

    /// Whether it is worth while to tell anything.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Tells a line.
    pub fn tell(&self, line: &str) {
        if let Some(sender) = &self.0 {
            let _ = sender.try_send(line.into());
        }
    }
}

/// One order's checkout.
///
/// # Contract
/// - After an agent was in it, nothing with the operator's rights or secrets runs in it.
/// - *Bounded*: every call has a deadline of its own.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Sandbox: Debug + Send + Sync {
    /// The directory that agents work in.
    fn working_dir(&self) -> &Path;

    /// Directories outside of it that it needs, such as objects that it has no copy of: agents may read them.
    fn borrowed(&self) -> Vec<PathBuf>;

    /// Walls that are really there.
    fn isolation(&self) -> Isolation;

    /// Why they are not what was asked for, or not there; `None` if there is nothing to say.
    fn isolation_reason(&self) -> Option<Arc<str>>;

    /// Network that the order's processes really have; never `Auto`.
    fn network(&self) -> Network;

    /// Why it is not the narrowest; `None` if there is nothing to say.
    fn network_reason(&self) -> Option<Arc<str>>;

    /// The branch it started from, resolved: target of the pull request.
    fn base_branch(&self) -> &str;

    /// The commit it started from.
    fn base_commit(&self) -> &str;

    /// The state of all files now, untracked ones included.
    async fn snapshot(&self) -> Result<WorkspaceSnapshot, Failure>;

    /// What changed between two states: commits between the heads, files and lines between the trees.
    async fn compare(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<DiffStat, Failure>;

    /// Unified diff between two states, as git prints it.
    async fn patch(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<Vec<u8>, Failure>;

    /// Keeps a snapshot that was just taken, its commit and all of its files, where no agent reaches it, until the
    /// order's checkout is removed. Keeping it again is Ok. Ignored files are in no snapshot, and so are not kept.
    async fn checkpoint(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure>;

    /// Puts a snapshot that was kept where workers on other machines can have it, if that is wanted of these checkouts. Doing
    /// it again is Ok.
    async fn publish(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure>;

    /// Makes the checkout what it was in a snapshot: commit, branch and files. What came since is gone, ignored files
    /// apart. What the checkout does not have any more comes from what [`checkpoint`](Self::checkpoint) kept. Fails, and
    /// says so, if the snapshot cannot be had any more.
    async fn restore(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure>;

    /// What is at a path, looked at without following links out of the checkout. The path is relative to its root.
    async fn inspect(&self, path: &str) -> Result<FileKind, Failure>;

    /// Makes and checks out a branch at `HEAD`, keeping uncommitted changes. One of that name that is at `HEAD` already
    /// is used; other taken names (here or on the remote) get a suffix. The answer is the name it has.
    async fn create_branch(&self, name: &str) -> Result<Arc<str>, Failure>;

    /// Commits everything that differs; `false` if nothing did.
    async fn commit(&self, message: &str) -> Result<bool, Failure>;

    /// Pushes the branch with the operator's rights, from outside the checkout. Pushing what is already there is Ok.
    async fn push(&self, branch: &str) -> Result<BranchPush, Failure>;
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file of so many bytes.
    File(u64),
    /// Nothing.
    Missing,
    /// Something outside the checkout, or reached over a link.
    Outside,
    /// Something else: a directory, a device.
    Other,
}
