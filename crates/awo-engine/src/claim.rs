//! Takes an order over: decides what a claim says (pure), and gets it stored.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventKind, Failure, FailureCode, OrderPatch,
    StepExecutionResult, StepHistory, Timestamp,
};
use awo_state::{Change, ClaimId, OrderSnapshot};

use crate::follow_ups::{resumed_session, start_patch};
use crate::progress::{Ending, Move, agent_of, next_move};
use crate::snapshots::last_snapshot;
use crate::suspension::{self, goes_on, settled_fields};

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
    /// Whether the worker is alive that left an attempt without an end, if one did: the order is not to blame then.
    pub(crate) owner_lives: bool,
}

/// Decides a claim. With `cannot_run` the order is claimed and ended in one commit.
///
/// One commit says: claimed, the `interrupted` result of a cut attempt, and the start of the first step. An order that
/// waits goes on waiting: its first step is not started.
pub(crate) fn plan_claim(seen: &OrderSnapshot, claimant: Claimant, cannot_run: Option<&Failure>) -> Claim {
    let Claimant { id, worker, now, session_id, resumes, owner_lives } = claimant;
    let mut order = AgentWorkOrder::clone(&seen.order);
    let mut history = seen.history.clone();
    let started_at = order.state.started_at.or(Some(now));
    let claimed = OrderPatch { started_at: Some(started_at), ..OrderPatch::default() };
    let mut change = Change::if_unchanged(seen.seq).claiming(id, &worker, now, claimed);

    if let Some(cut) = order.state.current_step.take() {
        let result = interrupted(&order, &cut, now, cannot_run.is_none(), owner_lives);
        let patch = OrderPatch {
            interruptions: (!owner_lives).then_some(order.state.interruptions.saturating_add(1)),
            ..settled_fields(&order, &result)
        };
        finish(&mut change, &mut order, &mut history, result, patch, now);
    }
    let cancelled = Ending {
        status: AgentWorkOrderStatus::Cancelled,
        error_code: Some(FailureCode::Cancelled),
        error_message: Some("cancelled on request".into()),
    };
    let (first, ending) = match (cannot_run, next_move(&order, &history)) {
        (Some(failure), _) => {
            let ending = Ending {
                status: AgentWorkOrderStatus::Failed,
                error_code: Some(failure.code),
                error_message: Some(Arc::clone(&failure.message)),
            };
            (None, Some(ending))
        }
        (None, next) if order.state.cancel_requested && next.step().is_some() => (None, Some(cancelled)),
        (None, next) => (Some(next), None),
    };
    // An order that waits goes on with its suspended attempt; in all other cases that is over.
    let goes_on = first.as_ref().and_then(Move::step).is_some_and(|next| goes_on(&order, next).is_some());
    if let Some(suspended) = order.state.suspended.clone().filter(|_| !goes_on) {
        let failure = left_behind(ending.as_ref());
        let result = suspension::ended(&suspended.current, Some(&suspended), &failure, now, Duration::ZERO);
        let patch = settled_fields(&order, &result);
        finish(&mut change, &mut order, &mut history, result, patch, now);
    }
    if let Some(ending) = &ending {
        change.record(EventKind::Ended { status: ending.status }, now, end_patch(ending, now));
    }
    if let Some(Move::Run(definition)) = &first {
        let current = CurrentStep {
            step: definition.step.clone(),
            agent_name: agent_of(&order, &definition.step),
            attempt: AgentWorkOrder::next_attempt(&history, &definition.step),
            started_at: now,
            session_id: resumed_session(&order, definition, &history, resumes).or(session_id),
            before: last_snapshot(&order, &history),
        };
        let patch = start_patch(&order, &history, &current);
        change.record(EventKind::StepStarted(current), now, patch);
    }
    order.state = seen.order.state.clone();
    for recorded in change.recorded() {
        recorded.patch.apply(&mut order.state);
    }
    let has_result = history.len() > seen.history.len();
    Claim { order, history, change, has_result, first }
}

/// Says that an attempt has ended, in a claim.
fn finish(
    change: &mut Change,
    order: &mut AgentWorkOrder,
    history: &mut StepHistory,
    result: StepExecutionResult,
    patch: OrderPatch,
    now: Timestamp,
) {
    patch.apply(&mut order.state);
    let event = EventKind::StepFinished {
        index: history.len(),
        step: result.step.clone(),
        attempt: result.attempt,
        success: false,
    };
    change.record(event, now, OrderPatch { current_step: Some(None), ..patch });
    history.push(result);
}

/// Why a suspended attempt does not go on.
fn left_behind(ending: Option<&Ending>) -> Failure {
    match ending {
        Some(ending) if ending.status == AgentWorkOrderStatus::Cancelled => {
            Failure::new(FailureCode::Cancelled, "cancelled on request while it waited")
        }
        _ => Failure::new(FailureCode::Interrupted, "it was waiting, and did not go on"),
    }
}

/// The fields that say how an order ended.
pub(crate) fn end_patch(ending: &Ending, at: Timestamp) -> OrderPatch {
    OrderPatch {
        status: Some(ending.status),
        error_code: Some(ending.error_code),
        error_message: Some(ending.error_message.clone()),
        waiting_for: Some(None),
        waiting_until: Some(None),
        completed_at: Some(Some(at)),
        ..OrderPatch::default()
    }
}

fn interrupted(
    order: &AgentWorkOrder,
    cut: &CurrentStep,
    now: Timestamp,
    runs_again: bool,
    owner_lives: bool,
) -> StepExecutionResult {
    let what = if owner_lives { "the worker lost its lease" } else { "the worker ended" };
    let then = if runs_again { "; the step runs again" } else { "" };
    let message = format!("{what} during this attempt{then}");
    let failure = Failure::new(FailureCode::Interrupted, message);
    let since = now.duration_since(cut.started_at).try_into().unwrap_or_default();
    suspension::ended(cut, order.state.suspended.as_deref(), &failure, now, since)
}
