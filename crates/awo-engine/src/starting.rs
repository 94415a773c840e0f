//! Starting an order that was held: whether it can be (pure), and getting it stored and queued.

use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::{EventKind, OrderId, OrderPatch, Timestamp};
use awo_state::{Change, LogLevel, OrderSnapshot, StateError, StateRepositoryExt as _};
use tracing::info;

use crate::cause::carried;
use crate::error::EngineError;
use crate::work_orders::{OrderView, WorkOrders};

impl WorkOrders {
    /// Starts an order that is held. It is stored and queued when this returns. Asking again changes nothing, so that who
    /// did not hear the answer may; an order that has ended is not started but tried again.
    pub async fn start(&self, id: OrderId) -> Result<OrderView, EngineError> {
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        let this = self.clone();
        // A caller that goes away must not leave a started order without its place in the queue.
        let storing = tokio::spawn(carried(async move { this.store_start(id).await }));
        storing.await.map_err(|died| StateError::Backend(died.into()))??;
        self.get(id).await
    }

    async fn store_start(&self, id: OrderId) -> Result<(), EngineError> {
        // Only an order that is held needs it; whether it is, is known when the start is decided.
        let place = self.queue.reserve();
        let now = self.engine.clock.now();
        let is_new = AtomicBool::new(false);
        let decide = |seen: &OrderSnapshot| {
            let change = start_request(seen, now)?;
            is_new.store(!change.is_empty(), Ordering::Relaxed);
            match &place {
                Err(full) if !change.is_empty() => Err(self.no_place(*full)),
                _ => Ok(change),
            }
        };
        let started = self.engine.answered(self.engine.repository.decide(id, decide)).await;
        let outage = matches!(&started, Err(EngineError::State(error)) if error.is_outage());
        // After an outage it may be stored. One that was started before may have lost its place with its answer; where it
        // has not, a second one does no harm.
        if let (true, Ok(place)) = (started.is_ok() || outage, place) {
            place.send(id);
        }
        let committed = started?;
        if !is_new.into_inner() {
            return Ok(());
        }
        self.engine.hints.send(id, committed.seq);
        info!(agent_work_order_id = %id, "agent_work_order_start_requested");
        self.engine.note(id, LogLevel::Info, "agent_work_order_start_requested", |entry| entry);
        Ok(())
    }
}

/// What a request to start says; nothing if the order was started before.
fn start_request(seen: &OrderSnapshot, now: Timestamp) -> Result<Change, EngineError> {
    let (id, state) = (seen.order.agent_work_order_id, &seen.order.state);
    let unchanged = Change::if_unchanged(seen.seq);
    if state.status.is_terminal() {
        return Err(EngineError::NotAllowed { id, status: state.status, allowed: "it has ended; retry it" });
    }
    if !state.held {
        return Ok(unchanged);
    }
    let started = OrderPatch { held: Some(false), ..OrderPatch::default() };
    Ok(unchanged.with(EventKind::StartRequested, now, started))
}
