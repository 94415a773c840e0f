//! Syncs what was acknowledged before it was on the device: at the latest an interval afterwards, and at the end.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use awo_models::OrderId;

use super::Durability;
use super::disk::Disk;
use super::index::Entry;
use super::journal::Journal;
use super::lock::Lock;

/// How soon a journal is asked again that a writer was at work on.
const AGAIN: Duration = Duration::from_millis(5);

/// What the only writer of a directory holds until it ends.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) lock: Lock,
    pub(super) unsynced: Arc<Unsynced>,
    flusher: OnceLock<Flusher>,
}

impl Writer {
    /// Without a flusher: nothing is synced by itself.
    pub(super) fn new(lock: Lock, disk: Arc<dyn Disk>, durability: Durability) -> Self {
        Self {
            lock,
            unsynced: Arc::new(Unsynced { disk, durability, entries: Mutex::default() }),
            flusher: OnceLock::new(),
        }
    }

    /// Starts the flusher, if saves are to be synced at intervals.
    pub(super) fn start(&self) -> io::Result<()> {
        if let Durability::Interval(every) = self.unsynced.durability {
            self.flusher.set(Flusher::start(Arc::clone(&self.unsynced), every)?).ok();
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.flusher.take());
        // With `Os` nobody knows which of the files are on the device; the next start syncs them.
        if self.unsynced.durability != Durability::Os && self.unsynced.flush() == Left::Nothing {
            self.lock.leave_in_order();
        }
    }
}

/// Orders with acknowledged saves that were not synced.
#[derive(Debug)]
pub(super) struct Unsynced {
    disk: Arc<dyn Disk>,
    durability: Durability,
    entries: Mutex<HashMap<OrderId, Arc<Entry>>>,
}

impl Unsynced {
    fn entries(&self) -> MutexGuard<'_, HashMap<OrderId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order in after a save, if its saves are synced later.
    pub(super) fn add(&self, entry: &Arc<Entry>) {
        if matches!(self.durability, Durability::Interval(_)) {
            self.entries().insert(entry.id, Arc::clone(entry));
        }
    }

    /// Syncs all of them but those that a writer is at work on.
    pub(super) fn flush(&self) -> Left {
        let mut left = Left::Nothing;
        let entries = std::mem::take(&mut *self.entries());
        for entry in entries.into_values() {
            let outcome = match entry.journal.try_lock() {
                Ok(mut journal) => self.store(&entry, &mut journal),
                Err(_) => Left::Busy,
            };
            if outcome == Left::Nothing {
                continue;
            }
            left = left.max(outcome);
            self.entries().entry(entry.id).or_insert(entry);
        }
        left
    }

    fn store(&self, entry: &Entry, journal: &mut Journal) -> Left {
        if journal.is_stored(&*self.disk) {
            return Left::Nothing;
        }
        // What a failed sync was for may be gone from the system's memory too. It is in ours.
        let Ok(Some(order)) = entry.look(|order| order.clone()) else { return Left::Nothing };
        let stored = journal.store_whole(&*self.disk, &order, self.durability);
        let Err(error) = stored else { return Left::Nothing };
        tracing::error!(
            agent_work_order_id = %entry.id, error = &error as &dyn std::error::Error,
            "acknowledged saves cannot be synced: trying again"
        );
        Left::Failed
    }
}

/// What a flush left to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    Nothing,
    /// Orders that are being written just now.
    Busy,
    /// Orders that could not be synced.
    Failed,
}

/// How long the flusher waits after a flush.
pub(super) fn pause_after(left: Left, every: Duration) -> Duration {
    if left == Left::Busy { every.min(AGAIN) } else { every }
}

/// A thread that flushes. Dropping it waits for its end.
#[derive(Debug)]
struct Flusher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    fn start(unsynced: Arc<Unsynced>, every: Duration) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let every = every.max(Duration::from_millis(1));
        let work = move || {
            let mut pause = every;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = pause_after(unsynced.flush(), every);
            }
        };
        let thread = std::thread::Builder::new().name("awo-flusher".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
