//! Executes one attempt of a step: the agent's part, the engine's part, and the evidence; the result is built once.

mod asking;
mod context;
mod follow_up;
mod goals;
mod preparation;
mod report;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, ArtifactName, CurrentStep, EventKind, Failure, FailureCode, OrderPatch, StepDefinition,
    StepExecutionResult, StepHistory, SuspendedAttempt, Try, WorkspaceSnapshot,
};
use awo_state::{ArtifactContent, LogEntry, LogLevel};
use futures::FutureExt as _;
use tracing::{Instrument as _, info, warn};

use crate::budget::{self, Used};
use crate::engine::Engine;
use crate::figures;
use crate::live::{LiveOrder, StopReason};
use crate::ports::Sandbox;
use crate::snapshots::is_delivered;
use crate::suspension::settled_fields;
use crate::traces;
use crate::waiting::{self, Pause, Trouble};
use crate::workspace::Workspace;
use report::AttemptReport;

/// What an execution of a step left, and what was learnt on the way.
#[derive(Debug)]
pub(crate) struct StepOutcome {
    pub(crate) events: Vec<(EventKind, OrderPatch)>,
    pub(crate) end: StepEnd,
}

/// How an execution of a step ended.
#[derive(Debug)]
pub(crate) enum StepEnd {
    /// With the result of its attempt, and the fields that this proves.
    Settled(Box<StepExecutionResult>, Box<OrderPatch>),
    /// In the middle of its attempt, which goes on after a pause.
    Suspended(Arc<SuspendedAttempt>, Pause),
}

/// Why an attempt gave no output.
enum Unfinished {
    Failed(Failure),
    Suspended(Pause),
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Executes the steps of one order, one after the other, in one checkout.
#[derive(Debug)]
pub(crate) struct StepRunner<'e> {
    engine: &'e Engine,
    live: &'e LiveOrder,
    workspace: Workspace,
    /// What the checkout is made again before the next attempt.
    restored_to: Option<WorkspaceSnapshot>,
}

impl<'e> StepRunner<'e> {
    pub(crate) fn new(engine: &'e Engine, live: &'e LiveOrder, workspace: Workspace) -> Self {
        Self { engine, live, workspace, restored_to: None }
    }

    /// Lets the next attempt begin as the one before it did: with the checkout as the last standing success left it, or
    /// with a fresh one.
    pub(crate) fn begin_again(&mut self, left: Option<WorkspaceSnapshot>) {
        if left.is_none() {
            self.workspace = Workspace::Fresh;
        }
        self.restored_to = left;
    }

    /// Executes one attempt, or goes on with it. Always comes back: trouble of every kind, a panic included, is a result.
    pub(crate) async fn execute(
        &mut self,
        order: &AgentWorkOrder,
        history: &StepHistory,
        definition: &StepDefinition,
    ) -> StepOutcome {
        let engine = self.engine;
        let attempt = AgentWorkOrder::next_attempt(history, &definition.step);
        let id = order.agent_work_order_id;
        let begun = (engine.clock.now(), engine.clock.monotonic());
        let earlier = order.state.suspended.as_deref();
        let event = if earlier.is_some() { "step_resumed" } else { "step_started" };
        info!(agent_work_order_id = %id, step = %definition.step, attempt, "{event}");
        let place = StepPlace::new(order, definition);
        engine.note(id, LogLevel::Info, event, |entry| {
            let elapsed = order.state.started_at.map(|started| begun.0.duration_since(started).as_secs_f64());
            let entry = place.fields(entry.with_step(definition.step.clone()));
            let entry = entry.with_field("progress_pct", place.percent_before()).with_field("attempt", attempt);
            entry.with_field("elapsed_seconds", elapsed).with_field("agent_name", definition.agent_name.as_str())
        });

        let trace = traces::step(engine, &definition.step, order.spec.agent_of(definition), attempt);
        self.live.activity().begin(definition.step.clone(), attempt);
        let mut report = AttemptReport::new(order.state.current_step.as_ref(), earlier);
        let mut events = Vec::new();
        let attempted = self.attempt(order, history, definition, attempt, &mut report, &mut events);
        let ended = AssertUnwindSafe(attempted.instrument(trace.clone())).catch_unwind().await;
        self.live.activity().end();
        let ended =
            ended.unwrap_or_else(|_| Err(Failure::new(FailureCode::Internal, "awo panicked in this step").into()));
        let ended = match (ended, self.live.stopped()) {
            // An agent that was stopped reports it in its own way; why it was stopped, only we know.
            (Err(unfinished), Some(reason)) => {
                let message = match &unfinished {
                    Unfinished::Failed(failure) => &failure.message,
                    Unfinished::Suspended(pause) => &pause.waiting_for,
                };
                Err(Failure::new(reason.failure_code(), stopped_message(reason, message)).into())
            }
            (ended, _) => ended,
        };
        let duration = report.worked_before.saturating_add(engine.clock.monotonic().saturating_sub(begun.1));
        events.extend(budget_warnings(engine, order, history, &report, duration));
        events.extend(std::mem::take(&mut report.warnings).into_iter().map(|warning| {
            (EventKind::Warning { code: warning.code, message: warning.message }, OrderPatch::default())
        }));
        let ended = match ended {
            Ok(output) => Ok(output),
            Err(Unfinished::Failed(failure)) => Err(failure),
            Err(Unfinished::Suspended(pause)) => {
                traces::step_suspended(&trace);
                info!(agent_work_order_id = %id, step = %definition.step, until = %pause.until, "step_suspended");
                engine.note(id, LogLevel::Warning, "step_suspended", |entry| {
                    let entry = place.fields(entry.with_step(definition.step.clone())).with_field("attempt", attempt);
                    entry.with_field("waiting_until", pause.until.to_string()).with_message(&pause.waiting_for)
                });
                let current = CurrentStep {
                    step: definition.step.clone(),
                    agent_name: definition.agent_name.clone(),
                    attempt,
                    started_at: earlier.map_or(begun.0, |earlier| earlier.current.started_at),
                    session_id: None,
                    before: order.state.current_step.as_ref().and_then(|current| current.before.clone()),
                };
                let suspended = report.suspended(current, duration);
                return StepOutcome { events, end: StepEnd::Suspended(suspended.into(), pause) };
            }
        };
        let started_at = earlier.map_or(begun.0, |earlier| earlier.current.started_at);
        let mut result = report.result(definition, attempt, started_at, engine.clock.now(), duration, ended);
        self.shorten_output(order, history.len(), &mut result).await;
        figures::step_ended(engine, order.spec.agent_of(definition), &result, duration);
        traces::step_ended(&trace, &result);
        info!(
            agent_work_order_id = %id,
            step = %result.step,
            success = result.success,
            duration_seconds = duration.as_secs_f64(),
            error = result.error_message.as_deref(),
            "step_completed"
        );
        // A failed attempt need not fail the order: only its end is an error.
        let level = if result.success { LogLevel::Info } else { LogLevel::Warning };
        engine.note(id, level, "step_completed", |entry| {
            let entry = place.fields(entry.with_step(result.step.clone())).with_field("attempt", attempt);
            let entry = entry.with_field("success", result.success);
            let entry = entry.with_field("duration_seconds", duration.as_secs_f64());
            match &result.error_message {
                Some(message) => entry.with_message(message),
                None => entry,
            }
        });
        let patch = proven_fields(order, &result);
        StepOutcome { events, end: StepEnd::Settled(result.into(), patch.into()) }
    }

    async fn attempt(
        &mut self,
        order: &AgentWorkOrder,
        history: &StepHistory,
        definition: &StepDefinition,
        attempt: u32,
        report: &mut AttemptReport,
        events: &mut Vec<(EventKind, OrderPatch)>,
    ) -> Result<String, Unfinished> {
        if let Some(reason) = self.live.stopped() {
            return Err(Failure::new(reason.failure_code(), "stopped before its agent began").into());
        }
        let prepared;
        let sandbox = self.sandbox(order, events).await?;
        // The order with what was just learnt about it (base commit, issue).
        let order = if events.is_empty() {
            order
        } else {
            let mut learnt = order.clone();
            for (_, patch) in events.iter() {
                patch.apply(&mut learnt.state);
            }
            prepared = learnt;
            &prepared
        };
        let context = context::Context {
            engine: self.engine,
            live: self.live,
            order,
            history,
            definition,
            attempt,
            sandbox: &*sandbox,
        };
        let output = match goals::pursue(&context, report).await {
            Ok(output) => Ok(output),
            Err(failure) if failure.code.suspends() && self.live.stopped().is_none() => {
                match suspend(&context, failure, report) {
                    Ok(pause) => Err(Unfinished::Suspended(pause)),
                    Err(failure) => return Err(failure.into()),
                }
            }
            Err(failure) => return Err(failure.into()),
        };
        if let Some(left) = &report.evidence.after
            && let Err(failure) = self.live.unless_stopped(self.keep(&*sandbox, left, report)).await
        {
            match self.live.stopped() {
                // Another worker goes on at once, and would have a result without what it is about.
                Some(StopReason::ShuttingDown) if self.engine.leasing.is_some() => return Err(failure.into()),
                Some(_) => {}
                None => {
                    // The step's work stands; it is in the checkout only, as long as that lasts.
                    let message =
                        format!("what step `{}` left is not kept beside the checkout: {failure}", definition.step);
                    warn!(agent_work_order_id = %order.agent_work_order_id, reason = %failure, "checkpoint_not_kept");
                    let warning = EventKind::Warning { code: failure.code, message: message.into() };
                    events.push((warning, OrderPatch::default()));
                }
            }
        }
        output
    }

    /// Keeps what a step left; also for workers on other machines, unless it is held back from every remote.
    async fn keep(
        &self,
        sandbox: &dyn Sandbox,
        left: &WorkspaceSnapshot,
        report: &AttemptReport,
    ) -> Result<(), Failure> {
        sandbox.checkpoint(left).await?;
        if self.engine.settings.hold_ci_changes && !report.evidence.flagged.is_empty() {
            return Ok(());
        }
        sandbox.publish(left).await
    }

    /// The checkout, made on first use.
    async fn sandbox(
        &mut self,
        order: &AgentWorkOrder,
        events: &mut Vec<(EventKind, OrderPatch)>,
    ) -> Result<Arc<dyn Sandbox>, Failure> {
        if let Workspace::Found(sandbox, told) = &mut self.workspace {
            if let Some(message) = told.take() {
                let id = order.agent_work_order_id;
                self.engine.note(id, LogLevel::Warning, "workspace_rebuilt", |entry| entry.with_message(&message));
                let warning = EventKind::Warning { code: FailureCode::WorkspaceFailed, message };
                events.push((warning, OrderPatch::default()));
            }
            let sandbox = Arc::clone(sandbox);
            if let Some(left) = self.restored_to.take() {
                self.live.unless_stopped(sandbox.restore(&left)).await?;
            }
            return Ok(sandbox);
        }
        let (id, begun) = (order.agent_work_order_id, self.engine.clock.monotonic());
        self.engine.note(id, LogLevel::Info, "sandbox_setup_started", |entry| entry);
        let sandbox = self.live.unless_stopped(preparation::prepare(self.engine, order, events)).await?;
        let took = self.engine.clock.monotonic().saturating_sub(begun);
        self.engine.note(id, LogLevel::Info, "sandbox_setup_completed", |entry| {
            let entry = entry.with_field("duration_seconds", took.as_secs_f64());
            entry.with_field("base_commit", sandbox.base_commit())
        });
        self.workspace = Workspace::Found(Arc::clone(&sandbox), None);
        Ok(sandbox)
    }

    /// Keeps a very long output as an artifact, and its beginning in the history.
    async fn shorten_output(&self, order: &AgentWorkOrder, index: usize, result: &mut StepExecutionResult) {
        let limit = self.engine.settings.max_output_bytes;
        let Some(output) = result.output.as_ref().filter(|output| output.len() > limit) else {
            return;
        };
        let whole = output.as_bytes().to_vec();
        let beginning: Arc<str> = output[..output.floor_char_boundary(limit)].into();
        if let Some(name) = artifact_name(index, &result.step, result.attempt, "output.txt") {
            let id = order.agent_work_order_id;
            if self.engine.keep(id, &name, ArtifactContent::Bytes(whole)).await {
                result.artifacts.push(name);
            }
        }
        result.output = Some(beginning);
        result.output_truncated = true;
    }

    /// Removes the checkout of a completed order whose branch is pushed. That of any other is kept.
    pub(crate) async fn clean_up(&self, order: &AgentWorkOrder, history: &StepHistory) {
        if !self.engine.settings.keep_workspaces && is_delivered(order, history) {
            crate::workspace::remove(self.engine, order.agent_work_order_id).await;
        }
    }
}

/// Where a step stands in its workflow, as logs tell it.
struct StepPlace {
    number: usize,
    total: usize,
}

impl StepPlace {
    fn new(order: &AgentWorkOrder, definition: &StepDefinition) -> Self {
        let number = order.place_of(&definition.step).map_or(0, |place| place + 1);
        Self { number, total: order.total_steps() }
    }

    fn fields(&self, entry: LogEntry) -> LogEntry {
        let entry = entry.with_field("step_number", self.number).with_field("total_steps", self.total);
        entry.with_field("progress", format!("{}/{}", self.number, self.total))
    }

    /// Share of the workflow that is behind when the step begins.
    fn percent_before(&self) -> usize {
        self.number.saturating_sub(1) * 100 / self.total.max(1)
    }
}

/// Name of an artifact of an attempt: place in the history, step, attempt, kind.
pub(crate) fn artifact_name(
    index: usize,
    step: &awo_models::StepName,
    attempt: u32,
    kind: &str,
) -> Option<ArtifactName> {
    ArtifactName::new(&format!("{:02}-{step}-{attempt}.{kind}", index + 1)).ok()
}

/// Whether and how long the attempt is suspended, now that its agent could not use its service.
fn suspend(context: &context::Context<'_>, failure: Failure, report: &mut AttemptReport) -> Result<Pause, Failure> {
    let context::Context { engine, order, history, definition, .. } = context;
    if let Some(used_up) = budget::is_used_up(&order.spec.limits.order, &context.used(report)) {
        let message = format!("{} (and {})", used_up.message, failure.message);
        return Err(Failure { message: message.into(), ..used_up });
    }
    let trouble = Trouble {
        agent: &order.spec.agent,
        step: &definition.step,
        failure: &failure,
        tries: &report.tries,
        waited: waiting::waited(order, history).saturating_add(waiting::total(&report.tries)),
    };
    let pause = waiting::suspension(&trouble, &engine.settings.waiting, &definition.retry, engine.moment())?;
    let took = report.executions.last().copied().unwrap_or_default();
    report.tries.push(Try { waited: Some(pause.time), ..Try::failed(failure, took) });
    Ok(pause)
}

/// What people are told of the order's budgets, now that an attempt has used more.
fn budget_warnings(
    engine: &Engine,
    order: &AgentWorkOrder,
    history: &StepHistory,
    report: &AttemptReport,
    worked: Duration,
) -> Vec<(EventKind, OrderPatch)> {
    let limits = &order.spec.limits.order;
    if limits.is_empty() || report.executions.is_empty() {
        return Vec::new();
    }
    let round = Used::in_round(order, history);
    let earlier = order.state.suspended.as_ref();
    let earlier = earlier.map(|earlier| Used::of(earlier.usage.as_ref(), earlier.worked)).unwrap_or_default();
    let used = Used::of(report.usage.as_ref(), worked);
    let warned = budget::warnings(limits, &round.with(&earlier), &round.with(&used)).into_iter().map(|warning| {
        let id = order.agent_work_order_id;
        warn!(agent_work_order_id = %id, reason = %warning.message, "budget_warning");
        engine.note(id, LogLevel::Warning, "budget_warning", |entry| entry.with_message(&warning.message));
        (EventKind::Warning { code: warning.code, message: warning.message }, OrderPatch::default())
    });
    warned.collect()
}

fn stopped_message(reason: crate::live::StopReason, message: &str) -> String {
    use crate::live::StopReason::{Cancelled, Lost, ShuttingDown};
    let why = match reason {
        Cancelled => "cancelled on request",
        ShuttingDown => "stopped because the worker ends",
        Lost => "stopped because another worker has the order",
    };
    format!("{why} ({message})")
}

/// The fields of the order that a result proves.
fn proven_fields(order: &AgentWorkOrder, result: &StepExecutionResult) -> OrderPatch {
    let mut patch = settled_fields(order, result);
    if result.session_id.is_some() {
        patch.agent_session_id = Some(result.session_id.clone());
    }
    if let Some(branch) = &result.evidence.branch {
        patch.git_branch_name = Some(Some(Arc::clone(branch)));
    }
    if let Some(url) = result.evidence.pull_request.as_ref().and_then(awo_models::PullRequestEvidence::url) {
        patch.github_pull_request_url = Some(Some(Arc::clone(url)));
    }
    if let Some(total) = &result.evidence.total {
        patch.git_commit_count = Some(total.commits);
        patch.git_files_changed = Some(total.files_changed);
        patch.git_lines_added = Some(total.lines_added);
        patch.git_lines_removed = Some(total.lines_removed);
    }
    patch
}
