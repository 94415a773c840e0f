//! Results that the store did not take, in the hands of the next process: sent again in their owner's name.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{OrderId, StepHistory};
use awo_state::{OrderSnapshot, StateError};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::claiming::{pause, read};
use crate::engine::Engine;
use crate::ports::{Spill, SpillStore};
use crate::recorder::describe;

/// Sends everything that an earlier life of this process left, also of orders that have ended since.
pub(crate) async fn settle_all(engine: &Engine) {
    let Some(spills) = &engine.spills else { return };
    let listed = match timeout(engine.settings.answer_time, spills.orders()).await {
        Ok(Ok(listed)) => listed,
        Ok(Err(failure)) => return error!(reason = %failure, "spilled_results_not_listed"),
        Err(_) => return error!("spilled_results_not_listed: no answer in time"),
    };
    for id in listed {
        if engine.live.runs(id) {
            continue; // its owner is at work, and says more than this
        }
        let settled = match read(engine, id).await {
            Ok(Some(seen)) => settle_spill(engine, seen).await.map(|_| ()),
            Ok(None) => {
                error!(agent_work_order_id = %id, "spilled_results_without_order: they are set aside");
                let _ = timeout(engine.settings.answer_time, spills.set_aside(id)).await;
                Ok(())
            }
            Err(failed) => Err(failed),
        };
        if let Err(failed) = settled {
            error!(agent_work_order_id = %id, reason = describe(&failed), "spilled_results_not_stored");
        }
    }
}

/// Sends what an earlier owner of the order could not get stored; the order as it is then. `None` if it is gone.
///
/// The change is that owner's statement. Sent again it is stored once, whatever was stored of it before; an owner who
/// came in between has fenced it off. So it comes before the claim, in a commit of its own.
pub(crate) async fn settle_spill(engine: &Engine, seen: OrderSnapshot) -> Result<Option<OrderSnapshot>, StateError> {
    let id = seen.order.agent_work_order_id;
    let Some(spills) = &engine.spills else { return Ok(Some(seen)) };
    let time = engine.settings.answer_time;
    let found = match timeout(time, spills.find(id)).await {
        Ok(Ok(found)) => found,
        Ok(Err(failure)) => {
            // Whoever goes on without it runs again what it holds, and a person can still read it.
            error!(agent_work_order_id = %id, reason = %failure, "spilled_results_not_read: the order goes on without");
            let _ = timeout(time, spills.set_aside(id)).await;
            None
        }
        Err(late) => return Err(StateError::Unavailable(late.into())),
    };
    let Some(spill) = found else { return Ok(Some(seen)) };
    let results = spill.results.len();
    match send(engine, &seen, &spill).await {
        Ok(()) => {
            info!(agent_work_order_id = %id, results, "spilled_results_stored");
            forget(&**spills, id, time).await;
        }
        Err(outage) if outage.is_outage() => return Err(outage),
        Err(refused) => {
            error!(
                agent_work_order_id = %id, results, reason = describe(&refused),
                "spilled_results_refused: they are set aside, and the order goes on without"
            );
            if let Ok(Err(failure)) = timeout(time, spills.set_aside(id)).await {
                warn!(agent_work_order_id = %id, reason = %failure, "spill_not_set_aside");
            }
        }
    }
    read(engine, id).await
}

/// The order as it will be once what was spilled of it is stored; how many results that adds.
pub(crate) async fn with_spill(engine: &Engine, seen: OrderSnapshot) -> (OrderSnapshot, usize) {
    let Some(spills) = &engine.spills else { return (seen, 0) };
    let found = timeout(engine.settings.answer_time, spills.find(seen.order.agent_work_order_id)).await;
    let Ok(Ok(Some(spill))) = found else { return (seen, 0) };
    let history = history_of(&seen, &spill);
    let added = history.len().saturating_sub(seen.history.len());
    let mut order = awo_models::AgentWorkOrder::clone(&seen.order);
    for recorded in spill.change.recorded() {
        recorded.patch.apply(&mut order.state);
    }
    (OrderSnapshot { order: Arc::new(order), history, ..seen }, added)
}

/// The history that was to be saved. Some of it may be stored: its answer was lost.
fn history_of(seen: &OrderSnapshot, spill: &Spill) -> StepHistory {
    let mut history = seen.history.prefix(spill.acknowledged);
    for result in &spill.results {
        history.push(Arc::clone(result));
    }
    history
}

/// Sends it until it is answered.
async fn send(engine: &Engine, seen: &OrderSnapshot, spill: &Spill) -> Result<(), StateError> {
    let id = spill.order;
    let history = history_of(seen, spill);
    loop {
        let saving = engine.repository.save_step_history(id, &history, &spill.change);
        match engine.answered(saving).await {
            Ok(_) => return Ok(()),
            Err(outage) if outage.is_outage() => pause(engine, id, outage).await?,
            Err(refused) => return Err(refused),
        }
    }
}

/// Removes what was kept of an order. If that fails it stays, and does nothing when it is sent again.
pub(crate) async fn forget(spills: &dyn SpillStore, id: OrderId, at_most: Duration) {
    match timeout(at_most, spills.remove(id)).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => warn!(agent_work_order_id = %id, reason = %failure, "spill_not_removed"),
        Err(_) => warn!(agent_work_order_id = %id, "spill_not_removed: no answer in time"),
    }
}
