//! An order on the wire: the same shape in a list and alone.

use awo_engine::{ListedOrder, Persistence, StepActivity};
use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventSeq, StepGoal, Timestamp, Usage, UsualDuration,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::activity::ActivityView;
use super::limits::LimitsView;
use super::persistence_word;
use super::step::UsageView;
use crate::paths::Base;

/// An agent work order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentWorkOrder)]
pub(crate) struct OrderView<'a> {
    /// Its id: `wo-` and 32 hex digits.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Address of the repository.
    #[schema(example = "https://github.com/octo/hello")]
    repository_url: &'a str,
    /// Name of its sandbox.
    #[schema(example = "sandbox-wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    sandbox_identifier: String,
    /// Its branch, once it exists.
    #[schema(example = "feat-wo-4d5e6f70-say-hello")]
    git_branch_name: Option<&'a str>,
    /// Last session of the agent program.
    agent_session_id: Option<&'a str>,
    /// Built-in workflow; null when commands were selected.
    #[schema(example = "agent_workflow_plan")]
    workflow_type: Option<&'static str>,
    /// Kind of checkout.
    #[schema(example = "git_worktree")]
    sandbox_type: &'static str,
    /// Issue that the request is about, if the caller named one.
    github_issue_number: Option<&'a str>,
    /// One of pending, running, completed, failed, cancelled.
    #[schema(example = "running")]
    status: &'static str,
    /// `planning` while a step that plans is still to be done, then `implementing`; `completed`; null while pending.
    #[schema(example = "implementing")]
    current_phase: Option<&'static str>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Its pull request, once the forge answered with one.
    github_pull_request_url: Option<&'a str>,
    /// Commits on its branch beyond the base.
    git_commit_count: u64,
    /// Files that differ from the base.
    git_files_changed: u64,
    /// Lines added since the base.
    git_lines_added: u64,
    /// Lines removed since the base.
    git_lines_removed: u64,
    /// Why it failed, or which optional part did, told to a person.
    error_message: Option<&'a str>,
    /// The same as a stable code.
    error_code: Option<&'static str>,
    /// What a person can do about it, in one sentence.
    advice: Option<&'static str>,
    /// Whether trying the same again may help; null if nothing failed.
    retryable: Option<bool>,
    /// What was asked for.
    #[schema(example = "Say hello in more languages")]
    user_request: &'a str,
    /// Commands that were selected instead of a workflow.
    #[schema(value_type = Option<Vec<String>>)]
    selected_commands: Option<Vec<&'a str>>,
    /// The attempt in progress.
    current_step: Option<CurrentStepView<'a>>,
    /// Steps of its workflow, those that prompts became or will become included.
    #[schema(example = 7)]
    total_steps: usize,
    /// Steps that stand as done.
    #[schema(example = 4)]
    steps_completed: usize,
    /// Prompts that wait until it takes them up.
    queued_prompts: usize,
    /// When a worker first took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// What its agents cost, as they report it.
    cost_usd: Option<f64>,
    /// Tokens its agents used, as they report it.
    tokens: Option<TokensView>,
    /// Turns its agents took, as they report it.
    turns: Option<u64>,
    /// What it may use.
    limits: LimitsView,
    /// Agent program that does the thinking.
    #[schema(example = "claude")]
    agent: &'a str,
    /// Model that the program is told to use; null leaves it to the program.
    model: Option<&'a str>,
    /// Labels that a worker must have to run it.
    labels: Vec<&'a str>,
    /// Orders of a higher one begin first.
    priority: i16,
    /// Branch it starts from; null means the remote's default branch.
    base_branch: Option<&'a str>,
    /// Walls around its processes.
    isolation: IsolationView<'a>,
    /// Network of its processes.
    network: NetworkView<'a>,
    /// `degraded` while the store does not take its saves; the work goes on.
    #[schema(example = "ok")]
    persistence: &'static str,
    /// Finished steps that are not stored yet, and so not shown.
    pending_steps: usize,
    /// Whether all steps have ended and only the final save is outstanding.
    finishing: bool,
    /// Whether somebody asked to cancel it.
    cancel_requested: bool,
    /// What it waits for, told to a person; no step is in progress then. `start` while it is held.
    waiting_for: Option<&'a str>,
    /// Until when it waits. A little later it goes on by itself; null while it is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_until: Option<Timestamp>,
    /// Number of its last event; also what `after` and the `ETag` count.
    #[schema(example = 12)]
    version: u64,
    /// Where more is.
    links: LinksView,
}

/// An order that was just created.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedAgentWorkOrder)]
pub(crate) struct CreatedOrderView<'a> {
    #[serde(flatten)]
    pub(crate) order: OrderView<'a>,
    /// What happened, told to a person.
    pub(crate) message: &'static str,
}

/// The attempt in progress.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CurrentStep)]
pub(crate) struct CurrentStepView<'a> {
    /// The step.
    #[schema(example = "implement")]
    step: &'a str,
    /// The role that does it.
    #[schema(example = "implementor")]
    agent_name: &'a str,
    /// Number of the attempt, from 1.
    #[schema(example = 1)]
    attempt: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Its place in the workflow, from 1; null if the workflow does not have it any more.
    step_number: Option<usize>,
    /// Session of the agent program, where awo chose it.
    session_id: Option<&'a str>,
    /// The last things that its agent did, oldest first; at most 20. Empty where nothing is known.
    activity: Vec<ActivityView<'a>>,
    /// What it has consumed so far, as far as its agent says; null is unknown.
    usage: Option<UsageView<'a>>,
    /// How long the step usually takes; null if too few attempts tell, or no worker of this server runs it.
    usual: Option<UsualView>,
    /// Since when it takes much longer than usual, or longer than is set; null: it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    slow_since: Option<Timestamp>,
}

/// How long a step usually takes: the time at work of its newest successful attempts by the same agent program, or, if
/// these are too few, by any.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsualDuration)]
pub(crate) struct UsualView {
    /// Seconds that half of them did not exceed.
    #[schema(example = 183.2)]
    p50_seconds: f64,
    /// Seconds that 95 of 100 did not exceed.
    #[schema(example = 361.0)]
    p95_seconds: f64,
    /// How many there are.
    #[schema(example = 41)]
    samples: usize,
}

/// Tokens that agents used. null is unknown, which is not zero.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensView {
    /// Read by the model, cache excluded.
    pub(crate) input: Option<u64>,
    /// Written by the model.
    pub(crate) output: Option<u64>,
    /// Read from the provider's cache.
    pub(crate) cache_read: Option<u64>,
    /// Written to the provider's cache.
    pub(crate) cache_write: Option<u64>,
}

/// Walls around an order's processes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IsolationState)]
pub(crate) struct IsolationView<'a> {
    /// What was asked for.
    #[schema(example = "auto")]
    requested: &'static str,
    /// What is really there; null before the sandbox is made.
    effective: Option<&'static str>,
    /// Why they are not what was asked for, or not there; null if there is nothing to say.
    reason: Option<&'a str>,
}

/// Network of an order's processes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NetworkState)]
pub(crate) struct NetworkView<'a> {
    /// What was asked for.
    #[schema(example = "auto")]
    requested: &'static str,
    /// What they really have; null before the sandbox is made.
    effective: Option<&'static str>,
    /// Why that is not the narrowest; null if there is nothing to say.
    reason: Option<&'a str>,
}

/// Where more of an order is, under the prefix that was asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLinks)]
pub(crate) struct LinksView {
    /// The order.
    #[serde(rename = "self")]
    #[schema(example = "/agent-work-orders/wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    order: String,
    /// Its steps.
    #[schema(example = "/agent-work-orders/wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70/steps")]
    steps: String,
    /// Its events.
    #[schema(example = "/agent-work-orders/wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70/events")]
    events: String,
}

impl<'a> OrderView<'a> {
    /// An order as it was read.
    pub(crate) fn of(view: &'a awo_engine::OrderView, base: Base) -> Self {
        Self::new(&view.order, view.seq, view.persistence, view.activity.as_ref(), base)
    }

    /// An order as it was listed.
    pub(crate) fn of_row(row: &'a ListedOrder, base: Base) -> Self {
        Self::new(&row.order, row.seq, row.persistence, row.activity.as_ref(), base)
    }

    fn new(
        order: &'a AgentWorkOrder,
        seq: EventSeq,
        persistence: Persistence,
        activity: Option<&'a StepActivity>,
        base: Base,
    ) -> Self {
        let (spec, state, used) = (&*order.spec, &order.state, order.usage_so_far());
        let id = order.agent_work_order_id.to_string();
        let place = format!("{}/{id}", base.0);
        Self {
            repository_url: &spec.repository_url,
            sandbox_identifier: order.sandbox_identifier(),
            git_branch_name: state.git_branch_name.as_deref(),
            agent_session_id: state.agent_session_id.as_deref(),
            workflow_type: spec.workflow_type.map(awo_models::WorkflowType::as_str),
            sandbox_type: spec.sandbox_type.as_str(),
            github_issue_number: spec.github_issue_number.as_deref(),
            status: state.status.as_str(),
            current_phase: phase(order),
            created_at: order.created_at,
            updated_at: state.updated_at,
            github_pull_request_url: state.github_pull_request_url.as_deref(),
            git_commit_count: state.git_commit_count,
            git_files_changed: state.git_files_changed,
            git_lines_added: state.git_lines_added,
            git_lines_removed: state.git_lines_removed,
            error_message: state.error_message.as_deref(),
            error_code: state.error_code.map(awo_models::FailureCode::as_str),
            advice: state.error_code.map(awo_models::FailureCode::advice),
            retryable: state.error_code.map(awo_models::FailureCode::is_retryable),
            user_request: &spec.user_request,
            selected_commands: spec
                .selected_commands
                .as_ref()
                .map(|all| all.iter().map(awo_models::StepName::as_str).collect()),
            current_step: CurrentStepView::of(order, activity),
            total_steps: order.total_steps(),
            steps_completed: state.steps_completed,
            queued_prompts: order.waiting_prompts(),
            started_at: state.started_at,
            completed_at: state.completed_at,
            cost_usd: used.cost_usd(),
            tokens: TokensView::of(&used),
            turns: used.turns,
            limits: LimitsView::of(order),
            agent: &spec.agent,
            model: spec.model.as_deref(),
            labels: spec.labels.iter().map(|label| &**label).collect(),
            priority: spec.priority,
            base_branch: spec.base_branch.as_deref(),
            isolation: IsolationView {
                requested: spec.isolation.as_str(),
                effective: state.isolation_effective.map(awo_models::Isolation::as_str),
                reason: state.isolation_reason.as_deref(),
            },
            network: NetworkView {
                requested: spec.network.as_str(),
                effective: state.network_effective.map(awo_models::Network::as_str),
                reason: state.network_reason.as_deref(),
            },
            persistence: persistence_word(persistence),
            pending_steps: persistence.pending_steps,
            finishing: persistence.finishing,
            cancel_requested: state.cancel_requested,
            waiting_for: order.waiting_for(),
            waiting_until: state.waiting_until,
            version: seq.0,
            links: LinksView { steps: format!("{place}/steps"), events: format!("{place}/events"), order: place },
            agent_work_order_id: id,
        }
    }

    /// Path of the order.
    pub(crate) fn path(&self) -> &str {
        &self.links.order
    }
}

impl<'a> CurrentStepView<'a> {
    pub(super) fn of(order: &'a AgentWorkOrder, activity: Option<&'a StepActivity>) -> Option<Self> {
        let CurrentStep { step, agent_name, attempt, started_at, session_id, .. } =
            order.state.current_step.as_ref()?;
        Some(Self {
            step: step.as_str(),
            agent_name: agent_name.as_str(),
            attempt: *attempt,
            started_at: *started_at,
            step_number: order.place_of(step).map(|place| place + 1),
            session_id: session_id.as_deref(),
            activity: activity.iter().flat_map(|it| &it.entries).filter_map(ActivityView::of).collect(),
            usage: activity.and_then(|it| it.usage.as_ref()).map(UsageView::from),
            usual: activity.and_then(|it| it.usual).map(UsualView::from),
            slow_since: order.slow_attempt().map(|slow| slow.since),
        })
    }
}

impl From<UsualDuration> for UsualView {
    fn from(usual: UsualDuration) -> Self {
        let (p50_seconds, p95_seconds) = (usual.p50.as_secs_f64(), usual.p95.as_secs_f64());
        Self { p50_seconds, p95_seconds, samples: usual.samples }
    }
}

impl TokensView {
    pub(super) fn of(usage: &Usage) -> Option<Self> {
        let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, .. } = *usage;
        let known = [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens].iter().any(Option::is_some);
        known.then_some(Self {
            input: input_tokens,
            output: output_tokens,
            cache_read: cache_read_tokens,
            cache_write: cache_write_tokens,
        })
    }
}

/// Where an order is in its work. Steps run in the workflow's order, so what is still to be done begins at
/// `steps_completed`.
pub(super) fn phase(order: &AgentWorkOrder) -> Option<&'static str> {
    let plans = |goal: StepGoal| matches!(goal, StepGoal::IssueClass | StepGoal::PlanFile | StepGoal::PlanPath);
    match order.state.status {
        AgentWorkOrderStatus::Pending => None,
        AgentWorkOrderStatus::Completed => Some("completed"),
        _ if order.workflow().iter().skip(order.state.steps_completed).any(|d| plans(d.goal)) => Some("planning"),
        _ => Some("implementing"),
    }
}
