//! Checkouts in memory: files, commits and branches without git.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_engine::ports::{FileKind, Sandbox, SandboxProvider, SandboxRequest};
use awo_models::{BranchPush, DiffStat, Failure, FailureCode, Isolation, OrderId, WorkspaceSnapshot};

use crate::Timeline;

/// Files of a checkout: path and content.
pub type Files = BTreeMap<String, String>;

/// Makes checkouts in memory. Addresses that begin with `bad` are refused.
#[derive(Debug)]
pub struct FakeSandboxes {
    timeline: Timeline,
    checkouts: Mutex<HashMap<OrderId, Arc<FakeSandbox>>>,
    /// Why it makes no checkout.
    pub refuses: Mutex<Option<Failure>>,
    push_hangs: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FakeSandbox {
    dir: PathBuf,
    timeline: Timeline,
    state: Mutex<State>,
    push_hangs: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    files: Files,
    branch: Option<Arc<str>>,
    commits: Vec<Files>,
}

impl FakeSandboxes {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self { timeline, checkouts: Mutex::default(), refuses: Mutex::default(), push_hangs: Arc::default() }
    }

    fn checkouts(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<FakeSandbox>>> {
        self.checkouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file into an order's checkout, as an agent would.
    pub fn write(&self, order: OrderId, path: &str, content: &str) {
        if let Some(checkout) = self.checkouts().get(&order) {
            checkout.state().files.insert(path.into(), content.into());
        }
    }

    /// Makes every push wait for ever.
    pub fn hang_on_push(&self) {
        self.push_hangs.store(true, Ordering::Relaxed);
    }

    /// Whether an order has a checkout.
    pub fn has(&self, order: OrderId) -> bool {
        self.checkouts().contains_key(&order)
    }

    /// Loses an order's checkout.
    pub fn lose(&self, order: OrderId) {
        self.checkouts().remove(&order);
    }
}

impl FakeSandbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        if let Some(failure) = self.refuses.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(failure);
        }
        let sandbox = Arc::new(FakeSandbox {
            dir: PathBuf::from(format!("/fake/{}", request.order)),
            timeline: self.timeline.clone(),
            push_hangs: Arc::clone(&self.push_hangs),
            state: Mutex::new(State { commits: vec![Files::default()], ..State::default() }),
        });
        self.checkouts().insert(request.order, Arc::clone(&sandbox));
        Ok(sandbox)
    }

    async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure> {
        self.timeline.note("sandbox: reopen");
        Ok(self.checkouts().get(&request.order).cloned().map(|s| s as Arc<dyn Sandbox>))
    }

    async fn end_processes(&self, _order: OrderId) -> Result<usize, Failure> {
        self.timeline.note("sandbox: end processes");
        Ok(0)
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        self.timeline.note("sandbox: remove");
        self.checkouts().remove(&order);
        Ok(())
    }
}

#[async_trait]
impl Sandbox for FakeSandbox {
    fn working_dir(&self) -> &Path {
        &self.dir
    }

    fn isolation(&self) -> Isolation {
        Isolation::None
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

    async fn restore(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        self.timeline.note("sandbox: restore");
        let files = self.files_of(&snapshot.tree);
        let mut state = self.state();
        let commits = snapshot.head.trim_start_matches("commit-").parse().unwrap_or(0);
        if commits > state.commits.len() {
            return Err(Failure::new(FailureCode::WorkspaceFailed, "no such commit"));
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
        Ok(BranchPush { branch: branch.into(), commit: format!("commit-{}", state.commits.len()).into() })
    }
}
