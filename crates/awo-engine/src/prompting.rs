//! Follow-up prompts: whether an order takes one (pure), and getting it stored and run.

use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::{
    AgentWorkOrderStatus, EventKind, FollowUp, Idempotency, OrderId, OrderPatch, Round, follow_up_step,
    results_by_themselves,
};
use awo_state::{Change, LogLevel, OrderSnapshot, StateError, StateRepositoryExt as _};
use tracing::info;

use crate::cause::carried;
use crate::error::{EngineError, FieldError};
use crate::work_orders::{OrderView, WorkOrders};

/// Longest prompt, in bytes.
const MAX_PROMPT_BYTES: usize = 64 * 1024;
/// Prompts that may wait in an order.
const MAX_WAITING: usize = 16;
/// Prompts that an order takes over its whole life.
const MAX_PROMPTS: usize = 256;

/// The answer to a prompt.
#[derive(Debug, Clone)]
pub struct Prompted {
    /// The order.
    pub view: OrderView,
    /// Whether the prompt was there already, stored by an earlier request with the same idempotency key.
    pub existed: bool,
}

/// Why a prompt is not stored.
enum NotStored {
    /// It is there already.
    Known,
    Refused(EngineError),
}

impl From<StateError> for NotStored {
    fn from(error: StateError) -> Self {
        Self::Refused(error.into())
    }
}

impl WorkOrders {
    /// Says something more to an order. It is stored when this returns, and becomes a further step: after the step that
    /// is at work or comes next, or, if the order has ended, at once, in a new round that also tries again what failed.
    pub async fn prompt(&self, id: OrderId, text: &str) -> Result<OrderView, EngineError> {
        Ok(self.prompt_with(id, text, None).await?.view)
    }

    /// The same, once only: whoever does not know whether it was stored may say it again with the same key.
    pub async fn prompt_once(&self, id: OrderId, text: &str, key: Idempotency) -> Result<Prompted, EngineError> {
        self.prompt_with(id, text, Some(key)).await
    }

    async fn prompt_with(
        &self,
        id: OrderId,
        text: &str,
        idempotency: Option<Idempotency>,
    ) -> Result<Prompted, EngineError> {
        check_text(text).map_err(|message| EngineError::Invalid(vec![FieldError { field: "prompt_text", message }]))?;
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        let (this, now) = (self.clone(), self.engine.clock.now());
        let prompt = FollowUp { text: text.into(), at: now, after_results: 0, idempotency };
        // A caller that goes away must not leave an order open again without its place in the queue.
        let storing = tokio::spawn(carried(async move { this.store_prompt(id, &prompt).await }));
        let existed = storing.await.map_err(|died| StateError::Backend(died.into()))??;
        Ok(Prompted { view: self.get(id).await?, existed })
    }

    /// Stores a prompt, unless it is there already, and sees that it is taken up; whether it was there.
    async fn store_prompt(&self, id: OrderId, prompt: &FollowUp) -> Result<bool, EngineError> {
        // Only an order that has ended needs it; whether it has is known when the prompt is decided.
        let place = self.queue.reserve();
        let reopened = AtomicBool::new(false);
        let decide = |seen: &OrderSnapshot| {
            if let Some(known) = known(seen, prompt) {
                return Err(known);
            }
            let change = prompt_request(seen, prompt).map_err(NotStored::Refused)?;
            let reopens = change.status().is_some();
            reopened.store(reopens, Ordering::Relaxed);
            match &place {
                Err(full) if reopens => Err(NotStored::Refused(self.no_place(*full))),
                _ => Ok(change),
            }
        };
        let asked = self.engine.answered(self.engine.repository.decide(id, decide)).await;
        let is_outage = |error: &EngineError| matches!(error, EngineError::State(error) if error.is_outage());
        let outage = matches!(&asked, Err(NotStored::Refused(error)) if is_outage(error));
        if asked.is_ok() || outage {
            // After an outage it may be stored: whoever runs the order finds out.
            match place {
                Ok(place) if reopened.into_inner() => place.send(id),
                _ => self.engine.live.prompted(id),
            }
        }
        let committed = match asked {
            Ok(committed) => committed,
            Err(NotStored::Known) => return Ok(true),
            Err(NotStored::Refused(error)) => return Err(error),
        };
        self.engine.hints.send(id, committed.seq);
        info!(agent_work_order_id = %id, "agent_work_order_prompted");
        self.engine.note(id, LogLevel::Info, "agent_work_order_prompted", |entry| {
            entry.with_field("prompts", committed.prompts).with_field("bytes", prompt.text.len())
        });
        Ok(false)
    }
}

/// What an earlier request with the same key makes of this one; `None` if there was none.
fn known(seen: &OrderSnapshot, prompt: &FollowUp) -> Option<NotStored> {
    let asked = prompt.idempotency.as_ref()?;
    let earlier = seen.order.state.prompts.iter().filter_map(|prompt| prompt.idempotency.as_ref());
    let earlier = earlier.into_iter().find(|earlier| earlier.key == asked.key)?;
    Some(if earlier == asked {
        NotStored::Known
    } else {
        let (key, order) = (asked.key.to_string(), seen.order.agent_work_order_id);
        NotStored::Refused(EngineError::PromptKeyReused { key, order })
    })
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
fn prompt_request(seen: &OrderSnapshot, prompt: &FollowUp) -> Result<Change, EngineError> {
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
    let (now, prompt) = (prompt.at, FollowUp { after_results, ..prompt.clone() });
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
