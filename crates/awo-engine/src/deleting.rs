//! Deletes one order at somebody's request, with all that belongs to it.

use std::sync::Arc;

use awo_models::{EventSeq, OrderId};
use awo_state::StateError;
use tracing::info;

use crate::cause::carried;
use crate::error::EngineError;
use crate::retention::remove_belongings;
use crate::work_orders::WorkOrders;

impl WorkOrders {
    /// Deletes an order that has ended, with its artifacts, its log, its checkout and its sessions. It is gone when this
    /// returns; what other processes that share the store have of it goes when they hear of that. A branch that was pushed, and its
    /// pull request, stay.
    pub async fn delete(&self, id: OrderId) -> Result<(), EngineError> {
        let seen = self.get(id).await?;
        let status = seen.order.state.status;
        if !status.is_terminal() {
            let held = seen.order.state.held;
            let allowed =
                if held { "it is held; cancel it first" } else { "it has not ended; cancel it first, or wait" };
            return Err(EngineError::NotAllowed { id, status, allowed });
        }
        if self.engine.live.runs(id) {
            let allowed = "its checkout is still being cleared up; try again in a moment";
            return Err(EngineError::NotAllowed { id, status, allowed });
        }
        // On a task of its own: a caller that goes away must not leave what belonged to an order that is gone.
        let engine = Arc::clone(&self.engine);
        let deleting = tokio::spawn(carried(async move {
            engine.answered(engine.repository.delete(id, seen.seq)).await?;
            info!(agent_work_order_id = %id, why = "somebody asked for it", "agent_work_order_deleted");
            engine.hints.send(id, EventSeq(seen.seq.0 + 1));
            engine.statistics.deleted(id);
            remove_belongings(&engine, id).await;
            Ok(())
        }));
        match deleting.await.map_err(|died| StateError::Backend(died.into()))? {
            Err(StateError::Conflict { .. }) => {
                let allowed = "it has changed meanwhile; look at it again";
                Err(EngineError::NotAllowed { id, status, allowed })
            }
            other => Ok(other?),
        }
    }
}
