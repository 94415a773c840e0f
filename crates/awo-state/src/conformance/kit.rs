//! What the clauses build their cases of. Everything is the same in every run.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentName, AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventKind, EventSeq, Evidence, FollowUp, Idempotency,
    Isolation, Limits, Network, OrderId, OrderPatch, OrderSpec, Round, SandboxType, StepDefinition,
    StepExecutionResult, StepGoal, StepHistory, StepName, Timestamp, WorkflowType, follow_up_step,
};

use crate::{Change, ClaimId, Committed, Result, StateRepository};

/// Steps of the orders of the suite.
pub const SEVEN: [&str; 7] = ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];

/// The id of the n-th order; later ones are newer.
pub fn id(n: u64) -> OrderId {
    let [.., a, b] = n.to_be_bytes();
    OrderId::new(1_700_000_000_000 + n, [7, 7, 7, 7, 7, 7, 7, 7, a, b])
}

/// A moment of the suite, in seconds after its beginning.
pub fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::try_from(second).unwrap_or(0)).unwrap()
}

/// The n-th order: pending, with the seven steps.
pub fn order(n: u64) -> AgentWorkOrder {
    order_for(n, "add a login page")
}

/// The same with a request of its own.
pub fn order_for(n: u64, request: &str) -> AgentWorkOrder {
    AgentWorkOrder::new(id(n), at(0), spec(request))
}

/// The same, held.
pub fn held_order(n: u64) -> AgentWorkOrder {
    let mut order = order(n);
    order.state.held = true;
    order
}

/// The same with a key against doubled requests.
pub fn order_with_key(n: u64, key: &str) -> AgentWorkOrder {
    let idempotency = Idempotency { key: key.into(), body_digest: "d1".into() };
    let spec = OrderSpec { idempotency: Some(idempotency), ..spec("add a login page") };
    AgentWorkOrder::new(id(n), at(0), spec)
}

/// What is asked for in the suite.
pub fn spec(request: &str) -> OrderSpec {
    let definition = |step: &&str| StepDefinition {
        step: StepName::new(step).unwrap(),
        agent_name: AgentName::known("planner"),
        prompt: "do $1".into(),
        inputs: Vec::new(),
        agent: None,
        goal: StepGoal::Report,
        required: true,
        timeout: None,
        retry: awo_models::RetryPolicy::default(),
    };
    OrderSpec {
        repository_url: "https://example.com/octo/repo.git".into(),
        user_request: request.into(),
        github_issue_number: None,
        sandbox_type: SandboxType::GitBranch,
        workflow_type: Some(WorkflowType::AgentWorkflowPlan),
        selected_commands: None,
        workflow: SEVEN.iter().map(definition).collect(),
        agent: "scripted".into(),
        model: None,
        isolation: Isolation::Auto,
        network: Network::Host,
        base_branch: None,
        limits: Limits::default(),
        labels: Vec::new(),
        priority: 0,
        requested_by: None,
        idempotency: None,
    }
}

/// What an attempt left.
pub fn result(step: &str, attempt: u32, success: bool) -> StepExecutionResult {
    StepExecutionResult {
        step: StepName::new(step).unwrap(),
        agent_name: AgentName::known("planner"),
        attempt,
        success,
        output: Some(format!("{step} {attempt}").into()),
        output_truncated: false,
        error_code: (!success).then_some(awo_models::FailureCode::AgentCrashed),
        error_message: (!success).then(|| "exit code 3".into()),
        error_exit: None,
        duration: Duration::from_nanos(1_234_567_891),
        session_id: None,
        started_at: at(1),
        timestamp: at(2),
        evidence: Evidence::default(),
        usage: None,
        tries: Vec::new(),
        artifacts: Vec::new(),
    }
}

/// The attempt before it ends.
pub fn current(step: &str, attempt: u32) -> CurrentStep {
    CurrentStep {
        step: StepName::new(step).unwrap(),
        agent_name: AgentName::known("planner"),
        attempt,
        started_at: at(1),
        session_id: None,
        before: None,
    }
}

/// The event that tells of the last result of a history.
pub fn finished(history: &StepHistory) -> EventKind {
    let last = history.last().unwrap();
    EventKind::StepFinished {
        index: history.len() - 1,
        step: last.step.clone(),
        attempt: last.attempt,
        success: last.success,
    }
}

/// The number of steps that stand as done, as a patch.
pub fn steps_completed(count: usize) -> OrderPatch {
    OrderPatch { steps_completed: Some(count), ..OrderPatch::default() }
}

/// An event that only says something.
pub fn note(change: Change) -> Change {
    change.with(EventKind::Prepared, at(3), OrderPatch::default())
}

/// A change of status with its event.
pub fn ended(change: Change, status: AgentWorkOrderStatus) -> Change {
    let patch = OrderPatch { status: Some(status), completed_at: Some(Some(at(9))), ..OrderPatch::default() };
    change.with(EventKind::Ended { status }, at(9), patch)
}

/// A claim by a worker, told by its number.
pub fn claim(seen: EventSeq, worker: u64) -> Change {
    let name = format!("worker-{worker}");
    Change::if_unchanged(seen).claiming(ClaimId(worker), &name, at(1), OrderPatch::default())
}

/// A hand-over.
pub fn handed_over(change: Change) -> Change {
    let patch = OrderPatch { status: Some(AgentWorkOrderStatus::Pending), ..OrderPatch::default() };
    change.with(EventKind::HandedOver, at(5), patch)
}

/// A wait until a moment of the suite.
pub fn waiting(change: Change, what: &str, until: u64) -> Change {
    let (waiting_for, waiting_until): (Arc<str>, _) = (what.into(), at(until));
    let patch = OrderPatch {
        waiting_for: Some(Some(Arc::clone(&waiting_for))),
        waiting_until: Some(Some(waiting_until)),
        ..OrderPatch::default()
    };
    change.with(EventKind::Waiting { waiting_for, waiting_until }, at(2), patch)
}

/// A request to start an order that is held.
pub fn start_requested(change: Change) -> Change {
    let patch = OrderPatch { held: Some(false), ..OrderPatch::default() };
    change.with(EventKind::StartRequested, at(4), patch)
}

/// A request to cancel.
pub fn cancel_requested(change: Change) -> Change {
    let patch = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
    change.with(EventKind::CancelRequested, at(4), patch)
}

/// A retry from a step of the workflow.
pub fn retried(change: Change, first_result: usize, resumes_at: usize) -> Change {
    let patch = OrderPatch {
        status: Some(AgentWorkOrderStatus::Pending),
        round: Some(Round { first_result, resumes_at }),
        ..OrderPatch::default()
    };
    change.with(EventKind::Retried, at(6), patch)
}

/// A prompt: one that waits, or, with `reopens`, one that opens an order that has ended again.
pub fn prompted(change: Change, number: usize, reopens: bool) -> Change {
    let prompt = FollowUp { text: format!("and now {number}").into(), at: at(7), after_results: 0, idempotency: None };
    let patch = OrderPatch {
        status: reopens.then_some(AgentWorkOrderStatus::Pending),
        prompt: Some(prompt),
        ..OrderPatch::default()
    };
    change.with(EventKind::Prompted { step: follow_up_step(number) }, at(7), patch)
}

/// The attempt that a prompt becomes begins; those before it were taken up, too.
pub fn taken_up(change: Change, number: usize) -> Change {
    let current = current(follow_up_step(number).as_str(), 1);
    let patch = OrderPatch {
        current_step: Some(Some(current.clone())),
        prompts_placed: Some(vec![SEVEN.len(); number]),
        ..OrderPatch::default()
    };
    change.with(EventKind::StepStarted(current), at(7), patch)
}

/// An owner that writes as the engine does: one change that grows until it is acknowledged.
#[derive(Debug)]
pub struct Owner {
    /// The store.
    pub repository: Arc<dyn StateRepository>,
    /// The order.
    pub id: OrderId,
    /// All results.
    pub history: StepHistory,
    /// What is not acknowledged yet.
    pub change: Change,
    /// The last answer.
    pub heard: Committed,
}

impl Owner {
    /// Creates the n-th order and claims it.
    pub async fn of_new(repository: &Arc<dyn StateRepository>, n: u64) -> Self {
        repository.create(order(n)).await.unwrap();
        Self::claiming(repository, n, 1).await
    }

    /// Claims an order as it is.
    pub async fn claiming(repository: &Arc<dyn StateRepository>, n: u64, worker: u64) -> Self {
        let seen = repository.get(id(n)).await.unwrap().unwrap();
        let heard = repository.update(id(n), &claim(seen.seq, worker)).await.unwrap();
        Self {
            repository: Arc::clone(repository),
            id: id(n),
            history: seen.history,
            change: Change::after(heard),
            heard,
        }
    }

    /// Adds a result that is not saved yet.
    pub fn add(&mut self, result: StepExecutionResult) {
        self.history.push(result);
        let done = self.history.iter().filter(|r| r.success).count();
        self.change.record(finished(&self.history), at(2), steps_completed(done));
    }

    /// Sends all that is not acknowledged.
    pub async fn save(&mut self) -> Result<Committed> {
        let heard = self.repository.save_step_history(self.id, &self.history, &self.change).await?;
        self.change.settle(heard);
        self.heard = heard;
        Ok(heard)
    }

    /// Adds a result and saves it.
    pub async fn finish(&mut self, step: &str, attempt: u32) -> Committed {
        self.add(result(step, attempt, true));
        self.save().await.unwrap()
    }

    /// Runs the seven steps and ends the order.
    pub async fn finish_all(&mut self) -> Committed {
        for step in SEVEN {
            self.finish(step, 1).await;
        }
        self.end(AgentWorkOrderStatus::Completed).await
    }

    /// Ends the order.
    pub async fn end(&mut self, status: AgentWorkOrderStatus) -> Committed {
        self.change = ended(self.change.clone(), status);
        self.save().await.unwrap()
    }
}

/// Everything a reader can see of an order, to be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The order.
    pub order: AgentWorkOrder,
    /// Its history.
    pub history: StepHistory,
    /// Version and epoch.
    pub version: (EventSeq, awo_models::Epoch),
    /// All its events.
    pub events: Vec<awo_models::Event>,
}

/// Looks at an order that is there.
pub async fn look(repository: &Arc<dyn StateRepository>, id: OrderId) -> Sight {
    let seen = repository.get(id).await.unwrap().expect("the order is there");
    let events = repository.events(id, EventSeq(0), usize::MAX).await.unwrap();
    Sight {
        order: AgentWorkOrder::clone(&seen.order),
        history: seen.history,
        version: (seen.seq, seen.epoch),
        events: events.iter().map(|e| awo_models::Event::clone(e)).collect(),
    }
}

impl Sight {
    /// Checks that the numbers of the events are 1, 2, 3 … and end with the version, and that each result has its
    /// event, once.
    pub fn check(&self) {
        let numbers: Vec<_> = self.events.iter().map(|e| e.seq.0).collect();
        let expected: Vec<_> = (1..=self.version.0.0).collect();
        assert_eq!(numbers, expected, "events are numbered without gaps up to the version");
        let told: Vec<_> = self.events.iter().filter_map(index_of).collect();
        let expected: Vec<_> = (0..self.history.len()).collect();
        assert_eq!(told, expected, "each result has its event, once and in order");
    }
}

fn index_of(event: &awo_models::Event) -> Option<usize> {
    match event.kind {
        EventKind::StepFinished { index, .. } => Some(index),
        _ => None,
    }
}
