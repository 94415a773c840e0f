//! Keeps the leases of this worker alive, hears what others asked for, and ends what it may not go on with.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use awo_state::{Renewal, StateError};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::leasing::{Grant, Leasing};
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
    leasing.holds_none().await;
}

/// Renews all leases, three times in the life of each.
async fn keep_up(engine: &Engine, leasing: &Leasing) {
    let third = leasing.third();
    loop {
        let (asked, life, grants) = (Instant::now(), leasing.life(), leasing.grants());
        let orders: Vec<_> = grants.iter().map(|grant| grant.order).collect();
        // A call that gets no answer must leave time for another one before the agents are stopped.
        let answer = timeout(third / 2, leasing.port.renew(&leasing.worker, &orders, life)).await;
        let answer = answer.unwrap_or_else(|late| Err(StateError::Unavailable(late.into())));
        leasing.reached(answer.is_ok(), Instant::now());
        match answer {
            Ok(renewals) => {
                for renewal in renewals {
                    if let Some(grant) = grants.iter().find(|grant| grant.order == renewal.order) {
                        take_in(engine, leasing, *grant, renewal, asked, life);
                    }
                }
                look_for_others(leasing).await;
                renewal_due(leasing, asked).await;
            }
            Err(failed) => {
                warn!(orders = orders.len(), reason = describe(&failed), "leases_not_renewed: trying again");
                sleep(third / 8).await;
            }
        }
    }
}

/// Finds out whether this worker is the only one, where that matters.
async fn look_for_others(leasing: &Leasing) {
    if leasing.terms.lease_alone > leasing.terms.lease {
        let fleet = timeout(leasing.third() / 2, leasing.port.fleet()).await;
        leasing.seen(fleet.ok().and_then(Result::ok).as_ref());
    }
}

/// Resolves when leases are to be renewed that were renewed at a moment: a third of their lives later, or sooner where one was
/// given meanwhile that had been asked for long before.
async fn renewal_due(leasing: &Leasing, asked: Instant) {
    let third = leasing.third();
    loop {
        let mut changed = std::pin::pin!(leasing.changed.notified());
        changed.as_mut().enable();
        let regularly = asked + third;
        // Not at once for one of which the store could not tell.
        let due = leasing.oldest().map_or(regularly, |oldest| regularly.min(oldest + third).max(asked + third / 8));
        tokio::select! {
            () = sleep_until(due) => return,
            () = changed => {}
        }
    }
}

/// What the store says of an order reaches its run.
fn take_in(engine: &Engine, leasing: &Leasing, grant: Grant, renewal: Renewal, asked: Instant, life: Duration) {
    let id = grant.order;
    let Some(mine) = renewal.mine else {
        leasing.lost(grant, || {
            warn!(agent_work_order_id = %id, "lease_lost: another worker may have the order, and its agent is stopped here");
            engine.live.lose(id);
        });
        return;
    };
    leasing.renewed(grant, asked, life, || {
        if mine.cancel_requested {
            engine.live.stop(id, StopReason::Cancelled);
        }
        if mine.prompt_waits {
            engine.live.prompted(id);
        }
    });
}

/// Ends what could not be renewed for too long, so that its agents are gone before another worker can take the orders.
async fn watch(engine: &Engine, leasing: &Leasing) {
    loop {
        let mut changed = std::pin::pin!(leasing.changed.notified());
        changed.as_mut().enable();
        tokio::select! {
            () = changed => continue,
            () = until(leasing.cut_off_at()) => {}
        }
        leasing.cut_off(Instant::now(), |id| {
            warn!(agent_work_order_id = %id, "lease_not_renewed_in_time: the order's agent is stopped here");
            engine.live.lose(id);
        });
    }
}

/// Resolves at a moment, if there is one.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Gives an order back, as far as the store answers; else its lease expires.
pub(crate) async fn release(engine: &Engine, leasing: &Leasing, grant: Grant) {
    let id = grant.order;
    let released = engine.answered(leasing.port.release(&leasing.worker.name, id)).await;
    if let Err(failed) = released {
        info!(agent_work_order_id = %id, reason = describe(&failed), "lease_not_released: it expires");
        // It may be released later. Until then this worker does not take the order again, whose lease would be lost by that.
        leasing.rest(id, Instant::now());
    }
    // Renewed until then, so that nobody has it while this worker may still be busy with its checkout.
    leasing.done(grant);
    leasing.wake.notify_one();
}
