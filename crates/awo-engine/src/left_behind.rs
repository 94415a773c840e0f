//! What this machine has of orders that were done with elsewhere: the checkout of one that is delivered or deleted is of use to
//! nobody, and goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use awo_models::OrderId;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::hints::Origin;
use crate::queue::QueueSender;
use crate::retention::remove_belongings;
use crate::snapshots::is_delivered;
use crate::workspace;

/// How often it is looked at what others changed.
const PAUSE: Duration = Duration::from_secs(30);

/// What became of an order here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Another process changed it while this one was there: it was in this store.
    Changed,
    /// Perhaps it never was.
    Nothing,
}

/// Removes the checkouts of delivered orders whose removal an earlier life of this program did not get to. Of an order that
/// is not known everything stays: it may be one of another store, and all that is left of it.
pub(crate) async fn sweep(engine: &Engine, queue: &QueueSender) {
    if engine.settings.keep_workspaces {
        return;
    }
    for id in there(engine).await {
        look(engine, queue, id, Known::Nothing).await;
    }
}

/// The same all the time, of orders that others changed, and all of those that others deleted.
pub(crate) async fn run(engine: Arc<Engine>, queue: QueueSender) {
    let mut cursor = engine.hints.now();
    let mut again = BTreeSet::new();
    loop {
        tokio::select! {
            () = engine.draining.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
        let Some(since) = engine.hints.since(cursor, usize::MAX) else {
            cursor = engine.hints.now(); // more than are remembered: the next start looks at all
            continue;
        };
        cursor = since.next;
        let changed =
            since.hints.iter().filter(|(_, hint)| hint.origin == Origin::Elsewhere).map(|(_, hint)| hint.order);
        let mut changed: BTreeSet<_> = changed.chain(std::mem::take(&mut again)).collect();
        if changed.is_empty() {
            continue;
        }
        let there: BTreeSet<_> = there(&engine).await.into_iter().collect();
        changed.retain(|id| there.contains(id));
        for id in changed {
            if engine.draining.is_cancelled() {
                return;
            }
            if !look(&engine, &queue, id, Known::Changed).await {
                again.insert(id);
            }
        }
    }
}

/// Orders that have something here.
async fn there(engine: &Engine) -> Vec<OrderId> {
    engine.sandboxes.orders().await.unwrap_or_else(|failure| {
        warn!(reason = %failure, "workspaces_not_listed");
        Vec::new()
    })
}

/// Removes what is of no use any more; whether it is known that there is no more to do.
async fn look(engine: &Engine, queue: &QueueSender, id: OrderId, known: Known) -> bool {
    if engine.live.runs(id) {
        return true; // who runs it sees to it
    }
    // As if it ran: a prompt that comes now must not find half a checkout.
    let Some(entered) = engine.live.enter(id) else { return true };
    let seen = engine.answered(engine.repository.get(id)).await;
    match &seen {
        Ok(Some(seen)) if is_delivered(&seen.order, &seen.history) && !engine.settings.keep_workspaces => {
            info!(agent_work_order_id = %id, "left_over_workspace_removed");
            workspace::remove(engine, id).await;
        }
        Ok(None) if known == Known::Changed => {
            info!(agent_work_order_id = %id, "belongings_of_deleted_order_removed");
            remove_belongings(engine, id).await;
        }
        // Of an order that is damaged everything stays, too.
        Ok(_) | Err(_) => {}
    }
    if entered.leave() {
        queue.push(id).await;
    }
    !matches!(seen, Err(outage) if outage.is_outage())
}
