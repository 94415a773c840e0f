//! Finds the checkout of an order, or makes it when the first step needs it.

use std::sync::Arc;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Failure, FailureCode};
use awo_state::OrderSnapshot;
use tracing::{info, warn};

use crate::claim::last_snapshot;
use crate::engine::Engine;
use crate::ports::{Sandbox, SandboxRequest};

/// The checkout of an order that is about to run.
#[derive(Debug, Clone)]
pub(crate) enum Workspace {
    /// To be made when the first step needs it.
    Fresh,
    /// Made by an earlier life, and what its finished steps left is still there.
    Found(Arc<dyn Sandbox>),
}

impl Workspace {
    /// Finds it; ends what still runs in it first.
    ///
    /// An error means that the order cannot go on: a finished step's work is gone.
    pub(crate) async fn find(engine: &Engine, seen: &OrderSnapshot) -> Result<Self, Failure> {
        Self::end_processes(engine, seen).await?;
        let (order, history) = (&seen.order, &seen.history);
        let Some(left) = last_snapshot(order, history) else {
            return Ok(Self::Fresh); // nothing that stands was done in it
        };
        let gone =
            |what: &str| Failure::new(FailureCode::Interrupted, format!("the order was interrupted, and {what}"));
        let found = engine.sandboxes.reopen(&sandbox_request(order)).await?;
        let sandbox = found.ok_or_else(|| gone("its workspace is not there any more"))?;
        // What a cut attempt, or a step that is run again, left in it is gone: the step begins as it began before.
        sandbox.restore(&left).await.map_err(|failure| gone(&format!("its workspace is not sound: {failure}")))?;
        Ok(Self::Found(sandbox))
    }

    /// None, for an order that has nothing left to do in one; what still runs in it is ended.
    pub(crate) async fn unneeded(engine: &Engine, seen: &OrderSnapshot) -> Self {
        if let Err(failure) = Self::end_processes(engine, seen).await {
            let id = seen.order.agent_work_order_id;
            warn!(agent_work_order_id = %id, reason = %failure, "left_over_processes_not_ended");
        }
        Self::Fresh
    }

    /// Ends what an earlier life of this program left running for the order.
    async fn end_processes(engine: &Engine, seen: &OrderSnapshot) -> Result<(), Failure> {
        let order = &seen.order;
        if order.state.status == AgentWorkOrderStatus::Running {
            let ended = engine.sandboxes.end_processes(order.agent_work_order_id).await?;
            if ended > 0 {
                info!(agent_work_order_id = %order.agent_work_order_id, ended, "left_over_processes_ended");
            }
        }
        Ok(())
    }
}

/// What a checkout of this order is made of.
pub(crate) fn sandbox_request(order: &AgentWorkOrder) -> SandboxRequest {
    SandboxRequest {
        order: order.agent_work_order_id,
        repository_url: Arc::clone(&order.spec.repository_url),
        sandbox_type: order.spec.sandbox_type,
        base_branch: order.spec.base_branch.clone(),
        isolation: order.spec.isolation,
    }
}
