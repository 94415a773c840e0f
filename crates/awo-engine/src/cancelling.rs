//! Cancelling: whether an order can be cancelled (pure), and getting the request stored and heard.

use awo_models::{AgentWorkOrderStatus, EventKind, FailureCode, OrderId, OrderPatch, Timestamp};
use awo_state::{Change, LogLevel, OrderSnapshot, StateError, StateRepositoryExt as _};
use tracing::info;

use crate::cause::carried;
use crate::claim::end_patch;
use crate::error::EngineError;
use crate::live::StopReason;
use crate::progress::Ending;
use crate::work_orders::{OrderView, WorkOrders};

impl WorkOrders {
    /// Cancels an order. The request is stored when this returns; a running order is `cancelled` once its agent has
    /// ended. Asking again changes nothing.
    pub async fn cancel(&self, id: OrderId) -> Result<OrderView, EngineError> {
        let this = self.clone();
        // A caller that goes away must not leave an agent at work whose order is to be cancelled.
        let storing = tokio::spawn(carried(async move { this.store_cancel(id).await }));
        storing.await.map_err(|died| StateError::Backend(died.into()))?
    }

    async fn store_cancel(&self, id: OrderId) -> Result<OrderView, EngineError> {
        let now = self.engine.clock.now();
        let asking = self.engine.repository.decide(id, |seen| cancel_request(seen, now));
        let asked = match tokio::time::timeout(self.engine.settings.answer_time, asking).await {
            Ok(asked) => asked,
            Err(late) => Err(StateError::Unavailable(late.into()).into()),
        };
        let view = match asked {
            Ok(_) => self.get(id).await?,
            // The answer may be lost and the request stored.
            Err(EngineError::State(outage)) if outage.is_outage() => match self.get(id).await {
                Ok(view) if view.order.state.cancel_requested => view,
                _ => return Err(EngineError::State(outage)),
            },
            Err(refused) => return Err(refused),
        };
        if view.order.state.status == AgentWorkOrderStatus::Cancelled {
            crate::figures::ended(AgentWorkOrderStatus::Cancelled); // it waited, and this was its end
        }
        self.engine.live.stop(id, StopReason::Cancelled);
        self.engine.hints.send(id, view.seq);
        info!(agent_work_order_id = %id, "agent_work_order_cancel_requested");
        self.engine.note(id, LogLevel::Info, "agent_work_order_cancel_requested", |entry| entry);
        Ok(view)
    }
}

/// What a request to cancel says, the order being where it is.
fn cancel_request(seen: &OrderSnapshot, now: Timestamp) -> Result<Change, EngineError> {
    let id = seen.order.agent_work_order_id;
    let asked = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
    let unchanged = Change::if_unchanged(seen.seq);
    if seen.order.state.cancel_requested && !seen.order.state.status.is_terminal() {
        return Ok(unchanged); // it was asked already, and is on its way
    }
    let change = unchanged.with(EventKind::CancelRequested, now, asked);
    match seen.order.state.status {
        AgentWorkOrderStatus::Pending => {
            let ending = Ending {
                status: AgentWorkOrderStatus::Cancelled,
                error_code: Some(FailureCode::Cancelled),
                error_message: Some("cancelled on request before it began".into()),
            };
            let let_go = seen.order.state.held.then_some(false);
            let patch = OrderPatch { held: let_go, ..end_patch(&ending, now) };
            Ok(change.with(EventKind::Ended { status: ending.status }, now, patch))
        }
        AgentWorkOrderStatus::Running => Ok(change),
        status => Err(EngineError::NotAllowed { id, status, allowed: "it has ended and can only be read" }),
    }
}
