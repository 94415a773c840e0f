//! Checkouts, an agent and a forge in memory. A checkout can be had again from any snapshot, as the names of commits and
//! trees spell out what is in them: a new life has every checkout that an older one had.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_engine::ports::{
    AgentCapabilities, AgentExecutor, AgentHealth, AgentReport, AgentRequest, FileKind, Forge, KeptCommit,
    PullRequestDraft, Sandbox, SandboxProvider, SandboxRequest, Standing, Unverified, VerifiedRepository,
};
use awo_models::{
    BranchPush, DiffStat, Failure, FailureCode, Isolation, Issue, Network, OrderId, PullRequestEvidence,
    WorkspaceSnapshot,
};
use awo_testkit::right;
use tokio_util::sync::CancellationToken;

type Files = BTreeMap<String, String>;

/// The commit that every checkout begins with: its number, then its files.
const BASE: &str = "1:{}";

/// Makes and finds checkouts.
#[derive(Debug, Default)]
pub(crate) struct Checkouts(Mutex<HashMap<OrderId, Arc<Checkout>>>);

#[derive(Debug)]
struct Checkout {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: Files,
    head: Arc<str>,
    branch: Option<Arc<str>>,
}

impl Checkouts {
    fn put(&self, order: OrderId) -> Arc<Checkout> {
        let state = State { files: Files::new(), head: BASE.into(), branch: None };
        let checkout = Arc::new(Checkout { dir: format!("/checkouts/{order}").into(), state: Mutex::new(state) });
        self.all().insert(order, Arc::clone(&checkout));
        checkout
    }

    fn all(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<Checkout>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkout {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tree_of(files: &Files) -> String {
    serde_json::to_string(files).unwrap_or_default()
}

/// Files of a tree or a commit.
fn files_of(name: &str) -> Files {
    let tree = name.split_once(':').filter(|(number, _)| number.parse::<u64>().is_ok()).map_or(name, |(_, tree)| tree);
    serde_json::from_str(tree).unwrap_or_default()
}

fn number_of(head: &str) -> u64 {
    head.split_once(':').and_then(|(number, _)| number.parse().ok()).unwrap_or(1)
}

#[async_trait]
impl SandboxProvider for Checkouts {
    fn check_address(&self, _address: &str) -> Result<(), String> {
        Ok(())
    }

    async fn prepare(&self, request: &SandboxRequest) -> Result<Arc<dyn Sandbox>, Failure> {
        Ok(self.put(request.order))
    }

    async fn reopen(&self, request: &SandboxRequest) -> Result<Option<Arc<dyn Sandbox>>, Failure> {
        Ok(Some(self.put(request.order)))
    }

    async fn examine(&self, _request: &SandboxRequest, _left: &WorkspaceSnapshot) -> Result<Standing, Failure> {
        Ok(Standing::Sound)
    }

    async fn rebuild(&self, request: &SandboxRequest, left: &WorkspaceSnapshot) -> Result<Arc<dyn Sandbox>, Failure> {
        let checkout = self.put(request.order);
        checkout.restore(left).await?;
        Ok(checkout)
    }

    async fn kept_patch(
        &self,
        _order: OrderId,
        _from: &WorkspaceSnapshot,
        _to: &WorkspaceSnapshot,
    ) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }

    async fn kept_commit(&self, _order: OrderId, _commit: &str) -> Result<Option<KeptCommit>, Failure> {
        Ok(None)
    }

    async fn working_dir(&self, order: OrderId) -> Result<Option<PathBuf>, Failure> {
        Ok(self.all().get(&order).map(|checkout| checkout.dir.clone()))
    }

    async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
        Ok(self.all().keys().copied().collect())
    }

    async fn size(&self, _order: OrderId) -> Result<u64, Failure> {
        Ok(0)
    }

    async fn end_processes(&self, _order: OrderId) -> Result<usize, Failure> {
        Ok(0)
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        self.all().remove(&order);
        Ok(())
    }
}

#[async_trait]
impl Sandbox for Checkout {
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
        BASE
    }

    async fn snapshot(&self) -> Result<WorkspaceSnapshot, Failure> {
        let state = self.state();
        let (head, branch) = (Arc::clone(&state.head), state.branch.clone());
        Ok(WorkspaceSnapshot { head, tree: tree_of(&state.files).into(), branch })
    }

    async fn compare(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<DiffStat, Failure> {
        let (old, new) = (files_of(&from.tree), files_of(&to.tree));
        let changed = new.iter().filter(|(path, content)| old.get(*path) != Some(content));
        let files: Vec<Arc<str>> = changed.map(|(path, _)| path.as_str().into()).collect();
        let commits = number_of(&to.head) - number_of(&from.head);
        Ok(DiffStat { commits, lines_added: files.len() as u64, files, lines_removed: 0 })
    }

    async fn patch(&self, from: &WorkspaceSnapshot, to: &WorkspaceSnapshot) -> Result<Vec<u8>, Failure> {
        Ok(format!("{:?}", self.compare(from, to).await?.files).into_bytes())
    }

    async fn checkpoint(&self, _snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        Ok(()) // a snapshot's names hold all of it
    }

    async fn publish(&self, _snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        Ok(())
    }

    async fn restore(&self, snapshot: &WorkspaceSnapshot) -> Result<(), Failure> {
        let WorkspaceSnapshot { head, tree, branch } = snapshot.clone();
        *self.state() = State { files: files_of(&tree), head, branch };
        Ok(())
    }

    async fn inspect(&self, path: &str) -> Result<FileKind, Failure> {
        let size = self.state().files.get(path).map(|content| content.len() as u64);
        Ok(size.map_or(FileKind::Missing, FileKind::File))
    }

    async fn create_branch(&self, name: &str) -> Result<Arc<str>, Failure> {
        self.state().branch = Some(name.into());
        Ok(name.into())
    }

    async fn commit(&self, _message: &str) -> Result<bool, Failure> {
        let mut state = self.state();
        if files_of(&state.head) == state.files {
            return Ok(false);
        }
        state.head = format!("{}:{}", number_of(&state.head) + 1, tree_of(&state.files)).into();
        Ok(true)
    }

    async fn push(&self, branch: &str) -> Result<BranchPush, Failure> {
        Ok(BranchPush { branch: branch.into(), commit: Arc::clone(&self.state().head) })
    }
}

/// Answers each step at once with what is right for it.
#[derive(Debug)]
pub(crate) struct Agent {
    checkouts: Arc<Checkouts>,
    output: usize,
}

impl Agent {
    /// `output`: bytes of its answers where any text will do.
    pub(crate) fn new(checkouts: Arc<Checkouts>, output: usize) -> Self {
        Self { checkouts, output }
    }
}

#[async_trait]
impl AgentExecutor for Agent {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities { chooses_session: true, ..AgentCapabilities::default() }
    }

    async fn probe(&self) -> AgentHealth {
        AgentHealth::built_in()
    }

    async fn execute(&self, request: AgentRequest, _cancel: CancellationToken) -> AgentReport {
        let (files, answer) = right(&request.step.to_string());
        if let Some(checkout) = self.checkouts.all().get(&request.order) {
            let files = files.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned()));
            checkout.state().files.extend(files);
        }
        let mut answer = answer.to_owned();
        if matches!(request.step.to_string().as_str(), "plan" | "implement") {
            let more = self.output.saturating_sub(answer.len());
            answer.push_str(&" and so on".repeat(more.div_ceil(10)));
        }
        AgentReport {
            answer: Ok(answer.into()),
            session_id: request.session.id().cloned(),
            usage: None,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// A forge that knows no issue and opens nothing.
#[derive(Debug)]
pub(crate) struct NoForge;

#[async_trait]
impl Forge for NoForge {
    async fn caution(&self, _repository_url: &str) -> Option<String> {
        None
    }

    async fn verify(&self, repository_url: &str) -> Result<VerifiedRepository, Unverified> {
        Err(Unverified::Missing(format!("repository {repository_url:?} was not found").into()))
    }

    async fn issue(&self, _repository_url: &str, number: &str) -> Result<Issue, Failure> {
        Err(Failure::new(FailureCode::ForgeFailed, format!("issue {number} was not found")))
    }

    async fn open_pull_request(&self, _draft: &PullRequestDraft) -> Result<PullRequestEvidence, Failure> {
        Ok(PullRequestEvidence::NoForge)
    }
}
