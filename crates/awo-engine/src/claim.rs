//! Takes an order over: decides what a claim says (pure), and gets it stored.

use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventKind, Evidence, Failure, FailureCode, OrderPatch,
    StepExecutionResult, StepHistory, Timestamp,
};
use awo_state::{Change, ClaimId, OrderSnapshot};

use crate::follow_ups::{resumed_session, start_patch};
use crate::progress::{Ending, Move, agent_of, next_move};
use crate::snapshots::last_snapshot;

/// What a claim says, and what the order is like once it is stored.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) order: AgentWorkOrder,
    pub(crate) history: StepHistory,
    pub(crate) change: Change,
    /// Whether the history grew: the claim is then a save.
    pub(crate) has_result: bool,
    /// What comes first; `None` if the claim ends the order.
    pub(crate) first: Option<Move>,
}

/// Who claims, and when.
#[derive(Debug, Clone)]
pub(crate) struct Claimant {
    pub(crate) id: ClaimId,
    pub(crate) worker: Arc<str>,
    pub(crate) now: Timestamp,
    pub(crate) session_id: Option<Arc<str>>,
    /// Whether the agent can go on in an earlier session.
    pub(crate) resumes: bool,
}

/// Decides a claim. With `cannot_run` the order is claimed and ended in one commit.
///
/// One commit says: claimed, the `interrupted` result of a cut attempt, and the start of the first step.
pub(crate) fn plan_claim(seen: &OrderSnapshot, claimant: Claimant, cannot_run: Option<&Failure>) -> Claim {
    let Claimant { id, worker, now, session_id, resumes } = claimant;
    let mut order = AgentWorkOrder::clone(&seen.order);
    let mut history = seen.history.clone();
    let started_at = order.state.started_at.or(Some(now));
    let claimed = OrderPatch {
        started_at: Some(started_at),
        waiting_for: Some(None),
        waiting_until: Some(None),
        ..OrderPatch::default()
    };
    let mut change = Change::if_unchanged(seen.seq).claiming(id, &worker, now, claimed);

    let cut = order.state.current_step.take();
    let has_result = cut.is_some();
    if let Some(cut) = cut {
        let result = interrupted(&cut, now, cannot_run.is_none());
        change.record(
            EventKind::StepFinished {
                index: history.len(),
                step: result.step.clone(),
                attempt: result.attempt,
                success: false,
            },
            now,
            OrderPatch { interruptions: Some(order.state.interruptions.saturating_add(1)), ..OrderPatch::default() },
        );
        history.push(result);
    }
    let mut first = match cannot_run {
        Some(failure) => {
            let ending = Ending {
                status: AgentWorkOrderStatus::Failed,
                error_code: Some(failure.code),
                error_message: Some(Arc::clone(&failure.message)),
            };
            change.record(EventKind::Ended { status: ending.status }, now, end_patch(&ending, now));
            None
        }
        None => Some(next_move(&order, &history)),
    };
    if order.state.cancel_requested && matches!(first, Some(Move::Run(_))) {
        let ending = Ending {
            status: AgentWorkOrderStatus::Cancelled,
            error_code: Some(FailureCode::Cancelled),
            error_message: Some("cancelled on request".into()),
        };
        change.record(EventKind::Ended { status: ending.status }, now, end_patch(&ending, now));
        first = None;
    }
    if let Some(Move::Run(definition)) = &first {
        let current = CurrentStep {
            step: definition.step.clone(),
            agent_name: agent_of(&order, &definition.step),
            attempt: AgentWorkOrder::next_attempt(&history, &definition.step),
            started_at: now,
            session_id: resumed_session(definition, &history, resumes).or(session_id),
            before: last_snapshot(&order, &history),
        };
        let patch = start_patch(&order, &history, &current);
        change.record(EventKind::StepStarted(current), now, patch);
    }
    for recorded in change.recorded() {
        recorded.patch.apply(&mut order.state);
    }
    Claim { order, history, change, has_result, first }
}

/// The fields that say how an order ended.
pub(crate) fn end_patch(ending: &Ending, at: Timestamp) -> OrderPatch {
    OrderPatch {
        status: Some(ending.status),
        error_code: Some(ending.error_code),
        error_message: Some(ending.error_message.clone()),
        completed_at: Some(Some(at)),
        ..OrderPatch::default()
    }
}

fn interrupted(cut: &CurrentStep, now: Timestamp, runs_again: bool) -> StepExecutionResult {
    let duration = now.duration_since(cut.started_at);
    let message = if runs_again {
        "the worker ended during this attempt; the step runs again"
    } else {
        "the worker ended during this attempt"
    };
    StepExecutionResult {
        step: cut.step.clone(),
        agent_name: cut.agent_name.clone(),
        attempt: cut.attempt,
        success: false,
        output: None,
        output_truncated: false,
        error_code: Some(FailureCode::Interrupted),
        error_message: Some(message.into()),
        duration: duration.try_into().unwrap_or_default(),
        session_id: None,
        started_at: cut.started_at,
        timestamp: now,
        evidence: Evidence::default(),
        usage: None,
        tries: Vec::new(),
        artifacts: Vec::new(),
    }
}
