//! Follow-up prompts: whether an order takes one (pure), and getting it stored and run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::{
    AgentWorkOrderStatus, EventKind, FollowUp, OrderId, OrderPatch, Round, Timestamp, follow_up_step,
    results_by_themselves,
};
use awo_state::{Change, LogLevel, OrderSnapshot, StateRepositoryExt as _};
use tracing::info;

use crate::error::{EngineError, FieldError};
use crate::work_orders::{OrderView, WorkOrders};

/// Longest prompt, in bytes.
const MAX_PROMPT_BYTES: usize = 64 * 1024;
/// Prompts that may wait in an order.
const MAX_WAITING: usize = 16;
/// Prompts that an order takes over its whole life.
const MAX_PROMPTS: usize = 256;

impl WorkOrders {
    /// Says something more to an order. It is stored when this returns, and becomes a further step: after the step that
    /// is at work or comes next, or, if the order has ended, at once, in a new round that also tries again what failed.
    pub async fn prompt(&self, id: OrderId, text: &str) -> Result<OrderView, EngineError> {
        check_text(text).map_err(|message| EngineError::Invalid(vec![FieldError { field: "prompt_text", message }]))?;
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        // Only an order that has ended needs it; whether it has is known when the prompt is decided.
        let place = self.queue.reserve();
        let (text, now, reopened) = (Arc::from(text), self.engine.clock.now(), AtomicBool::new(false));
        let decide = |seen: &OrderSnapshot| {
            let change = prompt_request(seen, &text, now)?;
            let reopens = change.status().is_some();
            reopened.store(reopens, Ordering::Relaxed);
            match &place {
                Err(full) if reopens => Err(self.no_place(*full)),
                _ => Ok(change),
            }
        };
        let asked = self.engine.answered(self.engine.repository.decide(id, decide)).await;
        let outage = matches!(&asked, Err(EngineError::State(error)) if error.is_outage());
        if asked.is_ok() || outage {
            // After an outage it may be stored: whoever runs the order finds out.
            match place {
                Ok(place) if reopened.into_inner() => place.send(id),
                _ => self.engine.live.prompted(id),
            }
        }
        let committed = asked?;
        self.engine.hints.send(id, committed.seq);
        info!(agent_work_order_id = %id, "agent_work_order_prompted");
        self.engine.note(id, LogLevel::Info, "agent_work_order_prompted", |entry| {
            entry.with_field("prompts", committed.prompts).with_field("bytes", text.len())
        });
        self.get(id).await
    }
}

fn check_text(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        Err("is empty; say what is wanted".into())
    } else if text.len() > MAX_PROMPT_BYTES {
        Err(format!("has {} bytes; at most {MAX_PROMPT_BYTES} are read", text.len()))
    } else {
        Ok(())
    }
}

/// What a prompt says, the order being where it is.
fn prompt_request(seen: &OrderSnapshot, text: &Arc<str>, now: Timestamp) -> Result<Change, EngineError> {
    let (order, history) = (&seen.order, &seen.history);
    let (id, status, state) = (order.agent_work_order_id, order.state.status, &order.state);
    let refused = |allowed| Err(EngineError::NotAllowed { id, status, allowed });
    if state.cancel_requested && !status.is_terminal() {
        return refused("it is being cancelled; once it is cancelled, a prompt goes on from where it stands");
    }
    if state.prompts.len() >= MAX_PROMPTS {
        return refused("it has taken as many prompts as an order takes; create another order");
    }
    if order.waiting_prompts() >= MAX_WAITING {
        return refused("as many prompts wait in it as may wait; try again when it has taken one up");
    }
    let after_results = if status.is_terminal() { 0 } else { results_by_themselves(history) + 1 };
    let prompt = FollowUp { text: Arc::clone(text), at: now, after_results };
    let mut patch = OrderPatch { prompt: Some(prompt), ..OrderPatch::default() };
    if status.is_terminal() {
        // Steps of earlier prompts are not tried again: this one says something new.
        let open = order.spec.workflow.iter().find(|definition| !order.is_done(history, definition));
        let resumes_at = open.and_then(|definition| order.place_of(&definition.step));
        patch = OrderPatch {
            status: Some(AgentWorkOrderStatus::Pending),
            round: Some(Round {
                first_result: history.len(),
                resumes_at: resumes_at.unwrap_or(order.workflow().len()),
            }),
            cancel_requested: Some(false),
            interruptions: Some(0),
            error_code: Some(None),
            error_message: Some(None),
            completed_at: Some(None),
            ..patch
        };
    }
    let said = EventKind::Prompted { step: follow_up_step(state.prompts.len() + 1) };
    Ok(Change::if_unchanged(seen.seq).with(said, now, patch))
}
