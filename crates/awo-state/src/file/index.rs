//! What a repository knows of its orders without asking the disk: what was last acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::OrderId;

use super::journal::Journal;
use super::record::{Damage, Loaded};
use crate::{OrderQuery, OrderRow, Page, Result};

/// All orders. Locks are held for a few instructions and never while the disk works.
#[derive(Debug, Default)]
pub(super) struct Index {
    shared: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: BTreeMap<OrderId, Arc<Entry>>,
    by_key: HashMap<Arc<str>, OrderId>,
}

/// One order: what readers see, and the journal that its writers take turns with.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: OrderId,
    seen: Mutex<Seen>,
    bytes: AtomicU64,
    pub(super) journal: Arc<tokio::sync::Mutex<Journal>>,
}

/// What readers see of an order.
#[derive(Debug)]
pub(super) enum Seen {
    /// Nothing: it is being created, or was deleted.
    Nothing,
    /// The order as it was last acknowledged.
    Sound(Loaded),
    /// It is there but cannot be read.
    Damaged(Damage),
}

impl Entry {
    pub(super) fn new(id: OrderId, seen: Seen, journal: Journal) -> Arc<Self> {
        let bytes = AtomicU64::new(journal.length());
        Arc::new(Self { id, seen: Mutex::new(seen), bytes, journal: Arc::new(tokio::sync::Mutex::new(journal)) })
    }

    /// Says how long the file is, for lists.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the order; `None` if there is nothing to see.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Loaded) -> T) -> Result<Option<T>> {
        match &mut *self.seen() {
            Seen::Nothing => Ok(None),
            Seen::Sound(order) => Ok(Some(look(order))),
            Seen::Damaged(damage) => Err(damage.told(self.id)),
        }
    }
}

impl Index {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: OrderId) -> Option<Arc<Entry>> {
        self.entries().by_id.get(&id).map(Arc::clone)
    }

    /// Takes an entry in, unless its id or its key is taken: then the one that has it is answered.
    pub(super) fn reserve(&self, entry: &Arc<Entry>, key: Option<&Arc<str>>) -> Option<Arc<Entry>> {
        let mut entries = self.entries();
        let same_key = key.and_then(|key| entries.by_key.get(key)).copied();
        let taken = [Some(entry.id), same_key].into_iter().flatten().find_map(|id| entries.by_id.get(&id));
        if let Some(taken) = taken {
            return Some(Arc::clone(taken));
        }
        entries.insert(entry, key);
        None
    }

    /// Takes an entry in, whatever was there (at a start, or when a file changed).
    pub(super) fn put(&self, entry: &Arc<Entry>) {
        let key = entry.look(|order| key_of(order)).ok().flatten().flatten();
        self.entries().insert(entry, key.as_ref());
    }

    pub(super) fn remove(&self, id: OrderId, key: Option<&Arc<str>>) {
        let mut entries = self.entries();
        entries.by_id.remove(&id);
        if let Some(key) = key
            && entries.by_key.get(key) == Some(&id)
        {
            entries.by_key.remove(key);
        }
    }

    /// Removes an entry that stands for nothing, if it is still there.
    pub(super) fn forget(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries.by_id.get(&entry.id).is_some_and(|there| Arc::ptr_eq(there, entry)) {
            entries.by_id.remove(&entry.id);
        }
    }

    pub(super) fn ids(&self) -> Vec<OrderId> {
        self.entries().by_id.keys().copied().collect()
    }

    pub(super) fn list(&self, query: &OrderQuery) -> Page {
        let newest_first: Vec<_> = self.entries().by_id.values().rev().map(Arc::clone).collect();
        let mut page = Page::default();
        let mut more = false;
        for entry in newest_first {
            let row = match &*entry.seen() {
                Seen::Nothing => continue,
                Seen::Damaged(_) => {
                    page.damaged.push(entry.id);
                    continue;
                }
                Seen::Sound(order) if !query.matches(&order.order) => continue,
                Seen::Sound(order) => OrderRow {
                    order: Arc::clone(&order.order),
                    seq: order.head.seq,
                    epoch: order.head.epoch,
                    bytes: entry.bytes.load(Ordering::Relaxed),
                },
            };
            page.total += 1;
            if query.after.is_some_and(|after| entry.id >= after) {
                continue;
            }
            if page.items.len() < query.limit {
                page.items.push(row);
            } else {
                more = true;
            }
        }
        page.next = page.items.last().filter(|_| more).map(|row| row.order.agent_work_order_id);
        page
    }
}

impl Entries {
    fn insert(&mut self, entry: &Arc<Entry>, key: Option<&Arc<str>>) {
        self.by_id.insert(entry.id, Arc::clone(entry));
        if let Some(key) = key {
            self.by_key.insert(Arc::clone(key), entry.id);
        }
    }
}

/// The key an order was created with.
pub(super) fn key_of(order: &Loaded) -> Option<Arc<str>> {
    let idempotency = order.order.spec.idempotency.as_ref()?;
    Some(Arc::clone(&idempotency.key))
}
