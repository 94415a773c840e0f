//! Trying again: whether and from where an order can be (pure), and getting it stored and queued.

use awo_models::{AgentWorkOrderStatus, EventKind, OrderId, OrderPatch, Round, StepName, Timestamp};
use awo_state::{Change, LogLevel, OrderSnapshot, StateError, StateRepositoryExt as _};
use tracing::info;

use crate::cause::carried;
use crate::error::{EngineError, FieldError};
use crate::queue::Place;
use crate::work_orders::{OrderView, WorkOrders};

impl WorkOrders {
    /// Tries an order that has ended again, from its first step that is not done or from an earlier one. What is run
    /// again begins with the checkout as it was then; earlier results stay. Queued when this returns.
    pub async fn retry(&self, id: OrderId, from_step: Option<&StepName>) -> Result<OrderView, EngineError> {
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        let place = self.queue.reserve().map_err(|full| self.no_place(full))?;
        let (this, from_step) = (self.clone(), from_step.cloned());
        // A caller that goes away must not leave an order open again without its place in the queue.
        let storing = tokio::spawn(carried(async move { this.store_retry(id, from_step.as_ref(), place).await }));
        storing.await.map_err(|died| StateError::Backend(died.into()))??;
        self.get(id).await
    }

    async fn store_retry(&self, id: OrderId, from_step: Option<&StepName>, place: Place) -> Result<(), EngineError> {
        let now = self.engine.clock.now();
        let asking = self.engine.repository.decide(id, |seen| retry_request(seen, from_step, now));
        let committed = match self.engine.answered(asking).await {
            Ok(committed) => committed,
            Err(EngineError::State(outage)) if outage.is_outage() => {
                place.send(id); // it may be stored: whoever takes the place finds out
                return Err(outage.into());
            }
            Err(refused) => return Err(refused),
        };
        place.send(id);
        self.engine.hints.send(id, committed.seq);
        info!(agent_work_order_id = %id, from_step = from_step.map(StepName::as_str), "agent_work_order_retried");
        self.engine.note(id, LogLevel::Info, "agent_work_order_retried", |entry| {
            entry.with_field("from_step", from_step.map(StepName::as_str))
        });
        Ok(())
    }
}

/// What a request to try again says: a new round, which reopens a step and all after it.
fn retry_request(seen: &OrderSnapshot, from_step: Option<&StepName>, now: Timestamp) -> Result<Change, EngineError> {
    let (order, history) = (&seen.order, &seen.history);
    let (id, status) = (order.agent_work_order_id, order.state.status);
    let refused = |allowed| Err(EngineError::NotAllowed { id, status, allowed });
    if order.state.held {
        return refused("it is held; start it");
    }
    if !status.is_terminal() {
        return refused("it has not ended; cancel it first, or wait");
    }
    let workflow = order.workflow();
    let open = match workflow.iter().position(|definition| !order.is_done(history, definition)) {
        Some(open) => open,
        None if order.waiting_prompts() > 0 => workflow.len(),
        None => return refused("all its steps are done; say what is missing with a prompt, or create another order"),
    };
    let resumes_at = match from_step {
        None => open,
        Some(step) => match workflow.iter().position(|definition| definition.step == *step) {
            Some(place) if place <= open => place,
            Some(_) => {
                let message = format!(
                    "comes after `{}`, which is not done; retry from that or an earlier step",
                    workflow[open].step
                );
                return Err(EngineError::Invalid(vec![FieldError { field: "from_step", message }]));
            }
            None => {
                let steps: Vec<_> = workflow.iter().take(open + 1).map(|definition| definition.step.as_str()).collect();
                let message = format!("{step} is not a step of this order; there are {}", steps.join(", "));
                return Err(EngineError::Invalid(vec![FieldError { field: "from_step", message }]));
            }
        },
    };
    let patch = OrderPatch {
        status: Some(AgentWorkOrderStatus::Pending),
        round: Some(Round { first_result: history.len(), resumes_at }),
        cancel_requested: Some(false),
        interruptions: Some(0),
        error_code: Some(None),
        error_message: Some(None),
        completed_at: Some(None),
        ..OrderPatch::default()
    };
    Ok(Change::if_unchanged(seen.seq).with(EventKind::Retried, now, patch))
}
