//! What front ends see of the workers that share the orders, and pausing the queue of all of them.

use awo_state::Fleet;
use tracing::info;

use crate::error::EngineError;
use crate::work_orders::WorkOrders;

impl WorkOrders {
    /// The workers that share the orders, and whether their queue is paused; `None` where this process is the only one.
    pub async fn fleet(&self) -> Result<Option<Fleet>, EngineError> {
        match &self.engine.leasing {
            Some(leasing) => Ok(Some(self.engine.answered(leasing.port.fleet()).await?)),
            None => Ok(None),
        }
    }

    /// Lets no worker begin an order any more, or again; what runs goes on. False where this process is the only worker:
    /// nothing is changed then.
    pub async fn pause_queue(&self, paused: bool) -> Result<bool, EngineError> {
        let Some(leasing) = &self.engine.leasing else { return Ok(false) };
        self.engine.answered(leasing.port.pause(paused)).await?;
        info!(paused, "queue_paused");
        leasing.wake.notify_one();
        Ok(true)
    }
}
