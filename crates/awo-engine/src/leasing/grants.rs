//! The leases that this worker holds, each with a number: what is late and is of an earlier lease on the same order does
//! nothing to a later one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use awo_models::OrderId;
use tokio::time::Instant;

/// One time that an order was given to this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) order: OrderId,
    number: u64,
}

#[derive(Debug)]
struct Lease {
    number: u64,
    /// When it was asked for last with success.
    good_from: Instant,
    /// How long the store was asked to let it live.
    life: Duration,
}

impl Lease {
    /// When it was not renewed for too long: the rest of its life is for agents to end in.
    fn cut_off_at(&self) -> Instant {
        self.good_from + self.life * 2 / 3
    }
}

/// All that this worker was given and is not done with.
#[derive(Debug, Default)]
pub(super) struct Grants {
    last: u64,
    leases: HashMap<OrderId, Lease>,
    /// Orders of which somebody here has a grant in hands, also one that is lost. They are not asked for: of each order there
    /// is one grant at a time.
    in_hands: HashSet<OrderId>,
}

impl Grants {
    pub(super) fn add(&mut self, order: OrderId, good_from: Instant, life: Duration) -> Grant {
        self.last += 1;
        let number = self.last;
        self.leases.insert(order, Lease { number, good_from, life });
        self.in_hands.insert(order);
        Grant { order, number }
    }

    /// Whoever had it in hands is done with it.
    pub(super) fn done(&mut self, grant: Grant) {
        self.lose(grant);
        self.in_hands.remove(&grant.order);
    }

    /// Whether it was held until now.
    pub(super) fn lose(&mut self, grant: Grant) -> bool {
        let had = self.has(grant);
        if had {
            self.leases.remove(&grant.order);
        }
        had
    }

    /// Whether it is held, and so was renewed.
    pub(super) fn renew(&mut self, grant: Grant, good_from: Instant, life: Duration) -> bool {
        let lease = self.leases.get_mut(&grant.order).filter(|lease| lease.number == grant.number);
        lease.map(|lease| (lease.good_from, lease.life) = (good_from, life)).is_some()
    }

    pub(super) fn has(&self, grant: Grant) -> bool {
        self.leases.get(&grant.order).is_some_and(|lease| lease.number == grant.number)
    }

    pub(super) fn holds(&self, order: OrderId) -> bool {
        self.leases.contains_key(&order)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    pub(super) fn held(&self) -> Vec<Grant> {
        self.leases.iter().map(|(order, lease)| Grant { order: *order, number: lease.number }).collect()
    }

    pub(super) fn in_hands(&self) -> impl Iterator<Item = &OrderId> {
        self.in_hands.iter()
    }

    /// When the one was asked for that was asked for the longest ago.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.leases.values().map(|lease| lease.good_from).min()
    }

    pub(super) fn cut_off_at(&self) -> Option<Instant> {
        self.leases.values().map(Lease::cut_off_at).min()
    }

    /// Forgets what was not renewed for too long, and names it.
    pub(super) fn cut_off(&mut self, now: Instant) -> Vec<OrderId> {
        self.leases.extract_if(|_, lease| now >= lease.cut_off_at()).map(|(order, _)| order).collect()
    }
}
