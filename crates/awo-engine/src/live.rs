//! What this process knows of the orders that it runs and the store does not (yet).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use awo_models::{Failure, FailureCode, OrderId};
use awo_state::StateError;
use tokio_util::sync::CancellationToken;

use crate::activity::{ActivityFeed, StepActivity};

/// Why an order's agent is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Somebody cancelled the order.
    Cancelled,
    /// This process ends; the order goes on elsewhere or later.
    ShuttingDown,
    /// This process may not run the order any more.
    Lost,
}

impl StopReason {
    pub(crate) fn failure_code(self) -> FailureCode {
        match self {
            Self::Cancelled => FailureCode::Cancelled,
            Self::ShuttingDown | Self::Lost => FailureCode::Interrupted,
        }
    }
}

/// One order that runs here.
#[derive(Debug, Default)]
pub(crate) struct LiveOrder {
    stop: CancellationToken,
    reason: OnceLock<StopReason>,
    lost: AtomicBool,
    degraded: AtomicBool,
    finishing: AtomicBool,
    waiting: AtomicBool,
    pending_steps: AtomicUsize,
    activity: ActivityFeed,
    prompted: AtomicBool,
    wanted_again: AtomicBool,
}

impl LiveOrder {
    /// Stops the order's agent. The first reason counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.stop.cancel();
    }

    /// Stops the order's agent because this process may not go on with the order, whatever else it was stopped for.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
        self.stop(StopReason::Lost);
    }

    /// An error if this process may not go on with the order.
    pub(crate) fn check_lease(&self) -> Result<(), StateError> {
        if self.lost.load(Ordering::Relaxed) { Err(StateError::LeaseLost) } else { Ok(()) }
    }

    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Work of the engine itself, given up the moment the order is stopped. Whatever it had begun is dropped, which ends
    /// its processes.
    pub(crate) async fn unless_stopped<T>(
        &self,
        working: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                let code = self.stopped().map_or(FailureCode::Internal, StopReason::failure_code);
                Err(Failure::new(code, "stopped before its effect"))
            }
            done = working => done,
        }
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Says whether saves are acknowledged, and how many results wait for it. True if that changes the state.
    pub(crate) fn set_persistence(&self, degraded: bool, pending_steps: usize) -> bool {
        self.pending_steps.store(pending_steps, Ordering::Relaxed);
        self.degraded.swap(degraded, Ordering::Relaxed) != degraded
    }

    pub(crate) fn set_finishing(&self, finishing: bool) {
        self.finishing.store(finishing, Ordering::Relaxed);
    }

    /// What its agent does.
    pub(crate) fn activity(&self) -> &ActivityFeed {
        &self.activity
    }

    /// Says whether there is word of prompts that its owner has not heard of.
    pub(crate) fn set_prompted(&self, prompted: bool) {
        self.prompted.store(prompted, Ordering::Relaxed);
    }

    pub(crate) fn is_prompted(&self) -> bool {
        self.prompted.load(Ordering::Relaxed)
    }

    /// Says whether the order only waits, without an agent and without a place among those that run.
    pub(crate) fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    fn view(&self) -> Persistence {
        Persistence {
            degraded: self.degraded.load(Ordering::Relaxed),
            pending_steps: self.pending_steps.load(Ordering::Relaxed),
            finishing: self.finishing.load(Ordering::Relaxed),
        }
    }
}

/// How far what happened to an order is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Whether the store does not take the order's saves at present. The work goes on.
    pub degraded: bool,
    /// Finished steps that are not stored yet.
    pub pending_steps: usize,
    /// Whether all steps have ended and only the final save is outstanding.
    pub finishing: bool,
}

/// The orders that run in this process.
#[derive(Debug, Default)]
pub(crate) struct LiveOrders {
    by_id: Mutex<HashMap<OrderId, Arc<LiveOrder>>>,
}

impl LiveOrders {
    fn all(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<LiveOrder>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an order; `None` if it runs here already: whoever runs it hears of that when they leave. It leaves when the
    /// guard is dropped.
    pub(crate) fn enter(&self, id: OrderId) -> Option<LiveGuard<'_>> {
        let mut all = self.all();
        if let Some(order) = all.get(&id) {
            order.wanted_again.store(true, Ordering::Relaxed);
            return None;
        }
        let order = Arc::new(LiveOrder::default());
        all.insert(id, Arc::clone(&order));
        drop(all);
        Some(LiveGuard { orders: self, id, order })
    }

    pub(crate) fn stop(&self, id: OrderId, reason: StopReason) {
        let order = self.all().get(&id).cloned();
        if let Some(order) = order {
            order.stop(reason);
        }
    }

    /// Stops an order that runs here because this process may not go on with it.
    pub(crate) fn lose(&self, id: OrderId) {
        let order = self.all().get(&id).cloned();
        if let Some(order) = order {
            order.lose();
        }
    }

    /// An error if an order runs here and this process may not go on with it.
    pub(crate) fn check_lease(&self, id: OrderId) -> Result<(), StateError> {
        self.all().get(&id).map_or(Ok(()), |order| order.check_lease())
    }

    /// All that run here.
    pub(crate) fn ids(&self) -> Vec<OrderId> {
        self.all().keys().copied().collect()
    }

    /// Tells the owner of an order, if it is here, that a prompt came.
    pub(crate) fn prompted(&self, id: OrderId) {
        if let Some(order) = self.all().get(&id) {
            order.set_prompted(true);
        }
    }

    pub(crate) fn stop_all(&self, reason: StopReason) {
        let orders: Vec<_> = self.all().values().cloned().collect();
        for order in orders {
            order.stop(reason);
        }
    }

    pub(crate) fn persistence(&self, id: OrderId) -> Persistence {
        self.all().get(&id).map(|order| order.view()).unwrap_or_default()
    }

    /// What the agent of an order does, if it runs here.
    pub(crate) fn activity(&self, id: OrderId) -> Option<StepActivity> {
        self.all().get(&id)?.activity.seen()
    }

    pub(crate) fn runs(&self, id: OrderId) -> bool {
        self.all().contains_key(&id)
    }

    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    /// Orders among them that only wait.
    pub(crate) fn waiting(&self) -> usize {
        self.all().values().filter(|order| order.waiting.load(Ordering::Relaxed)).count()
    }

    /// Orders whose saves are not acknowledged at present, and how many of their results are not stored.
    pub(crate) fn unsaved(&self) -> (usize, usize) {
        let all = self.all();
        let degraded = all.values().map(|order| order.view()).filter(|view| view.degraded);
        degraded.fold((0, 0), |(orders, results), view| (orders + 1, results + view.pending_steps))
    }
}

/// Keeps an order entered.
#[derive(Debug)]
pub(crate) struct LiveGuard<'l> {
    orders: &'l LiveOrders,
    id: OrderId,
    pub(crate) order: Arc<LiveOrder>,
}

impl LiveGuard<'_> {
    /// Leaves; whether somebody wanted to enter meanwhile, for example to run the order again as soon as it had ended.
    pub(crate) fn leave(self) -> bool {
        let mut all = self.orders.all();
        let wanted_again = self.order.wanted_again.load(Ordering::Relaxed);
        all.remove(&self.id);
        drop(all);
        wanted_again
    }
}

impl Drop for LiveGuard<'_> {
    fn drop(&mut self) {
        let mut all = self.orders.all();
        // Once it has left, somebody else may be in its place.
        if all.get(&self.id).is_some_and(|entered| Arc::ptr_eq(entered, &self.order)) {
            all.remove(&self.id);
        }
    }
}
