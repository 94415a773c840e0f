//! The agent work order: what was asked for (never changes) and how it stands (changes with every event).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AgentWorkOrderStatus, CurrentStep, FailureCode, FollowUp, OrderId, Round, SlowAttempt, StepDefinition,
    StepExecutionResult, StepGoal, StepHistory, StepName, SuspendedAttempt, Usage, WorkflowType, follow_up_number,
    serde_nanos,
};

/// One request on one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentWorkOrder {
    /// Its id.
    pub agent_work_order_id: OrderId,
    /// When it was created.
    pub created_at: Timestamp,
    /// What was asked for: everything needed to run it again. Shared, so that a snapshot copies no text.
    pub spec: Arc<OrderSpec>,
    /// How it stands.
    pub state: OrderState,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderSpec {
    /// Address of the repository, as given and checked.
    pub repository_url: Arc<str>,
    /// What the person wants. Untrusted text.
    pub user_request: Arc<str>,
    /// Issue that the request is about, if the caller named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_issue_number: Option<Arc<str>>,
    /// Kind of checkout.
    pub sandbox_type: SandboxType,
    /// Built-in workflow that was chosen; `None` when commands were selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_type: Option<WorkflowType>,
    /// Commands that were selected instead of a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_commands: Option<Vec<StepName>>,
    /// The steps to run, in order.
    pub workflow: Vec<StepDefinition>,
    /// Agent program that does the thinking.
    pub agent: Arc<str>,
    /// Model that the agent program is told to use; `None` leaves it to the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// Walls that were asked for.
    pub isolation: Isolation,
    /// Network that was asked for.
    pub network: Network,
    /// Branch to start from; `None` means the remote's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<Arc<str>>,
    /// Limits of each step and of the order.
    pub limits: Limits,
    /// Labels that a worker must have to run it, where several share the orders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Arc<str>>,
    /// Orders of a higher one begin first, where several workers share the orders.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub priority: i16,
    /// Who asked, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<Arc<str>>,
    /// The caller's key against doubled requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_usual(priority: &i16) -> bool {
    *priority == 0
}

impl OrderSpec {
    /// The agent program that does a step.
    pub fn agent_of<'a>(&'a self, definition: &'a StepDefinition) -> &'a Arc<str> {
        definition.agent.as_ref().unwrap_or(&self.agent)
    }
}

/// A caller's key against doubled requests, with the digest of the request it came with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Idempotency {
    /// The key, chosen by the caller.
    pub key: Arc<str>,
    /// Digest of the request's body.
    pub body_digest: Arc<str>,
}

/// Limits of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Turns of an agent in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    /// Cost of one step in billionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_nanousd: Option<u64>,
    /// Time that one step may be at work.
    #[serde(rename = "step_timeout_nanoseconds", with = "serde_nanos")]
    pub step_timeout: Duration,
    /// Longest time an agent may give no sign of life; `None` leaves it to the worker.
    #[serde(
        default,
        rename = "silence_timeout_nanoseconds",
        with = "serde_nanos::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub silence_timeout: Option<Duration>,
    /// Limits of the order as a whole.
    #[serde(default, skip_serializing_if = "OrderLimits::is_empty")]
    pub order: OrderLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_turns: None,
            max_cost_nanousd: None,
            step_timeout: Duration::from_hours(1),
            silence_timeout: None,
            order: OrderLimits::default(),
        }
    }
}

/// What all steps of an order together may use in one round. A retry begins a round, and so has all of it anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderLimits {
    /// Turns of its agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u64>,
    /// Tokens of its agents, as [`Usage::tokens`] counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Cost in billionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_nanousd: Option<u64>,
    /// Time that its steps may be at work. Time that it waits does not count.
    #[serde(rename = "timeout_nanoseconds", with = "serde_nanos::option", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

impl OrderLimits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Kind of checkout an order works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SandboxType {
    /// A clone of its own.
    GitBranch,
    /// A cheap checkout for many orders in parallel.
    GitWorktree,
}

impl SandboxType {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitBranch => "git_branch",
            Self::GitWorktree => "git_worktree",
        }
    }
}

/// Walls around an order's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Isolation {
    /// Bubblewrap where it works on the machine, else none.
    Auto,
    /// Namespaces of bubblewrap: the agent sees the system, its checkout and a home, and nothing else of the machine.
    Bubblewrap,
    /// Rules of the kernel's Landlock: the agent reads the system, its checkout and a home, and writes the latter two. It can
    /// still tell which other files and processes there are.
    Landlock,
    /// None: the agent can do what the operator's account can do.
    None,
}

impl Isolation {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
            Self::None => "none",
        }
    }
}

/// Network of an order's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Network {
    /// The narrowest that lets agents work on the machine: awo's proxy within bubblewrap, else the machine's own.
    Auto,
    /// The machine's own.
    Host,
    /// None. Needs walls.
    Off,
    /// Nothing but awo's proxy, which leads to the hosts that are allowed. Needs bubblewrap.
    Proxy,
}

impl Network {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Off => "off",
            Self::Proxy => "proxy",
        }
    }
}

/// Text of an issue, frozen when it was fetched. Untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: Arc<str>,
    /// Its title.
    pub title: Arc<str>,
    /// Its body.
    pub body: Arc<str>,
    /// Whether it was closed by then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// How an order stands. Changed only by patches that ride on events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderState {
    /// Its status.
    pub status: AgentWorkOrderStatus,
    /// Whether nobody may run it until somebody starts it. Only a pending order is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The attempt in progress.
    pub current_step: Option<CurrentStep>,
    /// Steps of the workflow that stand as done.
    pub steps_completed: usize,
    /// Retries and follow-ups so far.
    pub rounds: Vec<Round>,
    /// Follow-up prompts, in the order in which they came. Only added to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<FollowUp>,
    /// Of each prompt that was taken up, in the same order, how many steps of the specification come before its step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts_placed: Vec<usize>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// Its branch, once it exists.
    pub git_branch_name: Option<Arc<str>>,
    /// Commit that the workspace began with.
    pub base_commit: Option<Arc<str>>,
    /// Commits on its branch beyond the base.
    pub git_commit_count: u64,
    /// Files that differ from the base.
    pub git_files_changed: u64,
    /// Lines added since the base.
    pub git_lines_added: u64,
    /// Lines removed since the base.
    pub git_lines_removed: u64,
    /// Last session of the agent program.
    pub agent_session_id: Option<Arc<str>>,
    /// Its pull request, once the forge answered with one.
    pub github_pull_request_url: Option<Arc<str>>,
    /// Issue that was fetched for it.
    pub issue: Option<Arc<Issue>>,
    /// Walls that are really around its processes.
    pub isolation_effective: Option<Isolation>,
    /// Why they are not what was asked for, or not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation_reason: Option<Arc<str>>,
    /// Network that its processes really have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_effective: Option<Network>,
    /// Why it is not the narrowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_reason: Option<Arc<str>>,
    /// Why it failed, or which optional part did.
    pub error_code: Option<FailureCode>,
    /// The same, told to a person.
    pub error_message: Option<Arc<str>>,
    /// What it waits for.
    pub waiting_for: Option<Arc<str>>,
    /// Until when it waits.
    pub waiting_until: Option<Timestamp>,
    /// The attempt that goes on when it has waited, or went on since; `None` once that attempt has a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Arc<SuspendedAttempt>>,
    /// The attempt that was found to be slow last, whatever became of it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowAttempt>,
    /// How often in a row its worker ended without a word during an attempt. Back to 0 when an attempt ends by itself.
    #[serde(default)]
    pub interruptions: u32,
    /// What its agents consumed in the attempts that have a result.
    pub usage: Usage,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Time of its last event.
    pub updated_at: Timestamp,
}

impl OrderState {
    /// The state of an order that was just created.
    pub fn created(at: Timestamp) -> Self {
        Self {
            status: AgentWorkOrderStatus::Pending,
            held: false,
            current_step: None,
            steps_completed: 0,
            rounds: Vec::new(),
            prompts: Vec::new(),
            prompts_placed: Vec::new(),
            cancel_requested: false,
            git_branch_name: None,
            base_commit: None,
            git_commit_count: 0,
            git_files_changed: 0,
            git_lines_added: 0,
            git_lines_removed: 0,
            agent_session_id: None,
            github_pull_request_url: None,
            issue: None,
            isolation_effective: None,
            isolation_reason: None,
            network_effective: None,
            network_reason: None,
            error_code: None,
            error_message: None,
            waiting_for: None,
            waiting_until: None,
            suspended: None,
            slow: None,
            interruptions: 0,
            usage: Usage::default(),
            started_at: None,
            completed_at: None,
            updated_at: at,
        }
    }
}

impl AgentWorkOrder {
    /// A new pending order.
    pub fn new(id: OrderId, created_at: Timestamp, spec: OrderSpec) -> Self {
        Self { agent_work_order_id: id, created_at, spec: Arc::new(spec), state: OrderState::created(created_at) }
    }

    /// What it waits for, told to a person; `start` while it is held.
    pub fn waiting_for(&self) -> Option<&str> {
        if self.state.held { Some("start") } else { self.state.waiting_for.as_deref() }
    }

    /// What was found of the attempt in progress, if it is slow.
    pub fn slow_attempt(&self) -> Option<&SlowAttempt> {
        let current = self.state.current_step.as_ref()?;
        self.state.slow.as_ref().filter(|slow| slow.is_of(&current.step, current.attempt))
    }

    /// Name of the order's sandbox.
    pub fn sandbox_identifier(&self) -> String {
        format!("sandbox-{}", self.agent_work_order_id)
    }

    /// What its agents consumed so far, the attempt included that is suspended or went on since.
    pub fn usage_so_far(&self) -> Usage {
        let mut usage = self.state.usage.clone();
        if let Some(used) = self.state.suspended.as_ref().and_then(|suspended| suspended.usage.as_ref()) {
            usage.add(used);
        }
        usage
    }

    /// Whether a result has been overtaken: by a later result of the same step, by a later round that resumes at or before
    /// its step, or, if it failed, by a follow-up that succeeded since. Derived, never written.
    pub fn superseded(&self, history: &StepHistory, index: usize) -> bool {
        let Some(result) = history.get(index) else { return false };
        history.iter().skip(index + 1).any(|later| later.step == result.step)
            || self.reopened(&result.step, index)
            || !result.success && self.last_follow_up(history).is_some_and(|(later, _)| later > index)
    }

    /// Whether a round that began after the result at `index` resumes at or before this step.
    pub(crate) fn reopened(&self, step: &StepName, index: usize) -> bool {
        let place = self.place_of(step);
        self.state.rounds.iter().any(|round| index < round.first_result && place >= Some(round.resumes_at))
    }

    /// The result that settles a step in the present round: a success, or a failure that is not tried again.
    ///
    /// A cut attempt settles nothing: the step runs again. So it does after a failure that a follow-up answered to; the
    /// step of an earlier follow-up is settled by that later one.
    pub fn settled_by<'h>(
        &self,
        history: &'h StepHistory,
        definition: &StepDefinition,
    ) -> Option<&'h Arc<StepExecutionResult>> {
        let attempts = self.attempts(history, &definition.step);
        let (count, last) = attempts.fold((0, None), |(count, _), result| (count + 1, Some(result)));
        let tried_again = count < definition.retry.max_attempts
            && last.is_some_and(|r| !r.success && r.error_code.is_some_and(FailureCode::allows_another_attempt));
        let later = |it: &&Arc<StepExecutionResult>| follow_up_number(&it.step) > follow_up_number(&definition.step);
        let answered = || self.last_follow_up(history).map(|(_, result)| result);
        let stands_in = || answered().filter(|_| definition.goal == StepGoal::FollowUp).filter(later);
        last.filter(|_| !tried_again).or_else(stands_in)
    }

    /// Attempts of a step in the present round that ended by themselves, and that no follow-up has answered to.
    pub fn attempts<'h>(
        &self,
        history: &'h StepHistory,
        step: &StepName,
    ) -> impl Iterator<Item = &'h Arc<StepExecutionResult>> {
        let answered = self.last_follow_up(history).map(|(index, _)| index);
        let results = history.iter().enumerate().filter(move |(index, result)| {
            result.step == *step
                && result.error_code != Some(FailureCode::Interrupted)
                && (result.success || answered.is_none_or(|later| later < *index))
                && !self.reopened(step, *index)
        });
        results.map(|(_, result)| result)
    }

    /// Whether a step has a standing success.
    pub fn is_done(&self, history: &StepHistory, definition: &StepDefinition) -> bool {
        self.settled_by(history, definition).is_some_and(|result| result.success)
    }

    /// The first step that is not done: what is at work, or comes next, or has failed and would be tried again.
    /// `None` when all that is required is done and the rest is settled.
    pub fn next_step(&self, history: &StepHistory) -> Option<Cow<'_, StepDefinition>> {
        self.workflow().into_iter().find(|definition| {
            let settled = self.settled_by(history, definition);
            !settled.is_some_and(|result| result.success || !definition.required)
        })
    }

    /// Number of the next attempt of a step, from 1.
    pub fn next_attempt(history: &StepHistory, step: &StepName) -> u32 {
        let before = history.iter().filter(|r| r.step == *step).count();
        u32::try_from(before).unwrap_or(u32::MAX - 1) + 1
    }

    /// Steps that stand as done.
    pub fn count_done(&self, history: &StepHistory) -> usize {
        self.workflow().iter().filter(|d| self.is_done(history, d)).count()
    }
}

#[cfg(test)]
pub(crate) mod tests;
