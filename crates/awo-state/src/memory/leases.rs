//! Leases in memory: so that several orchestrators of one process share its orders.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventKind, OrderId, OrderSpec};
use tokio::time::Instant;

use super::{InMemory, Orders};
use crate::{Change, Fleet, LeasedOrder, Leases, Renewal, Result, SeenWorker, StateError, Wants, Worker};

/// A worker that was not heard of for so long is forgotten.
const REMEMBERED: Duration = Duration::from_hours(24);

/// What is dealt out, and to whom.
#[derive(Debug, Default)]
pub(super) struct Dealt {
    leases: BTreeMap<OrderId, Lease>,
    workers: BTreeMap<Arc<str>, (Worker, Instant)>,
    paused: bool,
}

#[derive(Debug)]
struct Lease {
    worker: Arc<str>,
    until: Instant,
}

impl Lease {
    fn lives(&self, now: Instant) -> bool {
        now < self.until
    }
}

impl Dealt {
    /// A claim of an order whose lease lives in the hands of somebody else is held off.
    pub(super) fn check_claim(&self, id: OrderId, change: &Change) -> Result<()> {
        let claims = |worker: &Arc<str>| {
            change.recorded().iter().any(|said| matches!(&said.kind, EventKind::Claimed { worker: by } if by == worker))
        };
        let now = Instant::now();
        match self.leases.get(&id).filter(|lease| lease.lives(now)) {
            Some(lease) if change.claim().is_some() && !claims(&lease.worker) => Err(StateError::Held),
            _ => Ok(()),
        }
    }

    pub(super) fn forget(&mut self, id: OrderId) {
        self.leases.remove(&id);
    }

    /// Notes that a worker is alive.
    fn heard(&mut self, worker: &Worker, now: Instant) {
        self.workers.retain(|_, (_, heard)| now.duration_since(*heard) < REMEMBERED);
        self.workers.insert(Arc::clone(&worker.name), (worker.clone(), now));
    }

    fn seen(&self, now: Instant) -> Vec<SeenWorker> {
        let seen = self.workers.values().filter(|(_, heard)| now.duration_since(*heard) < REMEMBERED);
        let told = seen.map(|(worker, heard)| SeenWorker {
            worker: worker.clone(),
            unheard: now.duration_since(*heard),
            orders: self.of_worker(&worker.name, now),
        });
        told.collect()
    }

    fn of_worker(&self, worker: &str, now: Instant) -> Vec<OrderId> {
        let its = self.leases.iter().filter(|(_, lease)| *lease.worker == *worker && lease.lives(now));
        its.map(|(id, _)| *id).collect()
    }
}

/// How many leases live, of each repository and of each agent.
#[derive(Default)]
struct Counts(HashMap<Arc<str>, usize>, HashMap<Arc<str>, usize>);

impl Counts {
    fn add(&mut self, spec: &OrderSpec) {
        *self.0.entry(Arc::clone(&spec.repository_url)).or_default() += 1;
        *self.1.entry(Arc::clone(&spec.agent)).or_default() += 1;
    }

    fn of(&self, spec: &OrderSpec) -> (usize, usize) {
        let of = |counts: &HashMap<Arc<str>, usize>, name| counts.get(name).copied().unwrap_or_default();
        (of(&self.0, &spec.repository_url), of(&self.1, &spec.agent))
    }
}

impl Orders {
    fn counts(&self, now: Instant) -> Counts {
        let mut counts = Counts::default();
        let leased = self.dealt.leases.iter().filter(|(_, lease)| lease.lives(now));
        leased.filter_map(|(id, _)| self.by_id.get(id)).for_each(|stored| counts.add(&stored.order.spec));
        counts
    }

    /// The free order that comes next for a worker.
    fn next_free(&self, worker: &Worker, wants: &Wants, counts: &Counts, now: Instant) -> Option<OrderId> {
        let (labels, except): (BTreeSet<_>, BTreeSet<_>) =
            (worker.labels.iter().collect(), wants.except.iter().collect());
        let free = self.by_id.iter().filter(|(id, stored)| {
            let lease = self.dealt.leases.get(id);
            let is_free =
                lease.is_none_or(|lease| !lease.lives(now) && (wants.takes_over || lease.worker == worker.name));
            let spec = &stored.order.spec;
            is_free
                && !stored.head.status.is_terminal()
                && !stored.head.held
                && !except.contains(id)
                && spec.labels.iter().all(|label| labels.contains(label))
        });
        let within = free.filter_map(|(id, stored)| {
            let spec = &stored.order.spec;
            let (of_repository, of_agent) = counts.of(spec);
            let fits = wants.limits.per_repository.is_none_or(|most| of_repository < most)
                && wants.limits.per_agent.is_none_or(|most| of_agent < most);
            fits.then_some((-i32::from(spec.priority), of_repository, *id))
        });
        within.min().map(|(_, _, id)| id)
    }
}

#[async_trait]
impl Leases for InMemory {
    async fn acquire(&self, worker: &Worker, wants: &Wants, lease: Duration) -> Result<Vec<OrderId>> {
        let (mut orders, now) = (self.orders(), Instant::now());
        let (mut given, mut counts) = (Vec::new(), orders.counts(now));
        while given.len() < wants.at_most && !orders.dealt.paused {
            let Some(id) = orders.next_free(worker, wants, &counts, now) else { break };
            if let Some(stored) = orders.by_id.get(&id) {
                counts.add(&stored.order.spec);
            }
            orders.dealt.leases.insert(id, Lease { worker: Arc::clone(&worker.name), until: now + lease });
            given.push(id);
        }
        Ok(given)
    }

    async fn renew(&self, worker: &Worker, orders: &[OrderId], lease: Duration) -> Result<Vec<Renewal>> {
        let (mut all, now) = (self.orders(), Instant::now());
        let Orders { by_id, dealt, .. } = &mut *all;
        dealt.heard(worker, now);
        let renewed = orders.iter().map(|id| {
            let mine = dealt.leases.get_mut(id).filter(|lease| lease.worker == worker.name && lease.until > now);
            let mine = mine.zip(by_id.get(id)).map(|(mine, stored)| {
                mine.until = now + lease;
                let head = &stored.head;
                let prompt_waits = head.prompts > head.prompts_placed;
                LeasedOrder { seq: head.seq, cancel_requested: head.cancel_requested, prompt_waits }
            });
            Renewal { order: *id, mine }
        });
        Ok(renewed.collect())
    }

    async fn release(&self, worker: &str, order: OrderId) -> Result<()> {
        let leases = &mut self.orders().dealt.leases;
        if leases.get(&order).is_some_and(|lease| *lease.worker == *worker) {
            leases.remove(&order);
        }
        Ok(())
    }

    async fn leave(&self, worker: &str) -> Result<()> {
        let dealt = &mut self.orders().dealt;
        dealt.workers.remove(worker);
        dealt.leases.retain(|_, lease| *lease.worker != *worker);
        Ok(())
    }

    async fn pause(&self, paused: bool) -> Result<()> {
        self.orders().dealt.paused = paused;
        Ok(())
    }

    async fn fleet(&self) -> Result<Fleet> {
        let orders = self.orders();
        Ok(Fleet { workers: orders.dealt.seen(Instant::now()), paused: orders.dealt.paused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_seen_for_a_day_is_told_of_no_more() {
        let (mut dealt, now) = (Dealt::default(), Instant::now());
        dealt.heard(&Worker::named("host-1"), now);
        assert_eq!(dealt.seen(now + REMEMBERED - Duration::from_secs(1)).len(), 1);
        assert_eq!(dealt.seen(now + REMEMBERED), []);
    }
}
