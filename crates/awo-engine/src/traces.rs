//! The spans of orders, for whoever follows them: spans of `tracing` under a target of their own. Names and attributes are
//! stable, and listed in `docs/operations.md`.
//!
//! A value is a number, the id of an order, or a word of a closed set: nothing that a client or an agent writes becomes one.
//! Where nobody follows the target, a span costs nothing.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Epoch, FailureCode, StepExecutionResult, StepName, Usage};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::engine::Engine;
use crate::figures::{agent_label, step_label};
use crate::ports::AgentReport;
use crate::run::RunEnd;

/// The target of all spans of orders, and of nothing else.
pub const TARGET: &str = "awo::trace";

/// The attribute that an order's span tells its id by.
pub const ORDER_ID: &str = "awo.order.id";

/// The attribute that an order's span tells by which of its claims this is, from 1. Each claim has a span of its own.
pub const ORDER_EPOCH: &str = "awo.order.epoch";

/// The attribute that tells why something failed. A span without it did not fail.
pub const ERROR_TYPE: &str = "error.type";

const OUTCOME: &str = "awo.outcome";

/// An order that runs here, from its claim to its end or to where this process lets go of it.
pub(crate) fn order(engine: &Engine, order: &AgentWorkOrder, epoch: Epoch, results: usize) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "order",
        "awo.order.id" = %order.agent_work_order_id,
        "awo.order.epoch" = epoch.0,
        "awo.agent" = &*agent_label(engine, &order.spec.agent),
        "awo.results.before" = results,
        "awo.results" = Empty,
        "awo.outcome" = Empty,
        "error.type" = Empty,
        "awo.tokens" = Empty,
        "awo.turns" = Empty,
        "awo.cost_usd" = Empty,
    )
}

/// Says how an order's run came to its end; `None` if this process may not, or cannot, go on with it.
pub(crate) fn order_ended(span: &Span, end: Option<RunEnd>, order: &AgentWorkOrder, results: usize) {
    if span.is_disabled() {
        return;
    }
    span.record("awo.results", results);
    used(span, Some(&order.usage_so_far()));
    match end {
        Some(RunEnd::Ended(status)) => {
            span.record(OUTCOME, status.as_str());
            if status == AgentWorkOrderStatus::Failed {
                span.record(ERROR_TYPE, order.state.error_code.unwrap_or(FailureCode::Internal).as_str());
            }
        }
        Some(RunEnd::HandedOver | RunEnd::NothingToDo) => {
            span.record(OUTCOME, "handed_over");
        }
        None => {
            span.record(OUTCOME, "stopped");
            span.record(ERROR_TYPE, "stopped");
        }
    }
}

/// An attempt of a step, or as much of it as comes before a pause.
pub(crate) fn step(engine: &Engine, step: &StepName, agent: &Arc<str>, attempt: u32) -> Span {
    info_span!(
        target: TARGET,
        "step",
        "awo.step" = step_label(step),
        "awo.agent" = &*agent_label(engine, agent),
        "awo.attempt" = attempt,
        "awo.outcome" = Empty,
        "error.type" = Empty,
        "awo.tries" = Empty,
        "awo.output.bytes" = Empty,
        "awo.tokens" = Empty,
        "awo.turns" = Empty,
        "awo.cost_usd" = Empty,
    )
}

/// Says that an attempt has its result.
pub(crate) fn step_ended(span: &Span, result: &StepExecutionResult) {
    outcome(span, result.error_code);
    span.record("awo.tries", result.tries.len());
    if let Some(output) = &result.output {
        span.record("awo.output.bytes", output.len());
    }
    used(span, result.usage.as_ref());
}

/// Says that an attempt was suspended, and goes on later.
pub(crate) fn step_suspended(span: &Span) {
    span.record(OUTCOME, "suspended");
}

/// One execution of an agent's program.
pub(crate) fn agent(engine: &Engine, agent: &Arc<str>, execution: usize, prompt: &str) -> Span {
    info_span!(
        target: TARGET,
        "agent",
        "awo.agent" = &*agent_label(engine, agent),
        "awo.execution" = execution,
        "awo.prompt.bytes" = prompt.len(),
        "awo.answer.bytes" = Empty,
        "awo.outcome" = Empty,
        "error.type" = Empty,
        "awo.tokens" = Empty,
        "awo.turns" = Empty,
        "awo.cost_usd" = Empty,
    )
}

/// Says how an execution ended, which is now.
pub(crate) fn agent_ended(span: Span, report: &AgentReport) {
    outcome(&span, report.answer.as_ref().err().map(|failure| failure.code));
    if let Ok(answer) = &report.answer {
        span.record("awo.answer.bytes", answer.len());
    }
    used(&span, report.usage.as_ref());
    drop(span);
}

/// One try to save a history.
pub(crate) fn save(results: usize) -> Span {
    info_span!(target: TARGET, "save", "awo.results" = results, "awo.outcome" = Empty, "error.type" = Empty)
}

/// Says what a try to save came to, now that it has ended.
pub(crate) fn save_ended(span: Span, outcome: &'static str) {
    span.record(OUTCOME, outcome);
    if outcome != "stored" {
        span.record(ERROR_TYPE, outcome);
    }
    drop(span);
}

fn outcome(span: &Span, failed: Option<FailureCode>) {
    span.record(OUTCOME, if failed.is_some() { "failed" } else { "succeeded" });
    if let Some(code) = failed {
        span.record(ERROR_TYPE, code.as_str());
    }
}

/// What agents consumed, as far as they say so.
fn used(span: &Span, usage: Option<&Usage>) {
    let Some(usage) = usage else { return };
    if let Some(tokens) = usage.tokens() {
        span.record("awo.tokens", tokens);
    }
    if let Some(turns) = usage.turns {
        span.record("awo.turns", turns);
    }
    if let Some(cost) = usage.cost_usd() {
        span.record("awo.cost_usd", cost);
    }
}
