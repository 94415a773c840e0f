//! Checkouts of orders made with git: `SandboxProvider` and what it needs to know.
//!
//! *Invariant*: the operator's rights and secrets are used on the bare clone only, where no agent works. What an agent
//! made comes out of its checkout as a pack of objects that is checked when it is taken in.

mod borrowing;
mod branch_names;
mod changes;
mod checkpoints;
mod exporting;
mod holding;
mod inspecting;
mod kept;
mod layout;
mod mirror;
mod origin;
mod packing;
mod preparing;
mod publishing;
mod rebuilding;
mod sandbox;
mod shared;
mod stale_locks;
mod weighing;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{KeptCommit, Progress, Sandbox, SandboxProvider, SandboxRequest, Standing};
use awo_models::{Failure, FailureCode, Isolation, Network, OrderId, SandboxType, WorkspaceSnapshot};

use crate::git::{Dialling, Git, HOST_SETTINGS, WORKSPACE_SETTINGS, find_git, host_environment, workspace_environment};
use crate::walls::{Account, Effective, Reach, Room, WallKind, Walls, put_back};
use crate::{AddressPolicy, ForgeTokens, NameLookup, Processes, Redirects, RepositoryAddress, SystemNames};
use layout::Layout;
pub(crate) use layout::remove;
use sandbox::GitSandbox;
use shared::SharedMirror;

/// What the checkouts are made with.
#[derive(Debug, Clone)]
pub struct WorkspaceSettings {
    /// Directory that holds one directory per order, with its checkout.
    pub root: PathBuf,
    /// Directory that holds one mirror per repository, and one bare clone per order, with the checkpoints. Not below
    /// `root`: a checkout is made anew from it when `root` is lost.
    pub mirrors: PathBuf,
    /// Addresses that callers may use.
    pub policy: AddressPolicy,
    /// Where awo's own git goes instead. What they lead to is trusted as the hosts are that the policy trusts.
    pub redirects: Redirects,
    /// Who knows the network addresses of hosts.
    pub names: Arc<dyn NameLookup>,
    /// Who sees to the end of what is started.
    pub processes: Arc<Processes>,
    /// The git program: a name looked up in `search_path`, or a path.
    pub git: PathBuf,
    /// `PATH` of every git process; only its absolute directories count.
    pub search_path: OsString,
    /// Variables with the operator's rights (`HOME`, `SSH_AUTH_SOCK`, proxies …). No process in a checkout gets them.
    pub host_environment: Vec<(OsString, OsString)>,
    /// Tokens that host git reaches a forge with; `None`: the operator's own credentials are all there is.
    pub tokens: Option<Arc<ForgeTokens>>,
    /// Author and committer of awo's commits.
    pub author: Author,
    /// How long one run of git on this machine may take.
    pub local_deadline: Duration,
    /// How long one run of git over the network may take.
    pub network_deadline: Duration,
    /// How many commits of a branch's history are fetched; `None`: all.
    pub depth: Option<NonZeroU32>,
    /// Longest patch; more is left out.
    pub max_patch_bytes: usize,
    /// Largest pack of new objects that is taken out of a checkout.
    pub max_export_bytes: u64,
    /// Bytes that must be free where checkouts are, before one is made.
    pub min_free_bytes: u64,
    /// Where the states are kept that an order goes on from.
    pub checkpoints: Checkpoints,
    /// Walls around what runs in a checkout.
    pub walls: Arc<Walls>,
}

/// Where the state after each step is kept, besides the checkout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checkpoints {
    /// On this machine, in the bare clone of the order.
    #[default]
    Local,
    /// On the order's remote, too, below `refs/awo/orders/`, so that a worker on another machine can go on with it. One push
    /// a step. They are removed when the work is on its branch; those of an order that fails stay.
    Remote,
}

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

impl WorkspaceSettings {
    /// Settings with the defaults: https and ssh only, no operator's variables.
    pub fn new(root: PathBuf, mirrors: PathBuf, processes: Arc<Processes>, author: Author) -> Self {
        Self {
            root,
            mirrors,
            policy: AddressPolicy::default(),
            redirects: Redirects::default(),
            names: Arc::new(SystemNames),
            processes,
            git: PathBuf::from("git"),
            search_path: "/usr/local/bin:/usr/bin:/bin".into(),
            host_environment: Vec::new(),
            tokens: None,
            author,
            local_deadline: Duration::from_mins(5),
            network_deadline: Duration::from_mins(15),
            depth: None,
            max_patch_bytes: 8 << 20,
            max_export_bytes: 1 << 30,
            min_free_bytes: 0,
            checkpoints: Checkpoints::default(),
            walls: Arc::new(Walls::none()),
        }
    }
}

/// Makes, finds, mends and removes checkouts with the git program.
///
/// One directory per order under the root: `repo` (the agent's checkout, with a git directory of its own and no remote)
/// and `workspace.json`, written last, which makes the checkout whole. And `<id>.git` under the mirrors: the bare clone,
/// used by awo alone, which gets its name when it is whole. It has what was checked out, pushed and kept: the state
/// after each step, under `refs/awo/checkpoints`.
#[derive(Debug)]
pub struct GitSandboxes {
    settings: Arc<WorkspaceSettings>,
}

impl GitSandboxes {
    /// A provider with the given settings. Looks for git, once; touches nothing yet.
    pub fn new(settings: WorkspaceSettings) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (root, mirrors) = (absolute(settings.root), absolute(settings.mirrors));
        let git = find_git(&settings.git, &settings.search_path);
        Self { settings: Arc::new(WorkspaceSettings { root, mirrors, git, ..settings }) }
    }

    fn layout(&self, order: OrderId) -> Layout {
        Layout::new(&self.settings.root, &self.settings.mirrors, order)
    }

    /// Where git goes for an address, policy and redirects applied.
    fn remote(&self, address: &str) -> Result<RepositoryAddress, Failure> {
        RepositoryAddress::parse(address, &self.settings.policy)
            .and_then(|address| self.settings.redirects.apply(&address))
            .map_err(|error| Failure::new(FailureCode::WorkspaceFailed, error.to_string()))
    }
}

#[async_trait]
impl SandboxProvider for GitSandboxes {
    fn check_address(&self, address: &str) -> Result<(), String> {
        RepositoryAddress::parse(address, &self.settings.policy).map(|_| ()).map_err(|error| error.to_string())
    }

    async fn prepare(&self, request: &SandboxRequest) -> Result<Arc<dyn Sandbox>, Failure> {
        let remote = self.remote(&request.repository_url)?;
        let layout = self.layout(request.order);
        layout.clear().await?;
        let tools = Tools::new(&self.settings, &layout, &remote, request).await?;
        let tools = Tools { progress: request.progress.clone(), ..tools };
        let made = preparing::prepare(&tools, &layout, &remote, request).await;
        match made {
            Ok(origin) => Ok(Arc::new(GitSandbox::new(layout, tools, remote, origin))),
            Err(failure) => {
                // What is half made helps nobody; if it cannot be removed now, the next `prepare` will.
                let _ = layout.clear().await;
                Err(failure)
            }
        }
    }

    async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure> {
        let layout = self.layout(request.order);
        let Some(claimed) = layout.origin().await? else {
            return Ok(None);
        };
        // The one that no agent reaches counts, if it is there.
        let origin = mirror::origin(&layout).await?.unwrap_or(claimed);
        let remote = self.remote(&request.repository_url)?;
        let tools = Tools::new(&self.settings, &layout, &remote, request).await?;
        Ok(Some(Arc::new(GitSandbox::new(layout, tools, remote, origin))))
    }

    async fn examine(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Standing, Failure> {
        sandbox::check_state(left)?;
        let remote = self.remote(&request.repository_url)?;
        let layout = self.layout(request.order);
        let tools = Tools::new(&self.settings, &layout, &remote, request).await?;
        rebuilding::examine(&tools, &layout, left).await
    }

    async fn rebuild(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Arc<dyn Sandbox>, Failure> {
        sandbox::check_state(left)?;
        let remote = self.remote(&request.repository_url)?;
        let layout = self.layout(request.order);
        let tools = Tools::new(&self.settings, &layout, &remote, request).await?;
        let origin = rebuilding::rebuild(&tools, &layout, &remote, request, left).await?;
        Ok(Arc::new(GitSandbox::new(layout, tools, remote, origin)))
    }

    async fn kept_patch(
        &self,
        order: OrderId,
        from: &WorkspaceSnapshot,
        to: &WorkspaceSnapshot,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let layout = self.layout(order);
        let tools = Tools::without_checkout(&self.settings, &layout, order);
        kept::patch(&tools, &layout, from, to).await
    }

    async fn kept_commit(&self, order: OrderId, commit: &str) -> Result<Option<KeptCommit>, Failure> {
        let layout = self.layout(order);
        let tools = Tools::without_checkout(&self.settings, &layout, order);
        kept::commit(&tools, &layout, commit).await
    }

    async fn working_dir(&self, order: OrderId) -> Result<Option<PathBuf>, Failure> {
        let layout = self.layout(order);
        Ok(layout.origin().await?.map(|_| layout.repo))
    }

    async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
        let settings = Arc::clone(&self.settings);
        let listed = aside(move || layout::orders(&settings.root, &settings.mirrors)).await;
        listed.map_err(|error| failed("list the orders that have a checkout", &error))
    }

    async fn size(&self, order: OrderId) -> Result<u64, Failure> {
        let layout = self.layout(order);
        let counted = aside(move || layout.size()).await;
        counted.map_err(|error| failed(format!("tell the size of the checkout of {order}"), &error))
    }

    async fn end_processes(&self, order: OrderId) -> Result<usize, Failure> {
        self.settings.processes.end_all(order).await.map_err(|error| {
            Failure::new(
                FailureCode::WorkspaceFailed,
                format!("cannot end what an earlier run of {order} left running: {error}; end it by hand"),
            )
        })
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        self.layout(order).clear().await
    }
}

/// Git in its two environments, for one order.
#[derive(Debug)]
struct Tools {
    settings: Arc<WorkspaceSettings>,
    /// The walls of the order.
    walls: Effective,
    /// What git in the checkout may reach, if it runs within walls.
    room: Option<Arc<Room>>,
    /// Where the objects are that the checkout has no copy of.
    borrowed: Vec<PathBuf>,
    /// Whether settings of agents that the repository brings along are held back from them.
    holds_back: bool,
    /// With the operator's rights; for the bare clone and the remote only.
    host: Git,
    /// Without, for a checkout that no agent was in yet.
    inside: Git,
    /// Who hears how a long fetch gets on.
    progress: Progress,
}

impl Tools {
    /// For an order, with its walls.
    async fn new(
        settings: &Arc<WorkspaceSettings>,
        layout: &Layout,
        remote: &RepositoryAddress,
        request: &SandboxRequest,
    ) -> Result<Self, Failure> {
        let order = request.order;
        let borrowed = match request.sandbox_type {
            SandboxType::GitWorktree => vec![SharedMirror::of(&settings.mirrors, remote).objects()],
            _ => Vec::new(),
        };
        let walls = settings.walls.effective(request.isolation, request.network).await?;
        let checkout = layout.repo.clone();
        let put_back = aside(move || put_back(&checkout)).await;
        put_back.map_err(|error| failed("put back what was held back from an agent", &error))?;
        let room = WallKind::that_are(walls.isolation).map(|kind| {
            Arc::new(Room {
                kind,
                account: Account::of(order),
                writable: vec![layout.repo.clone(), layout.home.clone()],
                readable: Vec::new(),
                borrowed: borrowed.clone(),
                seen_as: Vec::new(),
                covered: Vec::new(),
                reach: Reach::Nothing,
            })
        });
        let holds_back = room.is_some() && !settings.walls.trusts(&request.repository_url);
        let tools = Self { walls, room, borrowed, holds_back, ..Self::without_checkout(settings, layout, order) };
        tools.open_way().await?;
        Ok(tools)
    }

    /// Lets those who work in the checkout get to what is there of it.
    async fn open_way(&self) -> Result<(), Failure> {
        let Some(room) = self.room.clone() else { return Ok(()) };
        let walls = Arc::clone(&self.settings.walls);
        let opened = aside(move || walls.open_way(&room)).await;
        opened.map_err(|error| failed("let the account of the order get to its checkout", &error))
    }

    /// For what is done in bare repositories only.
    fn without_checkout(settings: &Arc<WorkspaceSettings>, layout: &Layout, order: OrderId) -> Self {
        let owner = Some((Arc::clone(&settings.processes), order));
        let nowhere = PathBuf::from("/nonexistent");
        let mut host = host_environment(&settings.search_path, &nowhere, &settings.host_environment);
        let mut inside = workspace_environment(&settings.search_path, &layout.home);
        for environment in [&mut host, &mut inside] {
            // awo's directories may lie in somebody's repository; git must not find that one. It looks into where it
            // starts in any case.
            let above = settings.mirrors.parent().unwrap_or(&settings.mirrors);
            let ceilings = std::env::join_paths([settings.root.as_path(), above]).unwrap_or_default();
            environment.push(("GIT_CEILING_DIRECTORIES".into(), ceilings));
        }
        let git = |environment, settings_of, directory: &PathBuf, deadline| Git {
            program: settings.git.clone(),
            environment,
            settings: settings_of,
            directory: directory.clone(),
            deadline,
            owner: owner.clone(),
            tokens: None,
            walls: None,
            dialling: None,
        };
        let host = Git {
            tokens: settings.tokens.clone(),
            dialling: Some(Arc::new(Dialling {
                trusted: settings.policy.trusted_hosts.clone(),
                redirects: settings.redirects.clone(),
                names: Arc::clone(&settings.names),
            })),
            ..git(host, HOST_SETTINGS, &settings.mirrors, settings.network_deadline)
        };
        Self {
            host,
            inside: git(inside, WORKSPACE_SETTINGS, &layout.order, settings.local_deadline),
            progress: Progress::default(),
            settings: Arc::clone(settings),
            walls: Effective { isolation: Isolation::None, why: None, network: Network::Host, network_why: None },
            room: None,
            holds_back: false,
            borrowed: Vec::new(),
        }
    }

    /// Host git in a bare clone.
    fn bare(&self, clone: &Path) -> Git {
        let mut git = self.host.clone();
        git.environment.push(("GIT_DIR".into(), clone.into()));
        git
    }

    /// Workspace git in the checkout, wherever its configuration says that its files are. It runs within the order's walls,
    /// without network: what an agent left there may run along with it.
    fn checkout(&self, layout: &Layout) -> Git {
        let walls = self.room.clone().map(|room| (Arc::clone(&self.settings.walls), room));
        Git { walls, ..self.new_checkout(layout) }
    }

    /// The same without walls, as long as no agent was there and there are no files.
    fn new_checkout(&self, layout: &Layout) -> Git {
        let mut git = self.inside.clone();
        git.directory.clone_from(&layout.repo);
        git.environment.extend([
            ("GIT_DIR".into(), layout.repo.join(".git").into()),
            ("GIT_WORK_TREE".into(), layout.repo.clone().into()),
        ]);
        git
    }
}

/// A failure of the checkout: what was tried, why not, and all causes.
fn failed(tried: impl std::fmt::Display, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(FailureCode::WorkspaceFailed, format!("cannot {tried}: {}", with_causes(error)))
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Runs file work aside, so that a slow disk holds nobody up.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
