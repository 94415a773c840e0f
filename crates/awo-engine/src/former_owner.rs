//! Who had an order before, where workers share the orders: whether a cut attempt may have ended its worker, or only the
//! worker's right to the order ended.

use std::sync::Arc;

use awo_models::{EventKind, EventSeq, OrderId};
use awo_state::{OrderSnapshot, StateError};

use crate::claiming::until_answered;
use crate::engine::Engine;

/// Events that are read at once, the newest first: the last claim is among the last ones.
const READ: u64 = 100;

/// Whether the worker is alive that left an attempt without an end: it is this one, or the store has heard of it since. Then it
/// lost its lease, as the store was out of its reach, and nothing says that the order ended it.
pub(crate) async fn lives(engine: &Engine, seen: &OrderSnapshot) -> Result<bool, StateError> {
    let Some(leasing) = engine.leasing.as_ref().filter(|_| seen.order.state.current_step.is_some()) else {
        return Ok(false);
    };
    let id = seen.order.agent_work_order_id;
    let Some(owner) = last_claimant(engine, id, seen.seq).await? else { return Ok(false) };
    if owner == leasing.worker.name {
        return Ok(true);
    }
    let fleet = until_answered(engine, id, || leasing.port.fleet()).await?;
    // Nothing was heard of a dead one for as long as its last lease lived.
    Ok(fleet.workers.iter().any(|seen| seen.worker.name == owner && seen.unheard < leasing.terms.lease))
}

async fn last_claimant(engine: &Engine, id: OrderId, last: EventSeq) -> Result<Option<Arc<str>>, StateError> {
    let mut until = last.0;
    while until > 0 {
        let after = until.saturating_sub(READ);
        let page = usize::try_from(until - after).unwrap_or(usize::MAX);
        let events = until_answered(engine, id, || engine.repository.events(id, EventSeq(after), page)).await?;
        let claimant = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Claimed { worker } => Some(Arc::clone(worker)),
            _ => None,
        });
        if claimant.is_some() {
            return Ok(claimant);
        }
        until = after;
    }
    Ok(None)
}
