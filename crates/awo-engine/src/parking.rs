//! Lets an order wait without a place among those that run, and gives it one back.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use awo_models::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::engine::Engine;
use crate::live::{LiveOrder, StopReason};

/// Between two looks at the time of day, which may jump, and goes on while the machine sleeps.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The places of orders that run at once.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    wanted: Notify,
}

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(count.max(1))), wanted: Notify::new() })
    }

    /// Takes a place, in line with all others that want one. `None` if there are none any more.
    pub(crate) async fn seat(self: &Arc<Self>) -> Option<Seat> {
        let taken = self.acquire().await;
        taken.map(|taken| Seat { places: Some(Arc::clone(self)), taken: Some(taken) })
    }

    /// Places that are free at this instant.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// A seat for an order that takes its place when it begins.
    pub(crate) fn owed(self: &Arc<Self>) -> Seat {
        Seat { places: Some(Arc::clone(self)), taken: None }
    }

    async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        let mut acquiring = pin!(Arc::clone(&self.free).acquire_owned());
        tokio::select! {
            biased;
            taken = &mut acquiring => return taken.ok(),
            () = std::future::ready(()) => {}
        }
        // Now it stands in line, so a place that is given back is its own.
        self.wanted.notify_one();
        acquiring.await.ok()
    }

    /// Resolves when somebody stands in line: who has a place and no order for it gives it back.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

/// An order's place among those that run at once.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    places: Option<Arc<Places>>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Seat {
    /// A place that does not count: for an order that is run whatever the queue.
    pub(crate) fn free() -> Self {
        Self::default()
    }

    /// Gives the place to others.
    fn leave(&mut self) {
        self.taken = None;
    }

    /// Takes a place again.
    pub(crate) async fn take(&mut self) {
        if let (Some(places), None) = (&self.places, &self.taken) {
            self.taken = places.acquire().await;
        }
    }
}

/// Why an order does not wait any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// It is time, and there is a place.
    Due,
    /// It was stopped.
    Stopped,
    /// This process ends.
    Draining,
}

/// Waits until a time of day, without a place; then for a place. Ends at once when the order is cancelled or this process
/// ends.
pub(crate) async fn wait_until(engine: &Engine, live: &LiveOrder, seat: &mut Seat, until: Timestamp) -> Woken {
    seat.leave();
    live.set_waiting(true);
    let woken = tokio::select! {
        biased;
        () = live.token().cancelled() => match live.stopped() {
            Some(StopReason::ShuttingDown) => Woken::Draining,
            _ => Woken::Stopped,
        },
        () = engine.draining.cancelled() => Woken::Draining,
        () = due(engine, seat, until) => Woken::Due,
    };
    live.set_waiting(false);
    woken
}

async fn due(engine: &Engine, seat: &mut Seat, until: Timestamp) {
    while let Ok(left) = Duration::try_from(until.duration_since(engine.clock.now())) {
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
    seat.take().await;
}
