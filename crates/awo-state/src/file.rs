//! Orders in files: one append-only journal each, durable when a save returns. The default of `awo serve`.
//!
//! *Invariant*: nothing is answered that is not on the device; nothing that was answered is changed in place.
//! `docs/state-backends.md` tells the format and what each answer means.

mod artifacts;
mod catalog;
mod content;
mod disk;
mod flush;
mod frame;
mod index;
mod journal;
mod line;
mod lock;
mod mounts;
mod options;
mod order_log;
mod reader;
mod record;
mod salvage;
mod scan;
mod segments;
mod verify;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, StepHistory};

pub use artifacts::FileArtifacts;
pub use catalog::FileCatalog;
pub use lock::{Holder, OpenError};
pub use options::{Durability, FileOptions};
pub use order_log::FileOrderLog;
pub use salvage::Salvaged;
pub use verify::{FileFinding, FileFindingKind, Verified};

use crate::{
    Change, Committed, Head, OrderQuery, OrderSnapshot, Page, Result, StateError, StateRepository, StateTransfer,
    StoredOrder, merge,
};
use content::Recent;
use disk::{Disk, RealDisk};
use flush::Writer;
use index::{Entry, Index, Seen};
use journal::Journal;
use lock::Lock;
use reader::Reader;
use record::{Content, Loaded};

/// A repository in a directory of files. Clones share it; the last one gives the directory free.
#[derive(Debug, Clone)]
pub struct FileRepository {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    index: Index,
    recent: Recent,
    orders: PathBuf,
    disk: Arc<dyn Disk>,
    access: Access,
    options: FileOptions,
}

#[derive(Debug)]
enum Access {
    Writer(Writer),
    Reader(Reader),
}

impl FileRepository {
    /// Opens a directory as its only writer, and makes it if it is missing. `holder` is told to whoever comes second,
    /// for example `awo serve`.
    ///
    /// Reads every journal once, so call it before serving.
    pub fn open(dir: impl AsRef<Path>, holder: &str) -> Result<Self, OpenError> {
        Self::open_with(dir, holder, FileOptions::default())
    }

    /// The same with other settings than the default.
    pub fn open_with(dir: impl AsRef<Path>, holder: &str, options: FileOptions) -> Result<Self, OpenError> {
        let opened = Self::open_on(Arc::new(RealDisk), dir.as_ref(), holder, options)?;
        if let Access::Writer(writer) = &opened.shared.access {
            writer.start().map_err(|source| OpenError::Io { dir: dir.as_ref().to_owned(), source })?;
        }
        Ok(opened)
    }

    /// Nothing is synced by itself: that is started by the caller.
    fn open_on(disk: Arc<dyn Disk>, dir: &Path, holder: &str, options: FileOptions) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
        let orders = dir.join("orders");
        disk::create_dirs(&*disk, &orders).map_err(failed)?;
        mounts::warn_if_network(dir);
        let lock = Lock::take(dir, holder)?;
        let index = scan::index(&*disk, &orders, lock.crashed_since).map_err(failed)?;
        let access = Access::Writer(Writer::new(lock, Arc::clone(&disk), options.durability));
        Ok(Self { shared: Arc::new(Shared { index, recent: Recent::default(), orders, disk, access, options }) })
    }

    /// Opens a directory for reading, also while another process writes it. Every read sees what the files hold then;
    /// every write is `Refused`.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        let dir = dir.as_ref();
        let orders = dir.join("orders");
        std::fs::read_dir(&orders).map_err(|source| OpenError::Io { dir: dir.to_owned(), source })?;
        Ok(Self {
            shared: Arc::new(Shared {
                index: Index::default(),
                recent: Recent::default(),
                orders,
                disk: Arc::new(RealDisk),
                access: Access::Reader(Reader::new(dir)),
                options: FileOptions::default(),
            }),
        })
    }

    /// Who writes a directory now; `None` if nobody does, whatever a process that is gone left behind.
    pub fn holder(dir: impl AsRef<Path>) -> io::Result<Option<Holder>> {
        lock::holder(dir.as_ref())
    }

    /// Tells whoever looks at the lock where this process answers requests.
    pub fn announce(&self, address: &str) -> io::Result<()> {
        match &self.shared.access {
            Access::Writer(writer) => writer.lock.write(Some(address)),
            Access::Reader(_) => Err(io::Error::other("the data directory is opened for reading only")),
        }
    }

    fn writable(&self) -> Result<()> {
        match &self.shared.access {
            Access::Writer(_) => Ok(()),
            Access::Reader(_) => Err(StateError::Refused("the data directory is opened for reading only")),
        }
    }

    /// The entry of an order, as the files have it now if this is a reader.
    async fn entry(&self, id: OrderId) -> Result<Option<Arc<Entry>>> {
        if let Access::Reader(_) = &self.shared.access {
            let shared = Arc::clone(&self.shared);
            on_disk(move || shared.refresh(id)).await?;
        }
        Ok(self.shared.index.get(id))
    }

    /// Stores an order whose id and key are free.
    async fn store_new(&self, order: Loaded) -> Result<()> {
        let id = order.order.agent_work_order_id;
        let key = index::key_of(&order);
        let (entry, mut journal) = loop {
            let journal = Journal::missing(journal::path(&self.shared.orders, id));
            let entry = Entry::new(id, Seen::Nothing, journal);
            let journal = Arc::clone(&entry.journal).try_lock_owned();
            let journal = journal.map_err(|e| StateError::Backend(e.into()))?;
            let Some(taken) = self.shared.index.reserve(&entry, key.as_ref()) else {
                break (entry, journal);
            };
            // The one that has the name may be on its way in or out: wait for it and look again.
            let _turn = taken.journal.lock().await;
            if !matches!(*taken.seen(), Seen::Nothing) {
                return Err(StateError::AlreadyExists(taken.id));
            }
            self.shared.index.forget(&taken);
        };
        let shared = Arc::clone(&self.shared);
        on_disk(move || {
            let stored = shared.create(&entry, &mut journal, order);
            drop((shared, entry));
            drop(journal);
            stored
        })
        .await?
    }

    async fn commit(&self, id: OrderId, history: Option<&StepHistory>, change: &Change) -> Result<Committed> {
        self.writable()?;
        let entry = self.entry(id).await?.ok_or(StateError::NotFound(id))?;
        let mut journal = self.locked(&entry).await?;
        let head = entry.look(|order| order.head)?.ok_or(StateError::NotFound(id))?;
        let delta = merge(&head, history, change)?;
        if delta.is_repetition() {
            return Ok(head.committed());
        }
        let (shared, history) = (Arc::clone(&self.shared), history.cloned());
        // The journal's guard goes along: if the caller gives up, the write still ends before the next one begins.
        on_disk(move || {
            let stored = shared.commit(&entry, &mut journal, history.as_ref(), delta);
            drop((shared, entry));
            drop(journal);
            stored
        })
        .await?
    }
}

impl Shared {
    fn commit(
        &self,
        entry: &Arc<Entry>,
        journal: &mut Journal,
        history: Option<&StepHistory>,
        delta: crate::Delta,
    ) -> Result<Committed> {
        let gone = || StateError::NotFound(entry.id);
        let durability = self.options.durability;
        if let Some(file) = journal.open(&*self.disk, durability) {
            journal.append(&*self.disk, &file, history, &delta, durability)?;
        } else {
            let mut next = entry.look(|order| order.clone())?.ok_or_else(gone)?;
            next.commit(history, delta.clone());
            journal.store_whole(&*self.disk, &next, durability)?;
        }
        let head = delta.head;
        entry.look(|order| order.commit(history, delta))?.ok_or_else(gone)?;
        if let Access::Writer(writer) = &self.access {
            writer.unsynced.add(entry);
        }
        if journal.is_long(&self.options)
            && let Some(order) = entry.look(|order| order.clone())?
        {
            journal.compact(&*self.disk, &order, &self.options);
        }
        entry.set_bytes(journal.length());
        if head.status.is_terminal() {
            self.recent.add(entry.id);
            self.evict();
        }
        Ok(head.committed())
    }

    fn create(&self, entry: &Entry, journal: &mut Journal, order: Loaded) -> Result<()> {
        let key = index::key_of(&order);
        match journal.store_whole(&*self.disk, &order, self.options.durability) {
            Ok(()) => {
                entry.set_bytes(journal.length());
                let ended = order.head.status.is_terminal();
                *entry.seen() = Seen::Sound(order);
                if ended {
                    self.recent.add(entry.id);
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, StateError::Unavailable(_)) {
                    let _ = journal.remove(&*self.disk); // nobody was told of it
                }
                self.index.remove(entry.id, key.as_ref());
                Err(error)
            }
        }
    }

    fn delete(&self, entry: &Entry, journal: &mut Journal) -> Result<()> {
        journal.remove(&*self.disk)?;
        let key = entry.look(|order| index::key_of(order))?.flatten();
        *entry.seen() = Seen::Nothing;
        self.index.remove(entry.id, key.as_ref());
        Ok(())
    }
}

#[async_trait]
impl StateRepository for FileRepository {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        self.writable()?;
        let head = Head::of_new(&order)?;
        self.store_new(Loaded::created(order, head)).await?;
        Ok(head.committed())
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        let Some(entry) = self.entry(id).await? else {
            return Ok(None);
        };
        let snapshot = |order: &Loaded, content: &Content| OrderSnapshot {
            order: Arc::clone(&order.order),
            history: content.history.clone(),
            seq: order.head.seq,
            epoch: order.head.epoch,
        };
        self.read(&entry, snapshot).await
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        if let Access::Reader(_) = &self.shared.access {
            let shared = Arc::clone(&self.shared);
            on_disk(move || shared.refresh_all()).await?.map_err(|e| StateError::Backend(e.into()))?;
        }
        Ok(self.shared.index.list(query))
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.commit(id, None, change).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        self.commit(id, Some(history), change).await
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        let entry = self.entry(id).await?.ok_or(StateError::NotFound(id))?;
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        let events = |_: &Loaded, content: &Content| -> Vec<_> {
            content.events.iter().skip(after).take(limit).map(Arc::clone).collect()
        };
        self.read(&entry, events).await?.ok_or(StateError::NotFound(id))
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        self.writable()?;
        let entry = self.entry(id).await?.ok_or(StateError::NotFound(id))?;
        let mut journal = self.locked(&entry).await?;
        let head = entry.look(|order| order.head)?.ok_or(StateError::NotFound(id))?;
        head.deletable(at)?;
        let shared = Arc::clone(&self.shared);
        on_disk(move || {
            let deleted = shared.delete(&entry, &mut journal);
            drop((shared, entry));
            drop(journal);
            deleted
        })
        .await?
    }
}

#[async_trait]
impl StateTransfer for FileRepository {
    async fn export(&self, id: OrderId) -> Result<Option<StoredOrder>> {
        let Some(entry) = self.entry(id).await? else {
            return Ok(None);
        };
        let stored = |order: &Loaded, content: &Content| StoredOrder {
            order: Arc::clone(&order.order),
            head: order.head,
            history: content.history.clone(),
            events: content.events.clone(),
        };
        self.read(&entry, stored).await
    }

    async fn import(&self, stored: StoredOrder) -> Result<()> {
        self.writable()?;
        stored.check()?;
        let StoredOrder { order, head, history, events } = stored;
        self.store_new(Loaded { order, head, content: Some(Content { history, events }) }).await
    }
}

/// Runs what waits for the disk where it may wait. It goes on when its caller gives up.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StateError::Unavailable(error.into()))
}

#[cfg(test)]
mod tests;
