//! The file of one order: who writes it, and what a failed write leaves.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use awo_models::{OrderId, StepHistory};

use super::disk::{self, Disk, Stored};
use super::record::{self, Damage, Depth, Found, Loaded, Tail};
use super::{Durability, FileOptions};
use crate::{Delta, StateError};

/// End of the name of a journal.
pub(super) const EXTENSION: &str = "awoj";

/// Where the journal of an order is.
pub(super) fn path(orders: &Path, id: OrderId) -> PathBuf {
    let tail = id.tail();
    orders.join(&tail[tail.len() - 2..]).join(format!("{id}.{EXTENSION}"))
}

/// Reads a journal.
pub(super) fn load(disk: &dyn Disk, path: &Path, id: OrderId, depth: Depth, tail: Tail) -> Result<Found, Damage> {
    let file = disk.open_read(path).map_err(|e| Damage::Unreadable(std::sync::Arc::new(e)))?;
    record::read(id, BufReader::with_capacity(64 * 1024, file), depth, tail)
}

/// Reads the first bytes of a journal.
pub(super) fn load_prefix(disk: &dyn Disk, path: &Path, id: OrderId, bytes: u64) -> Result<Found, Damage> {
    let file = disk.open_read(path).map_err(|e| Damage::Unreadable(std::sync::Arc::new(e)))?;
    let from = BufReader::with_capacity(64 * 1024, io::Read::take(file, bytes));
    record::read(id, from, Depth::Content, Tail::Kept)
}

/// Keeps bytes beside a journal, on the device; where.
pub(super) fn keep_aside(disk: &dyn Disk, journal: &Path, what: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut n = 1;
    let (aside, file) = loop {
        let aside = journal.with_extension(format!("{EXTENSION}.{what}-{n}"));
        match disk.create_new(&aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 1_000 => n += 1,
            made => break (aside, made?),
        }
    };
    disk.write(&file, bytes)?;
    disk.sync_all(&file)?;
    disk.sync_dir(journal.parent().unwrap_or(Path::new(".")))?;
    Ok(aside)
}

/// What its only writer knows of a journal.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) path: PathBuf,
    /// Bytes that are acknowledged.
    length: u64,
    /// Number of the last acknowledged record.
    number: u64,
    /// Whether the file ends after `length` bytes for all we know. After an error nothing is believed: the next write
    /// makes the file anew from memory.
    sound: bool,
    /// Bytes that are known to be on the device.
    synced: u64,
    /// Whether the last record says that what follows it may not be on the device.
    marked: bool,
    /// Length from which it is asked again whether to make the file anew to save room.
    ask_from: u64,
}

impl Journal {
    /// The journal of an order that has none yet.
    pub(super) fn missing(path: PathBuf) -> Self {
        Self { path, length: 0, number: 0, sound: false, synced: 0, marked: false, ask_from: 0 }
    }

    /// A journal that was read, and is on the device.
    pub(super) fn found(path: PathBuf, found: &Found) -> Self {
        let (length, marked) = (found.length, found.synced.is_some());
        Self { path, length, number: found.number, sound: true, synced: length, marked, ask_from: 0 }
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// From now on nothing is believed of the file.
    pub(super) fn distrust(&mut self) {
        self.sound = false;
    }

    /// Cuts a torn record off and keeps it aside, under the name that is answered.
    pub(super) fn cut(&mut self, disk: &dyn Disk, torn: &[u8]) -> io::Result<PathBuf> {
        self.sound = false;
        let aside = keep_aside(disk, &self.path, "torn", torn)?;
        let file = disk.open_append(&self.path)?;
        disk.set_len(&file, self.length)?;
        disk.sync_all(&file)?;
        self.sound = true;
        Ok(aside)
    }

    /// Stores an order whole: a new one, or one whose file is no longer believed.
    pub(super) fn store_whole(
        &mut self,
        disk: &dyn Disk,
        order: &Loaded,
        durability: Durability,
    ) -> Result<(), StateError> {
        let content = order.content.as_ref().ok_or(StateError::Refused("the order was not read"))?;
        let mark = mark(durability, 0);
        let bytes = record::encode_order(&order.order, &order.head, content, self.number + 1, mark);
        self.sound = false;
        disk::replace(disk, &self.path, &bytes).map_err(|(stored, error)| refused(stored, &self.path, error))?;
        self.is_anew(bytes.len() as u64, mark.is_some());
        Ok(())
    }

    /// Stores what a commit adds. It is as durable as is asked for when this answers `Ok`.
    pub(super) fn append(
        &mut self,
        disk: &dyn Disk,
        file: &File,
        history: Option<&StepHistory>,
        delta: &Delta,
        durability: Durability,
    ) -> Result<(), StateError> {
        let mark = mark(durability, self.synced);
        let bytes = record::encode_save(history, delta, self.number + 1, mark);
        self.sound = false; // until all of it is known to have worked, also if something panics
        if let Err(error) = disk.write(file, &bytes) {
            // A full disk is no reason to doubt the file: what was written of the record is taken back.
            let taken_back = disk.set_len(file, self.length).and_then(|()| disk.sync_data(file)).is_ok();
            self.sound = taken_back && is_full(&error);
            if taken_back {
                self.synced = self.length;
            }
            let stored = if taken_back { Stored::No } else { Stored::Perhaps };
            return Err(refused(stored, &self.path, error));
        }
        // What is not synced follows a record that says so, or its loss would look like damage.
        let syncs = mark.is_none() || !self.marked;
        let synced = if syncs { disk.sync_data(file) } else { Ok(()) };
        if let Err(error) = synced {
            let _ = disk.set_len(file, self.length); // less to be found after a restart; nothing is believed of it
            return Err(refused(Stored::Perhaps, &self.path, error));
        }
        self.length += bytes.len() as u64;
        self.number += 1;
        if syncs {
            self.synced = self.length;
        }
        self.marked = mark.is_some();
        self.sound = true;
        Ok(())
    }

    /// Whether it is time to ask if the file should be made anew to save room.
    pub(super) fn is_long(&self, options: &FileOptions) -> bool {
        self.sound && self.length >= options.compact_from.max(self.ask_from)
    }

    /// Makes the file anew, without what later records superseded, if that saves enough.
    ///
    /// `order` is what the file holds, and the file holds it before, after and in between, so a failure here takes back
    /// no acknowledgement. Nothing is appended to the new file before its name is on the device.
    pub(super) fn compact(&mut self, disk: &dyn Disk, order: &Loaded, options: &FileOptions) {
        self.ask_from = self.length.saturating_mul(2);
        let Some(content) = &order.content else { return };
        let mark = mark(options.durability, 0);
        let bytes = record::encode_order(&order.order, &order.head, content, self.number + 1, mark);
        let (before, after) = (self.length, bytes.len() as u64);
        let enough = before / 100 * u64::from(options.compact_percent.min(100));
        if after > before.saturating_sub(enough) {
            return;
        }
        self.sound = false;
        match disk::replace(disk, &self.path, &bytes) {
            Ok(()) => {
                self.is_anew(after, mark.is_some());
                self.ask_from = after.saturating_mul(2);
                tracing::debug!(path = %self.path.display(), before, after, "a journal was made anew to save room");
            }
            Err((stored, error)) => {
                // The old file is as it was; or nobody knows which of the two has the name.
                self.sound = stored == Stored::No;
                tracing::warn!(path = %self.path.display(), %error, "a journal could not be made anew to save room");
            }
        }
    }

    fn is_anew(&mut self, length: u64, marked: bool) {
        self.number += 1;
        self.length = length;
        self.synced = length;
        self.marked = marked;
        self.sound = true;
    }

    /// The file to append to; `None` if the order is to be stored whole instead.
    ///
    /// So is one whose last record says that what follows it may be lost, when each save is synced: then it may not.
    pub(super) fn open(&self, disk: &dyn Disk, durability: Durability) -> Option<File> {
        if self.marked && durability == Durability::Always { None } else { self.as_left(disk) }
    }

    /// The file, if it is as this writer left it.
    fn as_left(&self, disk: &dyn Disk) -> Option<File> {
        if !self.sound {
            return None;
        }
        let file = disk.open_append(&self.path).ok()?;
        let as_left = file.metadata().is_ok_and(|m| m.len() == self.length);
        as_left.then_some(file)
    }

    /// Whether the file holds on the device what memory holds, so that memory may let go of it.
    pub(super) fn is_stored(&mut self, disk: &dyn Disk) -> bool {
        let Some(file) = self.as_left(disk) else { return false };
        if self.synced < self.length {
            // What the system could not write it may forget, and the file would show something older.
            self.sound = disk.sync_data(&file).is_ok();
            if self.sound {
                self.synced = self.length;
            }
        }
        self.sound
    }

    /// Removes the file and what was kept aside of it.
    pub(super) fn remove(&mut self, disk: &dyn Disk) -> Result<(), StateError> {
        self.sound = false;
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let removed = |path: &Path| match disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let beside = format!("{}.", self.path.file_name().unwrap_or_default().to_string_lossy());
        let is_beside = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&beside)
        };
        let asides = disk.list(parent).and_then(|paths| paths.iter().filter(is_beside).try_for_each(|p| removed(p)));
        asides.and_then(|()| removed(&self.path)).map_err(|e| refused(Stored::No, &self.path, e))?;
        disk.sync_dir(parent).map_err(|e| refused(Stored::Perhaps, &self.path, e))
    }
}

/// What a record says of the device: nothing if all before it is there.
fn mark(durability: Durability, synced: u64) -> Option<u64> {
    (durability != Durability::Always).then_some(synced)
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[derive(Debug, thiserror::Error)]
#[error("{} could not be written", path.display())]
struct WriteError {
    path: PathBuf,
    source: io::Error,
}

fn refused(stored: Stored, path: &Path, source: io::Error) -> StateError {
    let path = path.to_owned();
    let error = Box::new(WriteError { path, source });
    match stored {
        Stored::No => StateError::Backend(error),
        Stored::Perhaps => StateError::Unavailable(error),
    }
}
