//! What front ends see of the workers that share the orders, and pausing the queue of all of them. What was seen last is kept,
//! so that who asks how the engine is does not wait for the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::Timestamp;
use awo_state::{Fleet, SeenWorker};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::leasing::Leasing;
use crate::recorder::describe;
use crate::work_orders::WorkOrders;

/// For who does not wait, what was seen is good for so long.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// The workers that share the orders, as the store told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFleet {
    /// The workers, and whether their queue is paused.
    pub fleet: Fleet,
    /// How long a lease lives, by the settings of this process.
    pub lease: Duration,
    /// When the store was asked.
    pub seen_at: Timestamp,
}

impl SharedFleet {
    /// Whether a worker was heard of within the life of a lease. The orders of one that was not are taken by others.
    pub fn is_alive(&self, worker: &SeenWorker) -> bool {
        worker.unheard < self.lease
    }

    /// How many workers are alive, and how many are silent.
    pub fn counts(&self) -> (usize, usize) {
        let alive = self.fleet.workers.iter().filter(|worker| self.is_alive(worker)).count();
        (alive, self.fleet.workers.len() - alive)
    }
}

impl WorkOrders {
    /// The workers that share the orders, and whether their queue is paused; `None` where this process is the only one.
    pub async fn fleet(&self) -> Result<Option<SharedFleet>, EngineError> {
        match &self.engine.leasing {
            Some(leasing) => Ok(Some(look(&self.engine, leasing).await?)),
            None => Ok(None),
        }
    }

    /// The same, as it was seen last; `None` also if nobody has looked yet. Answers at once; what is old is looked at again in
    /// the background.
    pub fn fleet_last_seen(&self) -> Option<SharedFleet> {
        self.engine.leasing.as_ref().and_then(|leasing| last_seen(&self.engine, leasing))
    }

    /// Lets no worker begin an order any more, or again; what runs goes on. The workers as they are then. Pausing what is
    /// paused changes nothing.
    pub async fn pause_queue(&self, paused: bool) -> Result<SharedFleet, EngineError> {
        let leasing = self.engine.leasing.as_ref().ok_or(EngineError::QueueNotShared)?;
        self.engine.answered(leasing.port.pause(paused)).await?;
        if paused {
            info!("queue_paused: no worker begins an order");
        } else {
            info!("queue_resumed");
        }
        leasing.wake.notify_one();
        look(&self.engine, leasing).await
    }
}

/// What was seen last, and whether somebody looks.
#[derive(Debug, Default)]
pub(crate) struct LastSeen(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<SharedFleet>,
    /// When the last look began.
    began: Option<Duration>,
    looking: bool,
}

impl LastSeen {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to look. Who is told so has to, and is the only one.
    fn begin(&self, now: Duration) -> bool {
        let mut seen = self.seen();
        if seen.looking || seen.began.is_some_and(|before| now.saturating_sub(before) < GOOD_FOR) {
            return false;
        }
        (seen.looking, seen.began) = (true, Some(now));
        true
    }
}

async fn look(engine: &Engine, leasing: &Leasing) -> Result<SharedFleet, EngineError> {
    let began = engine.clock.monotonic();
    let fleet = engine.answered(leasing.port.fleet()).await?;
    let shared = SharedFleet { fleet, lease: leasing.terms.lease, seen_at: engine.clock.now() };
    let mut seen = engine.seen_fleet.seen();
    (seen.last, seen.began) = (Some(shared.clone()), Some(began));
    Ok(shared)
}

fn last_seen(engine: &Arc<Engine>, leasing: &Arc<Leasing>) -> Option<SharedFleet> {
    if engine.seen_fleet.begin(engine.clock.monotonic()) {
        let (engine, leasing) = (Arc::clone(engine), Arc::clone(leasing));
        tokio::spawn(async move {
            let _looking = Looking(&engine.seen_fleet);
            if let Err(failed) = look(&engine, &leasing).await {
                warn!(reason = describe(&failed), "workers_not_seen");
            }
        });
    }
    engine.seen_fleet.seen().last.clone()
}

/// A look that is under way, until this is dropped: also by a panic.
struct Looking<'a>(&'a LastSeen);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.seen().looking = false;
    }
}

#[cfg(test)]
mod tests {
    use awo_state::Worker;

    use super::*;

    #[test]
    fn one_looks_and_only_when_what_was_seen_is_old() {
        let (seen, at) = (LastSeen::default(), Duration::from_secs(1000));
        assert!(seen.begin(at));
        assert!(!seen.begin(at + GOOD_FOR), "somebody is looking");
        drop(Looking(&seen));
        assert!(!seen.begin(at + GOOD_FOR / 2));
        assert!(seen.begin(at + GOOD_FOR));
    }

    #[test]
    fn who_is_not_heard_of_for_as_long_as_a_lease_lives_is_silent() {
        let seen = |unheard| SeenWorker { worker: Worker::named("w"), unheard, orders: Vec::new() };
        let lease = Duration::from_secs(15);
        let workers = vec![seen(Duration::ZERO), seen(lease.saturating_sub(Duration::from_millis(1))), seen(lease)];
        let fleet = Fleet { workers, paused: false };
        assert_eq!(SharedFleet { fleet, lease, seen_at: Timestamp::UNIX_EPOCH }.counts(), (2, 1));
    }
}
