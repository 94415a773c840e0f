//! Takes orders by leases: asks the store for as many as there are free places, and runs what it gives.

mod pace;

use std::sync::Arc;
use std::time::Duration;

use awo_models::EventSeq;
use awo_state::StateError;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::dispatching::run_and_log;
use crate::engine::Engine;
use crate::hints::{Hint, Origin};
use crate::leasing::{Grant, Leasing};
use crate::parking::{Places, Seat};
use crate::queue::QueueReceiver;
use crate::recorder::describe;
use crate::renewing::{release, until};
use crate::run::RunEnd;
use pace::Pace;

/// Between two looks whether an order still runs here by another way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The version of an order that nothing has happened to but that it was created.
const NEW: EventSeq = EventSeq(1);

/// Wakes whoever takes orders when there is one to take: at once if it was made free here, and soon if it was created elsewhere.
/// What others start, try again or give back is found a little later: they change orders all the time, and mostly that frees none.
pub(crate) async fn listen(engine: Arc<Engine>, leasing: Arc<Leasing>, mut waiting: QueueReceiver) {
    let mut hints = engine.hints.subscribe();
    let mut pace = Pace::new(leasing.terms.poll);
    let mut due = None;
    loop {
        tokio::select! {
            () = engine.draining.cancelled() => return,
            // The line of this process has no orders in it for long.
            id = waiting.next() => match id {
                Some(_) => leasing.wake.notify_one(),
                None => return,
            },
            hint = hints.recv(), if due.is_none() => match hint {
                Ok(Hint { seq: NEW, origin: Origin::Elsewhere, .. }) | Err(RecvError::Lagged(_)) => {
                    due = Some(pace.due(Instant::now(), engine.clock.random()[0]));
                }
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            },
            () = until(due) => {
                due = None;
                hints = hints.resubscribe(); // what came meanwhile is found, too
                leasing.wake.notify_one();
            }
        }
    }
}

/// Takes orders, each when there is a place for it, until no new one may begin.
pub(crate) async fn take(engine: Arc<Engine>, leasing: Arc<Leasing>, tasks: TaskTracker) {
    let places = Places::new(engine.settings.max_running);
    tokio::select! {
        biased;
        () = engine.draining.cancelled() => {}
        () = take_on(&engine, &leasing, &places, &tasks) => {}
    }
}

async fn take_on(engine: &Arc<Engine>, leasing: &Arc<Leasing>, places: &Arc<Places>, tasks: &TaskTracker) {
    loop {
        let Some(seat) = places.seat().await else { return };
        let given = ask(engine, leasing, 1 + places.free()).await;
        if given.is_empty() {
            let pause = jittered(leasing.terms.poll, engine.clock.random()[0]);
            tokio::select! {
                () = leasing.wake.notified() => {}
                () = sleep(pause) => {}
                () = places.wanted() => {} // by an order that has waited
            }
        }
        let mut seat = Some(seat);
        for grant in given {
            // Where an order that had waited was faster, the new one stands in line, with its lease.
            let seat = seat.take().unwrap_or_else(|| places.owed());
            let (engine, leasing) = (Arc::clone(engine), Arc::clone(leasing));
            tasks.spawn(async move { run_leased(&engine, &leasing, grant, seat).await });
        }
    }
}

async fn ask(engine: &Engine, leasing: &Leasing, free: usize) -> Vec<Grant> {
    let (asked, life) = (Instant::now(), leasing.life());
    let wants = leasing.wants(free, engine.live.ids(), asked);
    // An answer that is later would be of leases that are nearly over.
    let answer = timeout(leasing.third(), leasing.port.acquire(&leasing.worker, &wants, life)).await;
    match answer.unwrap_or_else(|late| Err(StateError::Unavailable(late.into()))) {
        Ok(given) => given.into_iter().map(|order| leasing.granted(order, asked, life)).collect(),
        Err(failed) => {
            warn!(reason = describe(&failed), "no_orders_acquired: trying again");
            Vec::new()
        }
    }
}

/// Runs an order that was given to this worker, and gives it back.
async fn run_leased(engine: &Engine, leasing: &Leasing, grant: Grant, mut seat: Seat) {
    let id = grant.order;
    let may_begin = tokio::select! {
        biased;
        () = engine.draining.cancelled() => false,
        () = leasing.is_lost(grant) => false,
        () = seat.take() => true,
    };
    if may_begin {
        let end = run_and_log(engine, id, seat).await;
        // Whoever runs it here by another way has the lease, too, until the end.
        while engine.live.runs(id) {
            sleep(LOOK_AGAIN).await;
        }
        if !matches!(end, Some(RunEnd::Ended(_))) {
            debug!(agent_work_order_id = %id, "agent_work_order_left_to_others");
            leasing.rest(id, Instant::now());
        }
    }
    release(engine, leasing, grant).await;
}

/// Between three quarters and five quarters of a pause, so that workers do not ask in step.
fn jittered(pause: Duration, chance: u8) -> Duration {
    pause * (192 + u32::from(chance) / 2) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_by_a_quarter() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 0), Duration::from_millis(750));
        assert!(jittered(second, 255) > Duration::from_millis(1_240) && jittered(second, 255) < second * 5 / 4);
    }
}
