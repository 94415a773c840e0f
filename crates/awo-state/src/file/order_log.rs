//! Logs in files: `logs/<last two digits>/<id>.jsonl` and, before it, `<id>.1.jsonl`. Not synced.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_models::OrderId;

use super::disk::{Disk, RealDisk, Stored, listed};
use super::on_disk;
use super::segments::{FORMAT, Segments, Tail, Trouble};
use crate::{LogBounds, LogEntry, LogPage, LogQuery, OrderLog, Result, StateError};

/// Locks, so that orders seldom wait for each other.
const SHARDS: usize = 16;
/// Ends of logs that are remembered by each; others are found by reading the file.
const REMEMBERED: usize = 64;

/// Logs in a directory. Any number of processes may read; only the one that holds the directory's lock may write, through
/// clones of one `FileOrderLog`.
#[derive(Debug, Clone)]
pub struct FileOrderLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    logs: PathBuf,
    bounds: LogBounds,
    disk: Arc<dyn Disk>,
    tails: [Mutex<HashMap<OrderId, Tail>>; SHARDS],
}

impl FileOrderLog {
    /// Keeps logs under `dir`, a repository's directory. They are made with their first lines.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self::with_bounds(dir, LogBounds::default())
    }

    /// The same, keeping so much of each order.
    pub fn with_bounds(dir: impl AsRef<Path>, bounds: LogBounds) -> Self {
        Self::on(Arc::new(RealDisk), dir.as_ref(), bounds)
    }

    pub(super) fn on(disk: Arc<dyn Disk>, dir: &Path, bounds: LogBounds) -> Self {
        let shared = Shared { logs: dir.join("logs"), bounds, disk, tails: Default::default() };
        Self { shared: Arc::new(shared) }
    }

    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Shared) -> Result<T> + Send + 'static) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        on_disk(move || work(&shared)).await?
    }
}

impl Shared {
    fn segments(&self, id: OrderId) -> Segments {
        let (text, tail) = (id.to_string(), id.tail());
        let shard = self.logs.join(&tail[tail.len() - 2..]);
        Segments {
            newer: shard.join(format!("{text}.jsonl")),
            older: shard.join(format!("{text}.1.jsonl")),
            lines: self.bounds.lines,
            bytes: self.bounds.bytes,
            synced: false,
        }
    }

    /// The ends of the logs of some orders, which are this caller's to write as long as it holds them.
    fn tails(&self, id: OrderId) -> MutexGuard<'_, HashMap<OrderId, Tail>> {
        let shard = id.tail().bytes().map(usize::from).sum::<usize>() % SHARDS;
        self.tails[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, id: OrderId, entries: &[LogEntry]) -> Result<()> {
        let mut tails = self.tails(id);
        let mut known = tails.remove(&id);
        let appended = self.segments(id).append(&*self.disk, &mut known, entries);
        if tails.len() >= REMEMBERED {
            tails.clear();
        }
        tails.extend(known.map(|tail| (id, tail)));
        appended.map_err(|trouble| state_error(id, trouble))
    }

    fn delete(&self, id: OrderId) -> Result<()> {
        let mut tails = self.tails(id);
        tails.remove(&id);
        let segments = self.segments(id);
        segments.remove(&*self.disk).map_err(backend)?;
        match self.disk.sync_dir(segments.newer.parent().unwrap_or(&self.logs)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StateError::Unavailable(error.into())),
            _ => Ok(()),
        }
    }

    fn orders(&self) -> Result<Vec<OrderId>> {
        let mut orders = Vec::new();
        for shard in listed(&*self.disk, &self.logs).map_err(backend)? {
            for path in listed(&*self.disk, &shard).map_err(backend)? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let id = name.strip_suffix(".1.jsonl").or_else(|| name.strip_suffix(".jsonl"));
                orders.extend(id.and_then(|id| id.parse::<OrderId>().ok()));
            }
        }
        orders.sort_unstable();
        orders.dedup();
        Ok(orders)
    }
}

#[async_trait]
impl OrderLog for FileOrderLog {
    async fn append(&self, id: OrderId, entries: &[LogEntry]) -> Result<()> {
        for entry in entries {
            entry.checked_size()?;
        }
        if entries.is_empty() {
            return Ok(());
        }
        let entries = entries.to_vec();
        self.on_disk(move |shared| shared.append(id, &entries)).await
    }

    async fn read(&self, id: OrderId, query: &LogQuery) -> Result<LogPage> {
        let query = query.clone();
        self.on_disk(move |shared| {
            let found = shared.segments(id).read(&*shared.disk, |number| number > query.after);
            let found = found.map_err(|trouble| state_error(id, trouble))?;
            let page = query.page(found.lines.into_iter().map(Arc::new));
            Ok(LogPage { last: found.last, dropped: found.dropped, damaged: found.damaged, ..page })
        })
        .await
    }

    async fn delete(&self, id: OrderId) -> Result<()> {
        self.on_disk(move |shared| shared.delete(id)).await
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        self.on_disk(Shared::orders).await
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        self.on_disk(move |shared| shared.segments(id).size(&*shared.disk).map_err(backend)).await
    }
}

fn backend(error: std::io::Error) -> StateError {
    StateError::Backend(error.into())
}

fn state_error(id: OrderId, trouble: Trouble) -> StateError {
    match trouble {
        Trouble::Newer(found) => StateError::UnsupportedVersion { id, found, known: FORMAT },
        Trouble::Failed(Stored::No, error) => backend(error),
        Trouble::Failed(Stored::Perhaps, error) => StateError::Unavailable(error.into()),
    }
}
