//! The leases of this worker, where several share the orders: which it holds, since when they are good, and what becomes of
//! a worker that cannot renew them.
//!
//! A lease is good from the moment before it was asked for, by this worker's monotonic clock; so the store, which counts from
//! its answer, never ends it before this worker does.

mod grants;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::OrderId;
use awo_state::{Fleet, LeaseLimits, Leases, StateError, Wants, Worker};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::engine::Engine;
pub(crate) use grants::Grant;
use grants::Grants;

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
    /// The same for a worker that is the only one: the store has heard of no other one for a day, so nobody waits for its
    /// orders. It renews as often. Not used if it is not longer.
    pub lease_alone: Duration,
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
            lease_alone: Duration::ZERO,
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
    grants: Grants,
    /// Orders that were given back unfinished, and until when they are left to others.
    resting: HashMap<OrderId, Instant>,
    reached: Reached,
    /// Whether this worker was the only one when the store told last.
    is_alone: bool,
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
        let held =
            Held { grants: Grants::default(), resting: HashMap::new(), reached: Reached::Always, is_alone: false };
        Self { port, worker, terms, held: Mutex::new(held), changed: Notify::new(), wake: Notify::new() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long leases are asked to live.
    pub(crate) fn life(&self) -> Duration {
        if self.held().is_alone { self.terms.lease.max(self.terms.lease_alone) } else { self.terms.lease }
    }

    /// Notes which workers there are; nothing is known if the store did not tell.
    pub(crate) fn seen(&self, fleet: Option<&Fleet>) {
        self.held().is_alone =
            fleet.is_some_and(|fleet| fleet.workers.iter().all(|seen| seen.worker.name == self.worker.name));
    }

    /// How often leases are renewed, and the longest time that it may take to be given some.
    pub(crate) fn third(&self) -> Duration {
        self.terms.lease / 3
    }

    /// What to ask for, with `free` places for orders.
    pub(crate) fn wants(&self, free: usize, mut except: Vec<OrderId>, now: Instant) -> Wants {
        let mut held = self.held();
        held.resting.retain(|_, until| now < *until);
        except.extend(held.resting.keys());
        except.extend(held.grants.in_hands());
        // Who could not reach the store gives the others as much time to renew as a lease has.
        let takes_over = match held.reached {
            Reached::Always => true,
            Reached::Not => false,
            Reached::Since(since) => now.duration_since(since) >= self.terms.lease,
        };
        Wants { at_most: free, takes_over, except, limits: self.terms.limits }
    }

    /// Notes whether the store answered when leases were to be renewed.
    pub(crate) fn reached(&self, answered: bool, now: Instant) {
        let mut held = self.held();
        held.reached = match (held.reached, answered) {
            (_, false) => Reached::Not,
            (Reached::Not, true) => Reached::Since(now),
            (reached, true) => reached,
        };
    }

    /// Notes an order that was given to this worker, as asked for at a moment. Whoever gets the grant says when they are
    /// [done](Self::done) with it.
    pub(crate) fn granted(&self, order: OrderId, asked: Instant, life: Duration) -> Grant {
        let grant = self.held().grants.add(order, asked, life);
        self.changed.notify_waiters();
        grant
    }

    /// A lease was renewed, as asked for at a moment. Of one that is not held any more nothing is noted.
    ///
    /// What this and the next ones do to the order's run is done before anybody can be done with the grant, so that it is not
    /// done to the run of a later one.
    pub(crate) fn renewed(&self, grant: Grant, asked: Instant, life: Duration, tell: impl FnOnce()) {
        let mut held = self.held();
        if held.grants.renew(grant, asked, life) {
            tell();
        }
    }

    /// The store says that a lease is lost.
    pub(crate) fn lost(&self, grant: Grant, tell: impl FnOnce()) {
        let mut held = self.held();
        if held.grants.lose(grant) {
            tell();
        }
        drop(held);
        self.changed.notify_waiters();
    }

    /// Forgets the leases that were not renewed for too long.
    pub(crate) fn cut_off(&self, now: Instant, tell: impl FnMut(OrderId)) {
        let mut held = self.held();
        held.grants.cut_off(now).into_iter().for_each(tell);
        drop(held);
        self.changed.notify_waiters();
    }

    /// Forgets a grant.
    pub(crate) fn done(&self, grant: Grant) {
        self.held().grants.done(grant);
        self.changed.notify_waiters();
    }

    /// Resolves when a lease is not held any more.
    pub(crate) async fn is_lost(&self, grant: Grant) {
        self.until(|grants| !grants.has(grant)).await;
    }

    /// Resolves when no lease is held.
    pub(crate) async fn holds_none(&self) {
        self.until(Grants::is_empty).await;
    }

    async fn until(&self, is_so: impl Fn(&Grants) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, so that nothing falls in between
            if is_so(&self.held().grants) {
                return;
            }
            changed.await;
        }
    }

    /// Leaves an order to others for as long as a lease lives.
    pub(crate) fn rest(&self, order: OrderId, now: Instant) {
        self.held().resting.insert(order, now + self.terms.lease);
    }

    /// All that it holds.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        self.held().grants.held()
    }

    pub(crate) fn holds(&self, order: OrderId) -> bool {
        self.held().grants.holds(order)
    }

    /// When the lease was asked for that was not renewed for the longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.held().grants.oldest()
    }

    /// When the first lease was not renewed for too long.
    pub(crate) fn cut_off_at(&self) -> Option<Instant> {
        self.held().grants.cut_off_at()
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
