//! Keeps the leases of this worker alive, hears what others asked for, and ends what it may not go on with.

use std::sync::Arc;

use awo_models::OrderId;
use awo_state::{Renewal, StateError};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::leasing::Leasing;
use crate::live::StopReason;
use crate::recorder::describe;

/// Renews until this process ends and holds nothing any more; then takes leave of the others.
pub(crate) async fn renew(engine: Arc<Engine>, leasing: Arc<Leasing>) {
    let over = nothing_left(&engine, &leasing);
    tokio::select! {
        biased;
        () = over => {}
        () = keep_up(&engine, &leasing) => {}
        () = watch(&engine, &leasing) => {}
    }
    let goodbye = leasing.port.leave(&leasing.worker.name);
    if let Err(failed) = engine.answered(goodbye).await {
        warn!(reason = describe(&failed), "worker_not_taken_off_the_list: it is forgotten in a day");
    }
}

/// Resolves when no new order is taken and the last one was given back.
async fn nothing_left(engine: &Engine, leasing: &Leasing) {
    engine.draining.cancelled().await;
    loop {
        let mut changed = std::pin::pin!(leasing.changed.notified());
        changed.as_mut().enable(); // before the look, so that nothing falls in between
        if leasing.orders().is_empty() {
            return;
        }
        changed.await;
    }
}

/// Renews all leases, three times in the life of each.
async fn keep_up(engine: &Engine, leasing: &Leasing) {
    let third = leasing.terms.lease / 3;
    loop {
        let (asked, orders) = (Instant::now(), leasing.orders());
        // A call that gets no answer must leave time for another one before the agents are stopped.
        let answer = timeout(third / 2, leasing.port.renew(&leasing.worker, &orders, leasing.terms.lease)).await;
        let answer = answer.unwrap_or_else(|late| Err(StateError::Unavailable(late.into())));
        leasing.reached(answer.is_ok(), Instant::now());
        match answer {
            Ok(renewals) => {
                for renewal in renewals {
                    take_in(engine, leasing, &renewal, asked);
                }
                sleep_until(asked + third).await;
            }
            Err(failed) => {
                warn!(orders = orders.len(), reason = describe(&failed), "leases_not_renewed: trying again");
                sleep(third / 8).await;
            }
        }
    }
}

/// What the store says of an order reaches its run.
fn take_in(engine: &Engine, leasing: &Leasing, renewal: &Renewal, asked: Instant) {
    let id = renewal.order;
    let Some(mine) = renewal.mine else {
        if leasing.forget(id) {
            warn!(agent_work_order_id = %id, "lease_lost: another worker may have the order, and its agent is stopped here");
            engine.live.lose(id);
        }
        return;
    };
    leasing.renewed(id, asked);
    if mine.cancel_requested {
        engine.live.stop(id, StopReason::Cancelled);
    }
    if mine.prompt_waits {
        engine.live.prompted(id);
    }
}

/// Ends what could not be renewed for too long, so that its agents are gone before another worker can take the orders.
async fn watch(engine: &Engine, leasing: &Leasing) {
    loop {
        let mut changed = std::pin::pin!(leasing.changed.notified());
        changed.as_mut().enable();
        match leasing.cut_off_at() {
            None => changed.await,
            Some(at) => sleep_until(at).await,
        }
        let late: Vec<OrderId> = leasing.cut_off(Instant::now());
        for id in late {
            warn!(agent_work_order_id = %id, "lease_not_renewed_in_time: the order's agent is stopped here");
            engine.live.lose(id);
        }
        leasing.changed.notify_waiters();
    }
}

/// Ends a lease, as far as the store answers; else it expires.
pub(crate) async fn release(engine: &Engine, leasing: &Leasing, id: OrderId) {
    let released = engine.answered(leasing.port.release(&leasing.worker.name, id)).await;
    // Renewed until then, so that nobody has it while this worker may still be busy with its checkout.
    leasing.forget(id);
    leasing.wake.notify_one();
    match released {
        Ok(()) => {}
        Err(failed) => info!(agent_work_order_id = %id, reason = describe(&failed), "lease_not_released: it expires"),
    }
}
