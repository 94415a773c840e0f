//! What a suspended attempt is when it goes on, and when it does not. Pure.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, CurrentStep, Evidence, Failure, OrderPatch, StepDefinition, StepExecutionResult, SuspendedAttempt,
    Timestamp, WorkspaceSnapshot,
};

use crate::snapshots::last_snapshot;

/// The suspended attempt that an order that waits goes on with. One of an order that does not wait has gone on since, or is
/// over and only lacks its result.
pub(crate) fn goes_on<'o>(order: &'o AgentWorkOrder, next: &StepDefinition) -> Option<&'o Arc<SuspendedAttempt>> {
    let suspended = order.state.suspended.as_ref().filter(|suspended| suspended.current.step == next.step);
    suspended.filter(|_| order.state.waiting_until.is_some())
}

/// The attempt in progress, once it goes on.
pub(crate) fn resumed(suspended: &SuspendedAttempt, now: Timestamp) -> CurrentStep {
    let session_id = suspended.place.as_ref().map(|place| Arc::clone(&place.session_id));
    CurrentStep { started_at: now, session_id, ..suspended.current.clone() }
}

/// The workspace that comes next in an order: as a suspended attempt left it, if that goes on in its session; else as the
/// last standing success left it.
pub(crate) fn workspace_left(
    order: &AgentWorkOrder,
    history: &awo_models::StepHistory,
    next: &StepDefinition,
) -> Option<WorkspaceSnapshot> {
    let place = goes_on(order, next).and_then(|suspended| suspended.place.as_ref());
    place.map(|place| place.left.clone()).or_else(|| last_snapshot(order, history))
}

/// The result of an attempt that ends without its agent: it waited, or was cut. What an `earlier` part of it left, before
/// it was suspended, is known; `since` is how long it was at work after that.
pub(crate) fn ended(
    current: &CurrentStep,
    earlier: Option<&SuspendedAttempt>,
    failure: &Failure,
    now: Timestamp,
    since: Duration,
) -> StepExecutionResult {
    let worked = earlier.map_or(Duration::ZERO, |earlier| earlier.worked);
    let place = earlier.and_then(|earlier| earlier.place.as_ref());
    StepExecutionResult {
        step: current.step.clone(),
        agent_name: current.agent_name.clone(),
        attempt: current.attempt,
        success: false,
        output: None,
        output_truncated: false,
        error_code: Some(failure.code),
        error_message: Some(Arc::clone(&failure.message)),
        error_exit: failure.exit,
        duration: worked.saturating_add(since),
        session_id: place.map(|place| Arc::clone(&place.session_id)),
        started_at: earlier.map_or(current.started_at, |earlier| earlier.current.started_at),
        timestamp: now,
        evidence: Evidence::default(),
        usage: earlier.and_then(|earlier| earlier.usage.clone()),
        tries: earlier.map(|earlier| earlier.tries.clone()).unwrap_or_default(),
        artifacts: earlier.map(|earlier| earlier.artifacts.clone()).unwrap_or_default(),
    }
}

/// The fields that a result changes whatever it is: what its agents consumed, and that its attempt is over.
pub(crate) fn settled_fields(order: &AgentWorkOrder, result: &StepExecutionResult) -> OrderPatch {
    let usage = result.usage.as_ref().map(|used| {
        let mut usage = order.state.usage.clone();
        usage.add(used);
        usage
    });
    let suspended = order.state.suspended.as_ref().map(|_| None);
    OrderPatch { usage, suspended, ..OrderPatch::default() }
}
