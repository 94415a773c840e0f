//! Executes one attempt of a step: the agent's part, the engine's part, and the evidence; the result is built once.

mod asking;
mod context;
mod goals;
mod preparation;
mod report;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, ArtifactName, EventKind, Failure, FailureCode, OrderPatch, StepDefinition, StepExecutionResult,
    StepHistory, Usage,
};
use awo_state::{ArtifactContent, LogEntry, LogLevel};
use futures::FutureExt as _;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::live::LiveOrder;
use crate::ports::Sandbox;
use crate::recovery::is_delivered;
use crate::workspace::Workspace;
use report::AttemptReport;

/// What an attempt left: its result, the fields it proves, and what was learnt on the way.
#[derive(Debug)]
pub(crate) struct StepOutcome {
    pub(crate) events: Vec<(EventKind, OrderPatch)>,
    pub(crate) result: StepExecutionResult,
    pub(crate) patch: OrderPatch,
}

/// Executes the steps of one order, one after the other, in one checkout.
#[derive(Debug)]
pub(crate) struct StepRunner<'e> {
    engine: &'e Engine,
    live: &'e LiveOrder,
    workspace: Workspace,
}

impl<'e> StepRunner<'e> {
    pub(crate) fn new(engine: &'e Engine, live: &'e LiveOrder, workspace: Workspace) -> Self {
        Self { engine, live, workspace }
    }

    /// Executes one attempt. Always comes back with a result: trouble of every kind, a panic included, is one.
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
        info!(agent_work_order_id = %id, step = %definition.step, attempt, "step_started");
        let place = StepPlace::new(order, definition);
        engine.note(id, LogLevel::Info, "step_started", |entry| {
            let elapsed = order.state.started_at.map(|started| begun.0.duration_since(started).as_secs_f64());
            let entry = place.fields(entry.with_step(definition.step.clone()));
            let entry = entry.with_field("progress_pct", place.percent_before()).with_field("attempt", attempt);
            entry.with_field("elapsed_seconds", elapsed).with_field("agent_name", definition.agent_name.as_str())
        });

        let mut report = AttemptReport::new(order.state.current_step.as_ref());
        let mut events = Vec::new();
        let attempted = self.attempt(order, history, definition, attempt, &mut report, &mut events);
        let ended = AssertUnwindSafe(attempted).catch_unwind().await;
        let ended = ended.unwrap_or_else(|_| Err(Failure::new(FailureCode::Internal, "awo panicked in this step")));
        let ended = match (ended, self.live.stopped()) {
            // An agent that was stopped reports it in its own way; why it was stopped, only we know.
            (Err(failure), Some(reason)) => {
                Err(Failure::new(reason.failure_code(), stopped_message(reason, &failure.message)))
            }
            (ended, _) => ended,
        };
        let duration = engine.clock.monotonic().saturating_sub(begun.1);
        let mut result = report.result(definition, attempt, begun.0, engine.clock.now(), duration, ended);
        self.shorten_output(order, history.len(), &mut result).await;
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
        StepOutcome { events, result, patch }
    }

    async fn attempt(
        &mut self,
        order: &AgentWorkOrder,
        history: &StepHistory,
        definition: &StepDefinition,
        attempt: u32,
        report: &mut AttemptReport,
        events: &mut Vec<(EventKind, OrderPatch)>,
    ) -> Result<String, Failure> {
        if let Some(reason) = self.live.stopped() {
            return Err(Failure::new(reason.failure_code(), "stopped before its agent began"));
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
        let output = goals::pursue(&context, report).await?;
        if let Some(left) = &report.evidence.after
            && let Err(failure) = self.live.unless_stopped(sandbox.checkpoint(left)).await
            && self.live.stopped().is_none()
        {
            // The step's work stands; it is in the checkout only, as long as that lasts.
            let message = format!("what step `{}` left is not kept beside the checkout: {failure}", definition.step);
            warn!(agent_work_order_id = %order.agent_work_order_id, reason = %failure, "checkpoint_not_kept");
            let warning = EventKind::Warning { code: failure.code, message: message.into() };
            events.push((warning, OrderPatch::default()));
        }
        Ok(output)
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
            return Ok(Arc::clone(sandbox));
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
    pub(crate) async fn clean_up(&self, order: &AgentWorkOrder) {
        if !self.engine.settings.keep_workspaces && is_delivered(order) {
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
        let workflow = &order.spec.workflow;
        let place = workflow.iter().position(|other| other.step == definition.step);
        Self { number: place.map_or(0, |place| place + 1), total: workflow.len() }
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
    let mut patch = OrderPatch::default();
    if let Some(used) = &result.usage {
        let mut usage: Usage = order.state.usage.clone();
        usage.add(used);
        patch.usage = Some(usage);
    }
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
