//! A world in memory, a clock that stands still, and a worker that saves steps by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use awo_engine::ports::{Clock, Forge, MockAgentExecutor, MockForge, MockPromptSource, MockSandboxProvider};
use awo_engine::{Catalog, LeaseTerms, Leases, Orchestrator, OrchestratorBuilder, Settings, StateRepository};
use awo_http::Api;
use awo_models::{
    AgentName, AgentWorkOrderStatus, CurrentStep, EventKind, Evidence, FailureCode, OrderId, OrderPatch,
    StepExecutionResult, StepHistory, StepName, Timestamp,
};
use awo_state::{Change, ClaimId, Committed, InMemory, InMemoryArtifacts, InMemoryCatalog, InMemoryOrderLog};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const URL: &str = "https://github.com/Wirasm/dylan.git";
pub(crate) const HOST: &str = "localhost:8888";

/// Some minutes after the moment at which the clock stands still.
pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_767_322_800 + minutes * 60).unwrap()
}

#[derive(Debug, Default)]
struct StoppedClock {
    randoms: AtomicU64,
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        at(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.randoms.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes().map(|b| b | 0x80)
    }

    /// Ids that sort in the order in which they were made.
    fn order_id(&self) -> OrderId {
        let number = self.randoms.fetch_add(1, Ordering::Relaxed) + 1;
        OrderId::new(1_767_322_800_000 + number, [7; 10])
    }
}

/// A clock that stands still.
pub(crate) fn stopped_clock() -> Arc<dyn Clock> {
    Arc::new(StoppedClock::default())
}

/// Server, store and engine of one test. Nothing runs unless the test runs it.
pub(crate) struct World {
    pub(crate) repository: Arc<dyn StateRepository>,
    pub(crate) artifacts: InMemoryArtifacts,
    pub(crate) log: InMemoryOrderLog,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) router: Router,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(InMemory::default()), Settings::default(), |api| api)
    }

    pub(crate) fn with(
        repository: Arc<dyn StateRepository>,
        settings: Settings,
        configure: impl FnOnce(Api) -> Api,
    ) -> Self {
        let catalog = Arc::new(InMemoryCatalog::default());
        Self::build(repository, settings, Arc::new(MockForge::new()), catalog, None, configure)
    }

    /// A server that runs nothing, of a store whose orders workers share.
    pub(crate) fn shared(store: &InMemory, leases: Arc<dyn Leases>, configure: impl FnOnce(Api) -> Api) -> Self {
        let (forge, catalog) = (Arc::new(MockForge::new()), Arc::new(InMemoryCatalog::default()));
        Self::build(Arc::new(store.clone()), Settings::default(), forge, catalog, Some(leases), configure)
    }

    pub(crate) fn with_forge(forge: Arc<dyn Forge>) -> Self {
        Self::with_catalog(forge, Arc::new(InMemoryCatalog::default()))
    }

    pub(crate) fn with_catalog(forge: Arc<dyn Forge>, catalog: Arc<dyn Catalog>) -> Self {
        Self::build(Arc::new(InMemory::default()), Settings::default(), forge, catalog, None, |api| api)
    }

    fn build(
        repository: Arc<dyn StateRepository>,
        settings: Settings,
        forge: Arc<dyn Forge>,
        catalog: Arc<dyn Catalog>,
        leases: Option<Arc<dyn Leases>>,
        configure: impl FnOnce(Api) -> Api,
    ) -> Self {
        let (artifacts, log) = (InMemoryArtifacts::default(), InMemoryOrderLog::default());
        let mut sandboxes = MockSandboxProvider::new();
        sandboxes.expect_check_address().returning(|address| match address {
            ok if ok.starts_with("https://") && !ok.contains('@') => Ok(()),
            _ => Err("must be an https address without a password".into()),
        });
        sandboxes.expect_orders().returning(|| Ok(Vec::new()));
        let builder = OrchestratorBuilder::new(
            Arc::clone(&repository),
            Arc::new(artifacts.clone()),
            Arc::new(sandboxes),
            forge,
            Arc::new(MockPromptSource::new()),
        )
        .with_agent("scripted", Arc::new(MockAgentExecutor::new()))
        .with_clock(stopped_clock())
        .with_catalog(catalog)
        .with_log(Arc::new(log.clone()))
        .with_settings(settings);
        let terms = LeaseTerms { runs_orders: false, ..LeaseTerms::default() };
        let share = |builder: OrchestratorBuilder, leases| builder.with_leases(leases, terms.clone());
        let orchestrator = leases.into_iter().fold(builder, share).build();
        let api = Api::new(orchestrator.work_orders(), "1.2.3").with_port(8888);
        let router = awo_http::router(configure(api));
        Self { repository, artifacts, log, orchestrator, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(request("POST", path, &headers, Body::from(body.to_string()))).await
    }

    /// Creates an order and gives its id.
    pub(crate) async fn order(&self) -> OrderId {
        let answer = self.post("/agent-work-orders", &body()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["agent_work_order_id"].as_str().unwrap().parse().unwrap()
    }
}

pub(crate) fn body() -> Value {
    json!({"repository_url": URL, "user_request": "Add a test feature"})
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Checks that it is a problem of a class with everything a problem has, and gives it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:awo:problem:{slug}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        assert!(problem["instance"].as_str().unwrap().starts_with('/'), "{problem}");
        assert_eq!(self.header("x-request-id"), problem["request_id"].as_str());
        problem
    }
}

/// Does by hand what a worker does: claims an order and saves its steps one by one.
pub(crate) struct Worker {
    repository: Arc<dyn StateRepository>,
    id: OrderId,
    heard: Committed,
    pub(crate) history: StepHistory,
}

impl Worker {
    pub(crate) async fn claim(world: &World, id: OrderId, first: CurrentStep) -> Self {
        let repository = Arc::clone(&world.repository);
        let seen = repository.get(id).await.unwrap().unwrap();
        let patch = OrderPatch {
            started_at: Some(Some(at(1))),
            current_step: Some(Some(first.clone())),
            isolation_effective: Some(Some(awo_models::Isolation::None)),
            ..OrderPatch::default()
        };
        let claim = Change::if_unchanged(seen.seq).claiming(ClaimId(1), "worker-1", at(1), patch).with(
            EventKind::StepStarted(first),
            at(1),
            OrderPatch::default(),
        );
        let heard = repository.update(id, &claim).await.unwrap();
        Self { repository, id, heard, history: seen.history }
    }

    pub(crate) async fn save(&mut self, result: StepExecutionResult, patch: OrderPatch) {
        let event = EventKind::StepFinished {
            index: self.history.len(),
            step: result.step.clone(),
            attempt: result.attempt,
            success: result.success,
        };
        let ended = result.timestamp;
        self.history.push(result);
        let done = self.history.iter().filter(|r| r.success).count();
        let status = patch.status;
        let patch = OrderPatch { steps_completed: Some(done), status: None, ..patch };
        let mut change = Change::after(self.heard).with(event, ended, patch);
        if let Some(status) = status {
            let patch = OrderPatch { status: Some(status), ..OrderPatch::default() };
            change.record(EventKind::Ended { status }, ended, patch);
        }
        self.heard = self.repository.save_step_history(self.id, &self.history, &change).await.unwrap();
    }
}

impl Worker {
    /// Says so many warnings at once.
    pub(crate) async fn warn(&mut self, warnings: usize, text: &str) {
        let message: Arc<str> = text.into();
        let change = (0..warnings).fold(Change::after(self.heard), |change, _| {
            let kind = EventKind::Warning { code: FailureCode::Internal, message: Arc::clone(&message) };
            change.with(kind, at(2), OrderPatch::default())
        });
        self.heard = self.repository.save_step_history(self.id, &self.history, &change).await.unwrap();
    }

    /// Ends the order with the step that is at work.
    pub(crate) async fn complete(&mut self) {
        let status = Some(AgentWorkOrderStatus::Completed);
        self.save(result("classify", "classifier"), OrderPatch { status, ..OrderPatch::default() }).await;
    }

    /// Says that the order waits.
    pub(crate) async fn wait(&mut self, what: &str, until: awo_models::Timestamp) {
        let waiting_for: Arc<str> = what.into();
        let patch = OrderPatch {
            waiting_for: Some(Some(Arc::clone(&waiting_for))),
            waiting_until: Some(Some(until)),
            ..OrderPatch::default()
        };
        let event = EventKind::Waiting { waiting_for, waiting_until: until };
        let change = Change::after(self.heard).with(event, at(2), patch);
        self.heard = self.repository.save_step_history(self.id, &self.history, &change).await.unwrap();
    }
}

pub(crate) fn current(step: &'static str, agent: &'static str) -> CurrentStep {
    CurrentStep {
        step: StepName::known(step),
        agent_name: AgentName::known(agent),
        attempt: 1,
        started_at: at(1),
        session_id: Some("session-1".into()),
        before: None,
    }
}

pub(crate) fn result(step: &'static str, agent: &'static str) -> StepExecutionResult {
    StepExecutionResult {
        step: StepName::known(step),
        agent_name: AgentName::known(agent),
        attempt: 1,
        success: true,
        output: Some(format!("output of {step}").into()),
        output_truncated: false,
        error_code: None,
        error_message: None,
        error_exit: None,
        duration: Duration::from_millis(1500),
        session_id: None,
        started_at: at(1),
        timestamp: at(2),
        evidence: Evidence::default(),
        usage: None,
        tries: Vec::new(),
        artifacts: Vec::new(),
    }
}

/// The seven steps of the built-in workflow.
pub(crate) const SEVEN: [(&str, &str); 7] = [
    ("classify", "classifier"),
    ("plan", "planner"),
    ("find_plan", "plan_finder"),
    ("generate_branch", "branch_generator"),
    ("implement", "implementor"),
    ("commit", "committer"),
    ("create_pr", "pr_creator"),
];
