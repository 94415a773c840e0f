//! Histories and events in memory: read when they are asked for, let go of when enough ended orders have theirs.
//!
//! *Invariant*: an order's content comes and goes only while its journal is locked, and goes only if the file holds it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::OrderId;
use tokio::sync::OwnedMutexGuard;

use super::index::{Entry, Seen};
use super::journal::{self, Journal};
use super::record::{Content, Damage, Depth, Loaded, Tail};
use super::{Access, FileRepository, Shared, on_disk};
use crate::{Result, StateError};

/// Ended orders whose content is in memory, by the time of their last use.
#[derive(Debug, Default)]
pub(super) struct Recent {
    uses: Mutex<Uses>,
}

#[derive(Debug, Default)]
struct Uses {
    now: u64,
    by_order: HashMap<OrderId, u64>,
    by_time: BTreeMap<u64, OrderId>,
}

impl Recent {
    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order in, as the one that was used last.
    pub(super) fn add(&self, id: OrderId) {
        self.uses().add(id);
    }

    /// Notes a use of an order, if it is one of these.
    fn used(&self, id: OrderId) {
        let mut uses = self.uses();
        if uses.by_order.contains_key(&id) {
            uses.add(id);
        }
    }

    /// Takes out the one that was not used for the longest time, if there are more than `keep`.
    fn pop_above(&self, keep: usize) -> Option<OrderId> {
        let mut uses = self.uses();
        if uses.by_order.len() <= keep {
            return None;
        }
        let (_, id) = uses.by_time.pop_first()?;
        uses.by_order.remove(&id);
        Some(id)
    }
}

impl Uses {
    fn add(&mut self, id: OrderId) {
        self.now += 1;
        if let Some(before) = self.by_order.insert(id, self.now) {
            self.by_time.remove(&before);
        }
        self.by_time.insert(self.now, id);
    }
}

impl FileRepository {
    /// Takes something of an order with its content; `None` if there is no order to see.
    pub(super) async fn read<T: Send>(
        &self,
        entry: &Arc<Entry>,
        take: impl Fn(&Loaded, &Content) -> T + Send + Sync,
    ) -> Result<Option<T>> {
        let look = || entry.look(|order| order.content.as_ref().map(|content| take(order, content)));
        if let Some(taken) = look()?.flatten() {
            self.shared.recent.used(entry.id);
            return Ok(Some(taken));
        }
        let _turn = self.locked(entry).await?; // until it is taken, the content stays
        Ok(look()?.flatten())
    }

    /// Waits for an order's journal, and has its history and events in memory.
    pub(super) async fn locked(&self, entry: &Arc<Entry>) -> Result<OwnedMutexGuard<Journal>> {
        let journal = Arc::clone(&entry.journal).lock_owned().await;
        if entry.look(|order| order.content.is_some())? != Some(false) {
            return Ok(journal);
        }
        let (shared, entry) = (Arc::clone(&self.shared), Arc::clone(entry));
        // The journal's guard goes along: nothing is written while the file is read, also if the caller gives up.
        on_disk(move || {
            let loaded = shared.load(&entry);
            shared.evict();
            drop((shared, entry));
            loaded.map(|()| journal)
        })
        .await?
    }
}

impl Shared {
    /// Reads the history and the events of an order whose row is known and whose journal is locked.
    fn load(&self, entry: &Entry) -> Result<()> {
        let path = journal::path(&self.orders, entry.id);
        let tail = match &self.access {
            Access::Reader(reader) => reader.tail(),
            Access::Writer(_) => Tail::Kept,
        };
        let found = journal::load(&*self.disk, &path, entry.id, Depth::Content, tail);
        let mut seen = entry.seen();
        let Seen::Sound(order) = &mut *seen else { return Ok(()) };
        let damage = match found {
            // Only a writer knows that the file cannot have changed.
            Ok(found) if found.order.head == order.head || matches!(self.access, Access::Reader(_)) => {
                *order = found.order;
                if order.head.status.is_terminal() {
                    self.recent.add(entry.id);
                }
                return Ok(());
            }
            Ok(found) => Damage::Record {
                record: found.number,
                at: found.length,
                why: "the journal is not what it was when it was last read or written".into(),
            },
            // Too many open files, a failing device: the file may be sound, and the next one who asks finds out.
            Err(Damage::Unreadable(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StateError::Backend(Box::new(Damage::Unreadable(error))));
            }
            Err(damage) => damage,
        };
        tracing::error!(agent_work_order_id = %entry.id, %damage, "the order cannot be read; left as it is");
        *seen = Seen::Damaged(damage);
        Ok(())
    }

    /// Lets go of the contents that were not used for the longest time, if there are too many. May wait for the disk.
    pub(super) fn evict(&self) {
        // Whatever comes in is one order, so a few attempts each time are enough also when some must stay.
        for _ in 0..8 {
            let Some(id) = self.recent.pop_above(self.options.keep_ended) else { return };
            if self.must_stay(id) {
                self.recent.add(id);
            }
        }
    }

    /// Lets go of one, unless memory has what the file may not have, or somebody is at work on it.
    fn must_stay(&self, id: OrderId) -> bool {
        let Some(entry) = self.index.get(id) else { return false };
        let Ok(mut journal) = entry.journal.try_lock() else { return true };
        if !matches!(entry.look(|order| order.head.status.is_terminal()), Ok(Some(true))) {
            return false; // it is taken in again when it has ended again
        }
        let read_only = matches!(self.access, Access::Reader(_));
        let stored = read_only || journal.is_stored(&*self.disk);
        if stored {
            let _ = entry.look(|order| order.content = None);
        }
        !stored
    }
}
