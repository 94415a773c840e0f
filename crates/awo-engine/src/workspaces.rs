//! Which checkouts there are, what would be lost with each, and the removal of those that nobody needs.

use std::path::PathBuf;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Failure, OrderId, StepHistory};
use awo_state::OrderSnapshot;
use tracing::info;

use crate::engine::Engine;
use crate::queue::QueueSender;
use crate::snapshots::{is_pushed, last_snapshot};
use crate::workspace;

/// The checkout of an order, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWorkspace {
    /// The order.
    pub order: OrderId,
    /// Its status; `None` if the order is not there, or damaged.
    pub status: Option<AgentWorkOrderStatus>,
    /// Where agents worked, if that is whole.
    pub directory: Option<PathBuf>,
    /// Bytes that it takes, with what was kept of it.
    pub bytes: u64,
    /// What would be lost with it.
    pub loss: Loss,
}

/// What would be lost with a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the remote has it all, or nothing was changed.
    Nothing,
    /// Changes that no remote has.
    Work {
        /// Files that differ from the commit that the order began with, as far as a standing step counted them.
        files: u64,
    },
    /// Nobody knows: the order is not there.
    Unknown,
    /// It is needed: the order has not ended.
    InUse,
    /// Perhaps all that is left of the order, whose record is damaged.
    Damaged,
}

impl Loss {
    /// Whether the checkout may go: with `force`, also with work that is nowhere else.
    pub fn allows_removal(self, force: bool) -> bool {
        match self {
            Self::Nothing => true,
            Self::Work { .. } | Self::Unknown => force,
            Self::InUse | Self::Damaged => false,
        }
    }
}

/// What would be lost with the checkout of an order.
fn loss(order: &AgentWorkOrder, history: &StepHistory) -> Loss {
    if !order.state.status.is_terminal() {
        return Loss::InUse;
    }
    let changed = |seen: &awo_models::Evidence| match (&seen.before, &seen.after) {
        (Some(before), Some(after)) => before.tree != after.tree || before.head != after.head,
        (before, after) => before.is_some() || after.is_some(),
    };
    // A failed attempt counts: the checkout is left as it ended.
    if !history.iter().any(|result| changed(&result.evidence)) {
        return Loss::Nothing;
    }
    let newest = history.iter().rev().find_map(|result| result.evidence.after.as_ref());
    let pushed = last_snapshot(order, history).filter(|left| is_pushed(order, history, left));
    if pushed.is_some_and(|pushed| newest.is_some_and(|newest| newest.tree == pushed.tree)) {
        return Loss::Nothing;
    }
    Loss::Work { files: order.state.git_files_changed }
}

/// All checkouts, by the ids of their orders.
pub(crate) async fn list(engine: &Engine) -> Result<Vec<KeptWorkspace>, Failure> {
    let mut found = Vec::new();
    for id in engine.sandboxes.orders().await? {
        let (status, loss) = match engine.answered(engine.repository.get(id)).await {
            Ok(Some(OrderSnapshot { order, history, .. })) => (Some(order.state.status), loss(&order, &history)),
            Ok(None) => (None, Loss::Unknown),
            Err(_) => (None, Loss::Damaged),
        };
        let directory = engine.sandboxes.working_dir(id).await?;
        found.push(KeptWorkspace { order: id, status, directory, bytes: engine.sandboxes.size(id).await?, loss });
    }
    found.sort_unstable_by_key(|workspace| workspace.order);
    Ok(found)
}

/// Removes a checkout that may go; whether it is gone. It is looked at again right before: it may have changed.
pub(crate) async fn clear(engine: &Engine, queue: &QueueSender, id: OrderId, force: bool) -> bool {
    // As if it ran: a retry that comes now must not find half a checkout.
    let Some(entered) = engine.live.enter(id) else { return false };
    let loss = match engine.answered(engine.repository.get(id)).await {
        Ok(Some(OrderSnapshot { order, history, .. })) => loss(&order, &history),
        Ok(None) => Loss::Unknown,
        Err(_) => Loss::Damaged,
    };
    let gone = loss.allows_removal(force) && workspace::remove(engine, id).await;
    if gone {
        info!(agent_work_order_id = %id, ?loss, "workspace_removed");
    }
    if entered.leave() {
        queue.push(id).await; // it was wanted meanwhile
    }
    gone
}
