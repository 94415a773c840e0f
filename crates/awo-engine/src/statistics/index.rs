//! What is counted of each order, bounded. Pure: what is stored is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use awo_models::{OrderId, Timestamp};

use super::attempts::CountedOrder;

/// Attempts that are counted at most: the oldest orders are left out beyond. They take some 200 bytes each, and are those of
/// 14,000 orders with seven steps.
const MOST: usize = 100_000;

/// The orders that are counted. Their ids sort by the time they were made.
#[derive(Debug)]
pub(super) struct Index {
    orders: BTreeMap<OrderId, Arc<CountedOrder>>,
    attempts: usize,
    most: usize,
    /// Whether some order was left out.
    is_full: bool,
    unreadable: BTreeSet<OrderId>,
    /// Orders that were deleted while those that are stored are still read.
    gone: Option<BTreeSet<OrderId>>,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_room_for(MOST)
    }
}

impl Index {
    pub(super) fn with_room_for(most: usize) -> Self {
        Self {
            orders: BTreeMap::new(),
            attempts: 0,
            most,
            is_full: false,
            unreadable: BTreeSet::new(),
            gone: Some(BTreeSet::new()),
        }
    }

    /// Counts an order, unless it is known with as many results; whether there is room for older ones.
    pub(super) fn count(&mut self, order: CountedOrder) -> bool {
        let is_gone = self.gone.as_ref().is_some_and(|gone| gone.contains(&order.id));
        let known = self.orders.get(&order.id).map_or(0, |known| known.attempts.len());
        if !is_gone && order.attempts.len() > known {
            self.attempts += order.attempts.len() - known;
            self.orders.insert(order.id, Arc::new(order));
        }
        while self.attempts > self.most
            && self.orders.len() > 1
            && let Some((_, oldest)) = self.orders.pop_first()
        {
            self.attempts -= oldest.attempts.len();
            self.is_full = true;
        }
        !self.is_full
    }

    pub(super) fn forget(&mut self, id: OrderId) {
        if let Some(known) = self.orders.remove(&id) {
            self.attempts -= known.attempts.len();
        }
        self.unreadable.remove(&id);
        if let Some(gone) = &mut self.gone {
            gone.insert(id);
        }
    }

    pub(super) fn damaged(&mut self, ids: impl IntoIterator<Item = OrderId>) {
        self.unreadable.extend(ids);
    }

    /// All that was stored is counted; how many orders and attempts these are.
    pub(super) fn read(&mut self) -> (usize, usize) {
        self.gone = None;
        (self.orders.len(), self.attempts)
    }

    pub(super) fn has(&self, id: OrderId) -> bool {
        self.orders.contains_key(&id)
    }

    /// The orders, oldest first.
    pub(super) fn orders(&self) -> Vec<Arc<CountedOrder>> {
        self.orders.values().cloned().collect()
    }

    /// When the oldest order was created that is counted, if others were left out.
    pub(super) fn reaches_back_to(&self) -> Option<Timestamp> {
        self.orders.first_key_value().filter(|_| self.is_full).map(|(_, oldest)| oldest.created_at)
    }

    pub(super) fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// So many orders, newest first, beginning with the newest that is older than `before`.
    pub(super) fn older(&self, before: Option<OrderId>, most: usize) -> Vec<Arc<CountedOrder>> {
        let older = match before {
            Some(before) => self.orders.range(..before),
            None => self.orders.range(..),
        };
        older.rev().take(most).map(|(_, order)| Arc::clone(order)).collect()
    }
}
