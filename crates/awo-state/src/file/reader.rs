//! Reading a directory that another process may be writing: every read looks at the files again.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use awo_models::OrderId;

use super::index::{Entry, Seen};
use super::journal::{self, Journal};
use super::record::{Damage, Depth, Tail};
use super::{Access, Shared, lock, scan};

/// What the files looked like when they were last read.
#[derive(Debug)]
pub(super) struct Reader {
    dir: PathBuf,
    looks: Mutex<HashMap<OrderId, Look>>,
}

/// A file is read again when any of these changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    file: u64,
    length: u64,
    changed: (i64, i64),
}

impl Shared {
    /// Looks at one order again.
    pub(super) fn refresh(&self, id: OrderId) {
        self.refresh_file(id, journal::path(&self.orders, id), Depth::Content);
        self.recent.add(id);
        self.evict();
    }

    /// Looks at all orders again.
    pub(super) fn refresh_all(&self) -> io::Result<()> {
        let found = scan::scan(&*self.disk, &self.orders)?;
        let there: std::collections::HashSet<_> = found.journals.iter().map(|(id, _)| *id).collect();
        for (id, path) in found.journals {
            self.refresh_file(id, path, Depth::Row);
        }
        for gone in self.index.ids().into_iter().filter(|id| !there.contains(id)) {
            self.index.remove(gone, None);
        }
        Ok(())
    }

    fn refresh_file(&self, id: OrderId, path: PathBuf, depth: Depth) {
        let Access::Reader(reader) = &self.access else { return };
        let look = match look(&path) {
            Ok(look) => look,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.index.remove(id, None),
            Err(error) => {
                let damage = Damage::Unreadable(Arc::new(error));
                return self.index.put(&Entry::new(id, Seen::Damaged(damage), Journal::missing(path)));
            }
        };
        let deep_enough = |entry: Arc<Entry>| match &*entry.seen() {
            Seen::Sound(order) => depth == Depth::Row || order.content.is_some(),
            _ => true,
        };
        if reader.looked(id) == Some(look) && self.index.get(id).is_some_and(deep_enough) {
            return;
        }
        // A record that is just being written looks torn: what is before it is a valid prefix.
        let seen = match journal::load(&*self.disk, &path, id, depth, reader.tail()) {
            Ok(found) => Seen::Sound(found.order),
            Err(Damage::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
                return self.index.remove(id, None); // deleted in this instant
            }
            Err(damage) => Seen::Damaged(damage),
        };
        let entry = Entry::new(id, seen, Journal::missing(path));
        entry.set_bytes(look.length);
        self.index.put(&entry);
        reader.look(id, look);
    }
}

impl Reader {
    /// A reader of a data directory.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), looks: Mutex::default() }
    }

    /// Whether the ends of journals may have been lost, as far as the last writer's lock tells.
    pub(super) fn tail(&self) -> Tail {
        if lock::is_left_in_order(&self.dir) { Tail::Kept } else { Tail::MayBeLost }
    }

    fn looked(&self, id: OrderId) -> Option<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn look(&self, id: OrderId, look: Look) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(id, look);
    }
}

fn look(path: &Path) -> io::Result<Look> {
    let found = std::fs::metadata(path)?;
    Ok(Look { file: found.ino(), length: found.len(), changed: (found.mtime(), found.mtime_nsec()) })
}
