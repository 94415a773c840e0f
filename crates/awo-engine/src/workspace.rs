//! Finds the checkout of an order, or makes it when the first step needs it.

use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, Failure, FailureCode, OrderId, StepDefinition, WorkspaceSnapshot,
};
use awo_state::{LogLevel, OrderSnapshot};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::ports::{Progress, Sandbox, SandboxRequest, Standing};
use crate::snapshots::is_pushed;
use crate::suspension::workspace_left;

/// The checkout of an order that is about to run.
#[derive(Debug, Clone)]
pub(crate) enum Workspace {
    /// To be made when the first step needs it.
    Fresh,
    /// It is as the last standing step, or a suspended attempt, left it. With it, what people should know about how it came to be so.
    Found(Arc<dyn Sandbox>, Option<Arc<str>>),
}

/// Why an order has no checkout.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) failure: Failure,
    /// Whether it may be had a little later.
    pub(crate) for_now: bool,
}

impl From<Failure> for Missing {
    /// What is lost stays lost; else a disk was full, a lock was held, a remote did not answer.
    fn from(failure: Failure) -> Self {
        Self { for_now: failure.code == FailureCode::WorkspaceFailed, failure }
    }
}

impl Workspace {
    /// Finds it, or makes it anew from what was kept of it; ends what still runs in it first.
    ///
    /// An error means that the order cannot go on. With `workspace_lost`, a finished step's work is gone; with any other
    /// code it is kept, and a retry finds it.
    pub(crate) async fn find(engine: &Engine, seen: &OrderSnapshot, next: &StepDefinition) -> Result<Self, Missing> {
        Self::end_processes(engine, seen).await?;
        let (order, history) = (&seen.order, &seen.history);
        let Some(left) = workspace_left(order, history, next) else {
            return Ok(Self::Fresh); // nothing that stands was done in it
        };
        let request = sandbox_request(order);
        let (id, pushed) = (order.agent_work_order_id, is_pushed(order, history, &left));
        match Self::restored(engine, &request, &left).await {
            Ok(sandbox) => return Ok(Self::Found(sandbox, None)),
            Err(failure) => {
                let standing = engine.sandboxes.examine(&request, &left).await?;
                if matches!(standing, Standing::Sound | Standing::Changed) {
                    return Err(failure.into()); // it is there: making it anew would cost what git ignores, and cure nothing
                }
            }
        }
        let unsound = "its checkout was gone or broken";
        let sandbox = engine.sandboxes.rebuild(&request, &left).await.map_err(|failure| {
            let message =
                format!("the order cannot go on: {unsound}, and it could not be made anew: {}", failure.message);
            Missing::from(Failure { message: message.into(), ..failure })
        })?;
        if pushed {
            // It goes once it is delivered, so nothing went wrong.
            info!(agent_work_order_id = %id, commit = %left.head, "workspace_made_from_pushed_branch");
            engine.note(id, LogLevel::Info, "workspace_made_from_pushed_branch", |entry| {
                entry.with_field("commit", &*left.head)
            });
            return Ok(Self::Found(sandbox, None));
        }
        let told: Arc<str> = format!("{unsound}; it was made anew as its last finished step left it").into();
        warn!(agent_work_order_id = %id, reason = %told, "workspace_rebuilt");
        Ok(Self::Found(sandbox, Some(told)))
    }

    /// The checkout as it is there, made what it was in a snapshot: what a cut attempt, or a step that is run again, left in
    /// it is gone, and the step begins as it began before.
    async fn restored(
        engine: &Engine,
        request: &SandboxRequest,
        left: &WorkspaceSnapshot,
    ) -> Result<Arc<dyn Sandbox>, Failure> {
        let found = engine.sandboxes.reopen(request).await?;
        let sandbox = found.ok_or_else(|| Failure::new(FailureCode::WorkspaceFailed, "its checkout is not there"))?;
        sandbox.restore(left).await?;
        Ok(sandbox)
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
        // A checkout that was made within walls is not touched without.
        isolation: order.state.isolation_effective.unwrap_or(order.spec.isolation),
        network: order.state.network_effective.unwrap_or(order.spec.network),
        progress: Progress::default(),
    }
}

/// Removes the checkout of an order, and what was kept of it; whether it is gone. Trouble is logged.
pub(crate) async fn remove(engine: &Engine, id: OrderId) -> bool {
    let removed = engine.sandboxes.remove(id).await;
    if let Err(failure) = &removed {
        warn!(agent_work_order_id = %id, reason = %failure, "workspace_not_removed: tried again later");
    }
    removed.is_ok()
}
