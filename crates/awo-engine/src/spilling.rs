//! Results that the store did not take, in the hands of the next process: sent again in their owner's name.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{OrderId, StepHistory};
use awo_state::{BoxError, Guard, OrderSnapshot, StateError};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::claiming::{pause, read};
use crate::engine::Engine;
use crate::ports::{Spill, SpillStore};
use crate::recorder::describe;

/// Settles what an earlier life of this process left of orders that have ended since: the store may have taken it while
/// nobody heard. Of all others, their next run does.
pub(crate) async fn settle_ended(engine: &Engine) {
    let Some(spills) = &engine.spills else { return };
    let time = engine.settings.answer_time;
    let listed = match timeout(time, spills.orders()).await {
        Ok(Ok(listed)) => listed,
        Ok(Err(failure)) => return error!(reason = %failure, "spilled_results_not_listed"),
        Err(_) => return error!("spilled_results_not_listed: no answer in time"),
    };
    for id in listed.into_iter().filter(|id| !engine.live.runs(*id)) {
        match engine.answered(engine.repository.get(id)).await {
            Ok(Some(seen)) if seen.order.state.status.is_terminal() => {
                if let Ok(Ok(Some(spill))) = timeout(time, spills.find(id)).await {
                    put_away(engine, &**spills, &seen, &spill, "the order has ended").await;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => warn!(agent_work_order_id = %id, "spilled_results_without_order: they are left where they are"),
            Err(failed) => warn!(
                agent_work_order_id = %id, reason = describe(&failed),
                "spilled_results_not_settled: the next start tries again"
            ),
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
    let Some(spill) = found(engine, &**spills, id).await? else { return Ok(Some(seen)) };
    let results = spill.results.len();
    let refused = match send(engine, &seen, &spill).await {
        Ok(()) => None,
        Err(outage) if outage.is_outage() => return Err(outage),
        Err(refused) => Some(refused),
    };
    let Some(seen) = read(engine, id).await? else { return Ok(None) };
    match refused {
        None => {
            info!(agent_work_order_id = %id, results, "spilled_results_stored");
            engine.hints.send(id, seen.seq);
            engine.statistics.stored(&seen.order, &seen.history);
            forget(&**spills, id, engine.settings.answer_time).await;
        }
        Some(refused) => put_away(engine, &**spills, &seen, &spill, &describe(&refused)).await,
    }
    Ok(Some(seen))
}

/// What is kept of an order, however long it takes to find out: without it, finished steps would run again.
async fn found(engine: &Engine, spills: &dyn SpillStore, id: OrderId) -> Result<Option<Spill>, StateError> {
    loop {
        let outage: BoxError = match timeout(engine.settings.answer_time, spills.find(id)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(failure)) => failure.into(),
            Err(late) => late.into(),
        };
        pause(engine, id, StateError::Unavailable(outage)).await?;
    }
}

/// Does away with what the store does not take: it is forgotten if the store has all of it, and set aside otherwise.
async fn put_away(engine: &Engine, spills: &dyn SpillStore, seen: &OrderSnapshot, spill: &Spill, why: &str) {
    let (id, time) = (spill.order, engine.settings.answer_time);
    let history = history_of(seen, spill);
    if seen.history.digest(history.len()) == history.digest(history.len()) {
        forget(spills, id, time).await;
        return;
    }
    let results = spill.results.len();
    error!(
        agent_work_order_id = %id, results, reason = why,
        "spilled_results_refused: they are set aside, and the order goes on without"
    );
    if let Ok(Err(failure)) = timeout(time, spills.set_aside(id)).await {
        warn!(agent_work_order_id = %id, reason = %failure, "spill_not_set_aside");
    }
}

/// The order as it will be once what was spilled of it is stored; how many results that adds.
pub(crate) async fn with_spill(engine: &Engine, seen: OrderSnapshot) -> (OrderSnapshot, usize) {
    let Some(spills) = &engine.spills else { return (seen, 0) };
    let found = timeout(engine.settings.answer_time, spills.find(seen.order.agent_work_order_id)).await;
    let Ok(Ok(Some(spill))) = found else { return (seen, 0) };
    if !matches!(spill.change.guard(), Guard::Owner { epoch, .. } if epoch == seen.epoch) {
        return (seen, 0); // it will be refused
    }
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
    let (history, mut change) = (history_of(seen, spill), spill.change.clone());
    loop {
        let saving = engine.repository.save_step_history(id, &history, &change);
        match engine.answered(saving).await {
            Ok(_) => return Ok(()),
            Err(outage) if outage.is_outage() => pause(engine, id, outage).await?,
            // A prompt came before the end: all but the end is stored, and the order goes on.
            Err(StateError::PromptWaiting) => change = change.without_end(),
            Err(refused) => return Err(refused),
        }
    }
}

/// Removes what was kept of an order; whether it is gone.
pub(crate) async fn forget(spills: &dyn SpillStore, id: OrderId, at_most: Duration) -> bool {
    match timeout(at_most, spills.remove(id)).await {
        Ok(Ok(())) => return true,
        Ok(Err(failure)) => warn!(agent_work_order_id = %id, reason = %failure, "spill_not_removed"),
        Err(_) => warn!(agent_work_order_id = %id, "spill_not_removed: no answer in time"),
    }
    false
}
