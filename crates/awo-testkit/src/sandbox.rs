//! Checkouts in memory: files, commits, branches and checkpoints without git.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_engine::ports::{FileKind, KeptCommit, Sandbox, SandboxProvider, SandboxRequest, Standing};
use awo_models::{BranchPush, DiffStat, Failure, FailureCode, Isolation, Network, OrderId, WorkspaceSnapshot};

use crate::Timeline;

/// Files of a checkout: path and content.
pub type Files = BTreeMap<String, String>;

/// Makes checkouts in memory. Addresses that begin with `bad` are refused.
#[derive(Debug)]
pub struct FakeSandboxes {
    timeline: Timeline,
    checkouts: Mutex<HashMap<OrderId, Arc<FakeSandbox>>>,
    elsewhere: Mutex<HashMap<OrderId, Arc<Mutex<Elsewhere>>>>,
    /// Why it makes no checkout.
    pub refuses: Mutex<Option<Failure>>,
    /// What it tells while it makes a checkout.
    pub tells: Mutex<Vec<&'static str>>,
    /// So many times the remote of a checkout that is made anew is out of reach.
    pub unreachable: AtomicUsize,
    /// How often a checkout that is there cannot be used.
    pub busy: AtomicUsize,
    /// Why it keeps no checkpoint.
    pub keeps_nothing: Arc<Mutex<Option<Failure>>>,
    push_hangs: Arc<AtomicBool>,
    keeping_hangs: Arc<AtomicBool>,
    remove_hangs: AtomicBool,
}

/// What outlives the checkout of an order.
#[derive(Debug, Default)]
struct Elsewhere {
    kept: Vec<(WorkspaceSnapshot, Vec<Files>)>,
    published: Vec<WorkspaceSnapshot>,
    pushed: Vec<Files>,
}

impl Elsewhere {
    /// The commits of a snapshot that was kept.
    fn kept(&self, snapshot: &WorkspaceSnapshot) -> Option<Vec<Files>> {
        self.kept.iter().find(|(kept, _)| kept == snapshot).map(|(_, commits)| commits.clone())
    }

    /// The commits of a snapshot that is a commit of the remote, and no more than that.
    fn on_remote(&self, snapshot: &WorkspaceSnapshot) -> Option<Vec<Files>> {
        let commits = self.pushed.get(..number_of(&snapshot.head))?;
        (tree_of(commits.last()?) == snapshot.tree).then(|| commits.to_vec())
    }
}

#[derive(Debug)]
struct FakeSandbox {
    dir: PathBuf,
    timeline: Timeline,
    state: Mutex<State>,
    elsewhere: Arc<Mutex<Elsewhere>>,
    keeps_nothing: Arc<Mutex<Option<Failure>>>,
    push_hangs: Arc<AtomicBool>,
    keeping_hangs: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    files: Files,
    branch: Option<Arc<str>>,
    commits: Vec<Files>,
}

impl FakeSandboxes {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            checkouts: Mutex::default(),
            elsewhere: Mutex::default(),
            refuses: Mutex::default(),
            tells: Mutex::default(),
            unreachable: AtomicUsize::default(),
            busy: AtomicUsize::default(),
            keeps_nothing: Arc::default(),
            push_hangs: Arc::default(),
            keeping_hangs: Arc::default(),
            remove_hangs: AtomicBool::default(),
        }
    }

    fn checkouts(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<FakeSandbox>>> {
        locked(&self.checkouts)
    }

    fn elsewhere(&self, order: OrderId) -> Arc<Mutex<Elsewhere>> {
        Arc::clone(locked(&self.elsewhere).entry(order).or_default())
    }

    /// Puts a checkout in place.
    fn place(&self, order: OrderId, state: State) -> Arc<FakeSandbox> {
        let sandbox = Arc::new(FakeSandbox {
            dir: PathBuf::from(format!("/fake/{order}")),
            timeline: self.timeline.clone(),
            state: Mutex::new(state),
            elsewhere: self.elsewhere(order),
            keeps_nothing: Arc::clone(&self.keeps_nothing),
            push_hangs: Arc::clone(&self.push_hangs),
            keeping_hangs: Arc::clone(&self.keeping_hangs),
        });
        self.checkouts().insert(order, Arc::clone(&sandbox));
        sandbox
    }

    /// Writes a file into an order's checkout, as an agent would.
    pub fn write(&self, order: OrderId, path: &str, content: &str) {
        if let Some(checkout) = self.checkouts().get(&order) {
            checkout.state().files.insert(path.into(), content.into());
        }
    }

    /// Makes every removal wait until it is told otherwise.
    pub fn hang_on_remove(&self, hangs: bool) {
        self.remove_hangs.store(hangs, Ordering::Relaxed);
    }

    /// Makes every push wait for ever.
    pub fn hang_on_push(&self) {
        self.push_hangs.store(true, Ordering::Relaxed);
    }

    /// Lets each checkpoint that begins wait for ever, or not any more.
    pub fn hang_on_checkpoint(&self, hangs: bool) {
        self.keeping_hangs.store(hangs, Ordering::Relaxed);
    }

    /// Whether an order has a checkout.
    pub fn has(&self, order: OrderId) -> bool {
        self.checkouts().contains_key(&order)
    }

    /// Loses an order's checkout, but not what was kept of it.
    pub fn lose(&self, order: OrderId) {
        self.checkouts().remove(&order);
    }

    /// Loses an order's checkout and what was kept of it here. What was pushed is on the remote.
    pub fn lose_all(&self, order: OrderId) {
        self.lose(order);
        locked(&self.elsewhere(order)).kept.clear();
    }

    /// The snapshots of an order that were kept, oldest first, each once.
    pub fn kept(&self, order: OrderId) -> Vec<WorkspaceSnapshot> {
        locked(&self.elsewhere(order)).kept.iter().map(|(snapshot, _)| snapshot.clone()).collect()
    }

    /// The snapshots of an order that workers on other machines could have, oldest first, each once.
    pub fn published(&self, order: OrderId) -> Vec<WorkspaceSnapshot> {
        locked(&self.elsewhere(order)).published.clone()
    }
}

impl FakeSandbox {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

/// Takes one off, if any is left.
fn counted_down(times: &AtomicUsize) -> bool {
    times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1)).is_ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many commits there were when this one was the newest; 0 if it is none of ours.
fn number_of(commit: &str) -> usize {
    commit.trim_start_matches("commit-").parse().unwrap_or(0)
}

/// A tree is its files, spelled out; so that trees can be compared without a store of objects.
fn tree_of(files: &Files) -> Arc<str> {
    serde_json::to_string(files).expect("strings").into()
}

impl FakeSandbox {
    /// Files of a tree, or of a commit.
    fn files_of(&self, tree: &str) -> Files {
        match tree.strip_prefix("commit-").and_then(|n| n.parse::<usize>().ok()) {
            Some(number) => self.state().commits.get(number - 1).cloned().unwrap_or_default(),
            None => serde_json::from_str(tree).unwrap_or_default(),
        }
    }
}

#[async_trait]
impl SandboxProvider for FakeSandboxes {
    fn check_address(&self, address: &str) -> Result<(), String> {
        if address.starts_with("bad") { Err("is not an address that this test likes".into()) } else { Ok(()) }
    }

    async fn prepare(&self, request: &SandboxRequest) -> Result<Arc<dyn Sandbox>, Failure> {
        self.timeline.note("sandbox: prepare");
        locked(&self.tells).iter().for_each(|line| request.progress.tell(line));
        if let Some(failure) = locked(&self.refuses).clone() {
            return Err(failure);
        }
        *locked(&self.elsewhere(request.order)) = Elsewhere { pushed: vec![Files::default()], ..Elsewhere::default() };
        Ok(self.place(request.order, State { commits: vec![Files::default()], ..State::default() }))
    }

    async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure> {
        self.timeline.note("sandbox: reopen");
        if counted_down(&self.busy) {
            return Err(Failure::new(FailureCode::WorkspaceFailed, "another program has a lock in it"));
        }
        Ok(self.checkouts().get(&request.order).cloned().map(|s| s as Arc<dyn Sandbox>))
    }

    async fn examine(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Standing, Failure> {
        let kept = locked(&self.elsewhere(request.order)).kept(left).is_some();
        let checkout = self.checkouts().get(&request.order).cloned();
        let Some(checkout) = checkout else {
            return Ok(if kept { Standing::Rebuildable } else { Standing::Lost });
        };
        let has_commit = number_of(&left.head) <= checkout.state().commits.len();
        Ok(match (checkout.snapshot().await? == *left, has_commit || kept) {
            (true, _) => Standing::Sound,
            (false, true) => Standing::Changed,
            (false, false) => Standing::Lost,
        })
    }

    async fn rebuild(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Arc<dyn Sandbox>, Failure> {
        self.timeline.note("sandbox: rebuild");
        if counted_down(&self.unreachable) {
            return Err(Failure::new(FailureCode::WorkspaceFailed, "the remote does not answer"));
        }
        let elsewhere = self.elsewhere(request.order);
        let found = {
            let elsewhere = locked(&elsewhere);
            elsewhere.kept(left).or_else(|| elsewhere.on_remote(left))
        };
        let commits =
            found.ok_or_else(|| Failure::new(FailureCode::WorkspaceLost, "the state is not kept anywhere"))?;
        let files = serde_json::from_str(&left.tree).unwrap_or_default();
        Ok(self.place(request.order, State { files, branch: left.branch.clone(), commits }))
    }

    async fn kept_patch(
        &self,
        order: OrderId,
        from: &WorkspaceSnapshot,
        to: &WorkspaceSnapshot,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let elsewhere = self.elsewhere(order);
        let elsewhere = locked(&elsewhere);
        // A commit that stands for its tree is the base, of which nothing is kept here but that it is empty.
        let files = |state: &WorkspaceSnapshot| match (state.head == state.tree, elsewhere.kept(state)) {
            (true, _) => Some(Files::default()),
            (false, Some(_)) => serde_json::from_str(&state.tree).ok(),
            (false, None) => None,
        };
        Ok(files(from).zip(files(to)).map(|(from, to)| format!("{from:?} -> {to:?}").into_bytes()))
    }

    async fn kept_commit(&self, order: OrderId, commit: &str) -> Result<Option<KeptCommit>, Failure> {
        let elsewhere = self.elsewhere(order);
        let is_kept = locked(&elsewhere).kept.iter().any(|(snapshot, _)| *snapshot.head == *commit);
        Ok(is_kept.then(|| KeptCommit { id: commit.into(), subject: format!("message of {commit}").into() }))
    }

    async fn working_dir(&self, order: OrderId) -> Result<Option<PathBuf>, Failure> {
        Ok(self.checkouts().get(&order).map(|checkout| checkout.dir.clone()))
    }

    async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
        let mut orders: Vec<OrderId> = self.checkouts().keys().copied().collect();
        orders.extend(locked(&self.elsewhere).iter().filter(|(_, it)| !locked(it).kept.is_empty()).map(|(id, _)| *id));
        orders.sort_unstable();
        orders.dedup();
        Ok(orders)
    }

    async fn size(&self, order: OrderId) -> Result<u64, Failure> {
        let checkout = self.checkouts().get(&order).cloned();
        Ok(checkout.map_or(0, |checkout| tree_of(&checkout.state().files).len() as u64))
    }

    async fn end_processes(&self, _order: OrderId) -> Result<usize, Failure> {
        self.timeline.note("sandbox: end processes");
        Ok(0)
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        self.timeline.note("sandbox: remove");
        while self.remove_hangs.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        self.lose_all(order);
        Ok(())
    }
}

#[async_trait]
impl Sandbox for FakeSandbox {
    fn working_dir(&self) -> &Path {
        &self.dir
    }

    fn borrowed(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn isolation(&self) -> Isolation {
        Isolation::None
    }

    fn isolation_reason(&self) -> Option<Arc<str>> {
        None
    }

    fn network(&self) -> Network {
        Network::Host
    }

    fn network_reason(&self) -> Option<Arc<str>> {
        None
    }

    fn base_branch(&self) -> &'static str {
        "main"
    }

    fn base_commit(&self) -> &'static str {
        "commit-1"
    }

    async fn snapshot(&self) -> Result<WorkspaceSnapshot, Failure> {
        let state = self.state();
        Ok(WorkspaceSnapshot {
            head: format!("commit-{}", state.commits.len()).into(),
            tree: tree_of(&state.files),
            branch: state.branch.clone(),
        })
    }

    async fn compare(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<DiffStat, Failure> {
        let (old, new) = (self.files_of(&from.tree), self.files_of(&to.tree));
        let names = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name));
        let mut files: Vec<Arc<str>> = names.map(|name| name.as_str().into()).collect();
        files.sort();
        files.dedup();
        let lines = |files: &Files| files.values().map(|content| content.lines().count() as u64).sum();
        let number = |head: &str| head.trim_start_matches("commit-").parse::<u64>().unwrap_or(1);
        let commits = number(&to.head) - number(&from.head);
        Ok(DiffStat { commits, files, lines_added: lines(&new), lines_removed: lines(&old) })
    }

    async fn patch(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<Vec<u8>, Failure> {
        Ok(format!("{:?}", self.compare(from, to).await?.files).into_bytes())
    }

    async fn checkpoint(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        if self.keeping_hangs.load(Ordering::Relaxed) {
            self.timeline.note("sandbox: checkpoint hangs");
            std::future::pending::<()>().await;
        }
        if let Some(failure) = locked(&self.keeps_nothing).clone() {
            return Err(failure);
        }
        let commits = self.state().commits.get(..number_of(&snapshot.head)).map(<[Files]>::to_vec);
        let commits = commits.ok_or_else(|| Failure::new(FailureCode::WorkspaceFailed, "no such commit"))?;
        let mut elsewhere = locked(&self.elsewhere);
        if elsewhere.kept(snapshot).is_none() {
            elsewhere.kept.push((snapshot.clone(), commits));
        }
        Ok(())
    }

    async fn publish(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        let mut elsewhere = locked(&self.elsewhere);
        if !elsewhere.published.contains(snapshot) {
            elsewhere.published.push(snapshot.clone());
        }
        Ok(())
    }

    async fn restore(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        self.timeline.note("sandbox: restore");
        let files = self.files_of(&snapshot.tree);
        let kept = locked(&self.elsewhere).kept(snapshot);
        let mut state = self.state();
        let commits = number_of(&snapshot.head);
        if commits > state.commits.len() {
            state.commits = kept.ok_or_else(|| Failure::new(FailureCode::WorkspaceFailed, "no such commit"))?;
        }
        state.commits.truncate(commits);
        state.files = files;
        state.branch.clone_from(&snapshot.branch);
        Ok(())
    }

    async fn inspect(&self, path: &str) -> Result<FileKind, Failure> {
        if path.starts_with('/') || path.contains("..") {
            return Ok(FileKind::Outside);
        }
        let found = self.state().files.get(path).map(|content| content.len() as u64);
        Ok(found.map_or(FileKind::Missing, FileKind::File))
    }

    async fn create_branch(&self, name: &str) -> Result<Arc<str>, Failure> {
        self.timeline.note(format!("sandbox: branch {name}"));
        self.state().branch = Some(name.into());
        Ok(name.into())
    }

    async fn commit(&self, message: &str) -> Result<bool, Failure> {
        self.timeline.note(format!("sandbox: commit {message:?}"));
        let mut state = self.state();
        if state.commits.last() == Some(&state.files) {
            return Ok(false);
        }
        let files = state.files.clone();
        state.commits.push(files);
        Ok(true)
    }

    async fn push(&self, branch: &str) -> Result<BranchPush, Failure> {
        self.timeline.note(format!("sandbox: push {branch}"));
        if self.push_hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let state = self.state();
        if state.branch.as_deref() != Some(branch) {
            return Err(Failure::new(FailureCode::ForgeFailed, "no such branch"));
        }
        locked(&self.elsewhere).pushed.clone_from(&state.commits);
        Ok(BranchPush { branch: branch.into(), commit: format!("commit-{}", state.commits.len()).into() })
    }
}
