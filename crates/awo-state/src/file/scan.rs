//! Finds the journals of a directory: once at the start of a writer, again and again for a reader.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use awo_models::OrderId;

use super::disk::{Disk, TEMPORARY};
use super::index::{Entry, Index, Seen};
use super::journal::{self, EXTENSION, Journal};
use super::record::{Depth, Tail};

/// Everything that lies in the directories of orders.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) journals: Vec<(OrderId, PathBuf)>,
    /// Files whose writing was cut off.
    pub(super) leftovers: Vec<PathBuf>,
    /// What was kept when journals were mended.
    pub(super) asides: Vec<PathBuf>,
    /// What is not ours.
    pub(super) strays: Vec<PathBuf>,
    pub(super) shards: Vec<PathBuf>,
}

pub(super) fn scan(disk: &dyn Disk, orders: &Path) -> io::Result<Scan> {
    let mut found = Scan::default();
    for shard in disk.list(orders)? {
        let files = match disk.list(&shard) {
            // Not ours. Any other error is one: orders that cannot be looked for are not "not there".
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            listed => listed?,
        };
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let id = name.strip_suffix(EXTENSION).and_then(|n| n.strip_suffix('.'));
            match id.and_then(|id| id.parse::<OrderId>().ok()) {
                Some(id) if journal::path(orders, id) == file => found.journals.push((id, file)),
                _ if name.ends_with(TEMPORARY) && name.starts_with('.') => found.leftovers.push(file),
                _ if name.contains(".torn-") || name.contains(".damaged-") => found.asides.push(file),
                _ => {
                    tracing::warn!(path = %file.display(), "a file that is not a journal lies among them; left alone");
                    found.strays.push(file);
                }
            }
        }
        found.shards.push(shard);
    }
    Ok(found)
}

/// Builds the index of a writer: cleans up after a crash, cuts torn records off, keeps damaged orders as they are.
pub(super) fn index(disk: &dyn Disk, orders: &Path, crashed_since: Option<SystemTime>) -> io::Result<Index> {
    let index = Index::default();
    let scan = scan(disk, orders)?;
    for leftover in &scan.leftovers {
        disk.remove(leftover)?;
    }
    let tail = if crashed_since.is_some() { Tail::MayBeLost } else { Tail::Kept };
    let read = |share: &[(OrderId, PathBuf)]| {
        for (id, path) in share {
            index.put(&entry(disk, *id, path.clone(), crashed_since, tail));
        }
    };
    in_shares(&scan.journals, &read);
    if crashed_since.is_some() {
        scan.shards.iter().try_for_each(|shard| disk.sync_dir(shard))?;
        disk.sync_dir(orders)?;
    }
    Ok(index)
}

/// Journals that a thread of its own reads are at least so many; fewer are read by the caller, in their order.
const SHARE: usize = 256;

/// Has all journals read, by all processors if there are many: most of the time goes into verifying.
fn in_shares(journals: &[(OrderId, PathBuf)], read: &(impl Fn(&[(OrderId, PathBuf)]) + Sync)) {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let shares = processors.min(journals.len() / SHARE).max(1);
    thread::scope(|scope| {
        let mut shares = journals.chunks(journals.len().div_ceil(shares).max(1));
        let own = shares.next();
        for share in shares {
            if thread::Builder::new().spawn_scoped(scope, || read(share)).is_err() {
                read(share); // there may be no thread to have, and the start must not fail for that
            }
        }
        own.into_iter().for_each(read);
    });
}

fn entry(
    disk: &dyn Disk,
    id: OrderId,
    path: PathBuf,
    crashed_since: Option<SystemTime>,
    tail: Tail,
) -> std::sync::Arc<Entry> {
    let found = match journal::load(disk, &path, id, Depth::Row, tail) {
        Ok(found) => found,
        Err(damage) => {
            tracing::error!(agent_work_order_id = %id, path = %path.display(), %damage, "the order cannot be read; left as it is");
            return Entry::new(id, Seen::Damaged(damage), Journal::missing(path));
        }
    };
    let mut journal = Journal::found(path, &found);
    if !found.torn.is_empty() {
        let bytes = found.torn.len();
        match journal.cut(disk, &found.torn) {
            Ok(aside) if found.synced.is_none() => tracing::warn!(
                agent_work_order_id = %id, bytes, aside = %aside.display(),
                "a record whose write was cut short is cut off and kept aside; it was never acknowledged"
            ),
            Ok(aside) => tracing::warn!(
                agent_work_order_id = %id, bytes, aside = %aside.display(),
                "the end of a journal that was not synced yet is lost; what is left of it is cut off and kept aside"
            ),
            Err(error) => {
                tracing::error!(agent_work_order_id = %id, %error, "a cut record cannot be cut off; the next save writes the order anew");
            }
        }
    }
    if let Some(since) = crashed_since
        && let Err(error) = sync_if_written_since(disk, &journal.path, since)
    {
        journal.distrust();
        tracing::error!(agent_work_order_id = %id, %error, "the order cannot be synced; the next save writes it anew");
    }
    Entry::new(id, Seen::Sound(found.order), journal)
}

/// What a writer that died had written may be in the page cache only; readers are to see nothing that can still vanish.
fn sync_if_written_since(disk: &dyn Disk, path: &Path, since: SystemTime) -> io::Result<()> {
    let file = disk.open_append(path)?;
    if file.metadata()?.modified()? >= since {
        disk.sync_data(&file)?;
    }
    Ok(())
}
