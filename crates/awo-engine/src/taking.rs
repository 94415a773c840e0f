//! Takes orders by leases: asks the store for as many as there are free places, and runs what it gives.

use std::sync::Arc;
use std::time::Duration;

use awo_models::OrderId;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::engine::Engine;
use crate::hints::Hint;
use crate::leasing::Leasing;
use crate::orchestrator::run_and_log;
use crate::parking::{Places, Seat};
use crate::queue::QueueReceiver;
use crate::recorder::describe;
use crate::renewing::release;
use crate::run::RunEnd;

/// At most so often is the store asked because something changed somewhere.
const BREATH: Duration = Duration::from_millis(50);

/// Wakes whoever takes orders when one becomes free here: the line of this process has no orders in it for long.
pub(crate) async fn listen(engine: Arc<Engine>, leasing: Arc<Leasing>, mut waiting: QueueReceiver) {
    let mut hints = engine.hints.subscribe();
    loop {
        let told = tokio::select! {
            () = engine.draining.cancelled() => return,
            id = waiting.next() => id.is_some(),
            hint = hints.recv() => match hint {
                Ok(Hint { order, .. }) if engine.live.runs(order) => continue, // a save of ours
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    leasing.wake.notify_one();
                    tokio::select! {
                        () = engine.draining.cancelled() => return,
                        () = sleep(BREATH) => continue,
                    }
                }
                Err(RecvError::Closed) => false,
            },
        };
        if !told {
            return;
        }
        leasing.wake.notify_one();
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
        for id in given {
            // Where an order that had waited was faster, the new one stands in line, with its lease.
            let seat = seat.take().unwrap_or_else(|| places.owed());
            let (engine, leasing) = (Arc::clone(engine), Arc::clone(leasing));
            tasks.spawn(async move { run_leased(&engine, &leasing, id, seat).await });
        }
    }
}

async fn ask(engine: &Engine, leasing: &Leasing, free: usize) -> Vec<OrderId> {
    let asked = Instant::now();
    let wants = leasing.wants(free, engine.live.ids(), asked);
    let acquiring = leasing.port.acquire(&leasing.worker, &wants, leasing.terms.lease);
    let answer = engine.answered(acquiring).await;
    leasing.reached(answer.is_ok(), Instant::now());
    match answer {
        Ok(given) => {
            for id in &given {
                leasing.good_from(*id, asked);
            }
            given
        }
        Err(failed) => {
            warn!(reason = describe(&failed), "no_orders_acquired: trying again");
            Vec::new()
        }
    }
}

/// Runs an order that this worker has the lease on, and gives it back.
async fn run_leased(engine: &Engine, leasing: &Leasing, id: OrderId, seat: Seat) {
    let end = run_and_log(engine, id, seat).await;
    if !matches!(end, Some(RunEnd::Ended(_))) {
        debug!(agent_work_order_id = %id, "agent_work_order_left_to_others");
        leasing.rest(id, Instant::now());
    }
    release(engine, leasing, id).await;
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
