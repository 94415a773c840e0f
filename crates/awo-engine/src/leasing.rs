//! The leases of this worker, where several share the orders: which it holds, since when they are good, and what becomes of
//! a worker that cannot renew them.
//!
//! A lease is good from the moment before it was asked for, by this worker's monotonic clock; so the store, which counts from
//! its answer, never ends it before this worker does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::OrderId;
use awo_state::{LeaseLimits, Leases, StateError, Wants, Worker};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::engine::Engine;

/// How a worker shares orders with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTerms {
    /// Whether this process runs orders. One that does not only takes requests.
    pub runs_orders: bool,
    /// The machine that it runs on.
    pub host: Arc<str>,
    /// Version of its program.
    pub version: Arc<str>,
    /// Labels that it has.
    pub labels: Vec<Arc<str>>,
    /// How long a lease lives. It is renewed three times in that time; after two thirds without, the order's agent is
    /// stopped.
    pub lease: Duration,
    /// How often it is asked for orders, if nothing tells that there are any.
    pub poll: Duration,
    /// Limits over all workers.
    pub limits: LeaseLimits,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            runs_orders: true,
            host: "".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            labels: Vec::new(),
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            limits: LeaseLimits::default(),
        }
    }
}

/// What this worker has of the orders that are shared.
#[derive(Debug)]
pub(crate) struct Leasing {
    pub(crate) port: Arc<dyn Leases>,
    pub(crate) worker: Worker,
    pub(crate) terms: LeaseTerms,
    held: Mutex<Held>,
    /// Told when a lease comes or goes.
    pub(crate) changed: Notify,
    /// Told when there may be an order to take.
    pub(crate) wake: Notify,
}

#[derive(Debug)]
struct Held {
    /// When each lease was asked for last with success.
    good_from: HashMap<OrderId, Instant>,
    /// Orders that were given back unfinished, and until when they are left to others.
    resting: HashMap<OrderId, Instant>,
    reached: Reached,
}

/// Whether the store is within reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It has answered each time.
    Always,
    /// It did not answer the last time.
    Not,
    /// It answers again since then.
    Since(Instant),
}

impl Leasing {
    pub(crate) fn new(port: Arc<dyn Leases>, name: &Arc<str>, max_running: usize, terms: LeaseTerms) -> Self {
        let worker = Worker {
            name: Arc::clone(name),
            host: Arc::clone(&terms.host),
            version: Arc::clone(&terms.version),
            labels: terms.labels.clone(),
            max_running,
        };
        let held = Held { good_from: HashMap::new(), resting: HashMap::new(), reached: Reached::Always };
        Self { port, worker, terms, held: Mutex::new(held), changed: Notify::new(), wake: Notify::new() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After so long without a renewal this worker ends its agents.
    fn patience(&self) -> Duration {
        self.terms.lease * 2 / 3
    }

    /// What to ask for, with `free` places for orders.
    pub(crate) fn wants(&self, free: usize, mut except: Vec<OrderId>, now: Instant) -> Wants {
        let mut held = self.held();
        held.resting.retain(|_, until| now < *until);
        except.extend(held.resting.keys());
        // Who could not reach the store gives the others as much time to renew as a lease has.
        let takes_over = match held.reached {
            Reached::Always => true,
            Reached::Not => false,
            Reached::Since(since) => now.duration_since(since) >= self.terms.lease,
        };
        Wants { at_most: free, takes_over, except, limits: self.terms.limits }
    }

    /// Notes whether the store answered.
    pub(crate) fn reached(&self, answered: bool, now: Instant) {
        let mut held = self.held();
        held.reached = match (held.reached, answered) {
            (_, false) => Reached::Not,
            (Reached::Not, true) => Reached::Since(now),
            (reached, true) => reached,
        };
    }

    /// Notes an order that was given to this worker, or whose lease was renewed, as asked for at a moment.
    pub(crate) fn good_from(&self, order: OrderId, asked: Instant) {
        self.held().good_from.insert(order, asked);
        self.changed.notify_waiters();
    }

    /// The same for a renewal: of a lease that was given back meanwhile nothing is noted.
    pub(crate) fn renewed(&self, order: OrderId, asked: Instant) {
        if let Some(good_from) = self.held().good_from.get_mut(&order) {
            *good_from = asked;
        }
    }

    /// Forgets a lease; whether it was there.
    pub(crate) fn forget(&self, order: OrderId) -> bool {
        let had = self.held().good_from.remove(&order).is_some();
        self.changed.notify_waiters();
        had
    }

    /// Leaves an order to others for as long as a lease lives.
    pub(crate) fn rest(&self, order: OrderId, now: Instant) {
        self.held().resting.insert(order, now + self.terms.lease);
    }

    /// All orders that it holds.
    pub(crate) fn orders(&self) -> Vec<OrderId> {
        self.held().good_from.keys().copied().collect()
    }

    pub(crate) fn holds(&self, order: OrderId) -> bool {
        self.held().good_from.contains_key(&order)
    }

    /// When the first lease was not renewed for too long.
    pub(crate) fn cut_off_at(&self) -> Option<Instant> {
        self.held().good_from.values().min().map(|good_from| *good_from + self.patience())
    }

    /// Forgets the leases that were not renewed for too long, and names them.
    pub(crate) fn cut_off(&self, now: Instant) -> Vec<OrderId> {
        let patience = self.patience();
        let late = |good_from: &Instant| now.duration_since(*good_from) >= patience;
        self.held().good_from.extract_if(|_, good_from| late(good_from)).map(|(order, _)| order).collect()
    }
}

impl Engine {
    /// Whether this worker may run an order: always, unless several share them.
    pub(crate) fn may_go_on(&self, order: OrderId) -> Result<(), StateError> {
        match &self.leasing {
            Some(leasing) if !leasing.holds(order) => Err(StateError::LeaseLost),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
