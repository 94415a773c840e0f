//! Results that the store did not take, as files: one per order, in a directory that is not the store's.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_engine::ports::{Spill, SpillStore};
use awo_models::{Failure, FailureCode, OrderId};
use serde::{Deserialize, Serialize};

use crate::durable::{UNFINISHED, make_directory, replace, sync_parent};

/// Newest format that is read, and the one that is written.
const FORMAT: u32 = 1;
const EXTENSION: &str = "spill.json";

/// Keeps spills in a directory of files, which is made when the first one is kept. Clones share it; one process uses it
/// at a time.
#[derive(Debug, Clone)]
pub struct SpillFiles {
    directory: PathBuf,
    turns: Arc<Mutex<HashMap<OrderId, Arc<Turns>>>>,
}

/// The calls about one order. A caller may give up while the disk still works, so an older call may come to its end after a
/// newer one: then it does nothing.
#[derive(Debug, Default)]
struct Turns {
    given: Mutex<u64>,
    done: Mutex<u64>,
}

#[derive(Serialize, Deserialize)]
struct Stored<S> {
    format: u32,
    spill: S,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl SpillFiles {
    /// Files in a directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, turns: Arc::default() }
    }

    /// Removes files whose writing a crash cut; how many. For the start of the process that uses the directory.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in there(fs::read_dir(&self.directory))?.into_iter().flatten() {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') && name.ends_with(&format!(".{EXTENSION}.{UNFINISHED}")) {
                fs::remove_file(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, order: OrderId) -> PathBuf {
        self.directory.join(format!("{order}.{EXTENSION}"))
    }

    /// Does something with the file of an order after all that was begun before, unless something newer was done already.
    async fn in_turn<T: Default + Send + 'static>(
        &self,
        tried: &str,
        order: OrderId,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let path = self.path(order);
        let turns = Arc::clone(locked(&self.turns).entry(order).or_default());
        let turn = {
            let mut given = locked(&turns.given);
            *given += 1;
            *given
        };
        self.aside(tried, path, move |path| {
            let mut done = locked(&turns.done);
            if *done > turn {
                return Ok(T::default());
            }
            *done = turn;
            work(path)
        })
        .await
    }

    async fn aside<T: Send + 'static>(
        &self,
        tried: &str,
        path: PathBuf,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let shown = path.display().to_string();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.unwrap_or_else(|died| Err(io::Error::other(died))).map_err(|error| {
            let message = format!("cannot {tried} the unsaved results in {shown}: {error}");
            Failure::new(FailureCode::StoreUnavailable, message)
        })
    }
}

#[async_trait]
impl SpillStore for SpillFiles {
    async fn keep(&self, spill: &Spill) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(&Stored { format: FORMAT, spill })
            .map_err(|error| Failure::new(FailureCode::Internal, format!("cannot write a spill as JSON: {error}")))?;
        let kept = move |path: &Path| {
            make_directory(path.parent().unwrap_or(Path::new(".")))?;
            replace(path, &bytes)
        };
        self.in_turn("keep", spill.order, kept).await
    }

    async fn find(&self, order: OrderId) -> Result<Option<Spill>, Failure> {
        let found = move |path: &Path| {
            let Some(bytes) = there(fs::read(path))? else { return Ok(None) };
            match read(&bytes, order) {
                Ok(spill) => Ok(Some(spill)),
                Err(Unusable::Newer(format)) => {
                    let newer = format!("it is in format {format}, and this program reads formats up to {FORMAT}");
                    Err(io::Error::other(newer))
                }
                Err(Unusable::Malformed(why)) => {
                    tracing::error!(path = %path.display(), why, "unsaved results cannot be understood: set aside");
                    set_aside(path).map(|()| None)
                }
            }
        };
        self.in_turn("read", order, found).await
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        let removed = |path: &Path| match there(fs::remove_file(path))? {
            Some(()) => sync_parent(path),
            None => Ok(()),
        };
        self.in_turn("remove", order, removed).await
    }

    async fn set_aside(&self, order: OrderId) -> Result<(), Failure> {
        self.in_turn("set aside", order, set_aside).await
    }

    async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
        let listed = |directory: &Path| {
            let Some(entries) = there(fs::read_dir(directory))? else { return Ok(Vec::new()) };
            let mut orders = Vec::new();
            for entry in entries {
                let name = entry?.file_name();
                let id: Option<OrderId> =
                    name.to_str().and_then(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok());
                orders.extend(id);
            }
            orders.sort_unstable();
            Ok(orders)
        };
        self.aside("list", self.directory.clone(), listed).await
    }
}

/// Why a file is no spill that can be used.
enum Unusable {
    Newer(u32),
    Malformed(String),
}

fn read(bytes: &[u8], order: OrderId) -> Result<Spill, Unusable> {
    let malformed = |error: serde_json::Error| Unusable::Malformed(error.to_string());
    let Format { format } = serde_json::from_slice(bytes).map_err(malformed)?;
    if format > FORMAT {
        return Err(Unusable::Newer(format));
    }
    let Stored { spill, .. } = serde_json::from_slice::<Stored<Spill>>(bytes).map_err(malformed)?;
    if spill.order != order {
        return Err(Unusable::Malformed(format!("they are those of {}", spill.order)));
    }
    Ok(spill)
}

fn set_aside(path: &Path) -> io::Result<()> {
    let mut free = (1..1_000).map(|n| path.with_extension(format!("json.refused-{n}"))).filter(|to| !to.exists());
    let to = free.next().ok_or_else(|| io::Error::other("there are too many that were set aside; look at them"))?;
    match there(fs::rename(path, to))? {
        Some(()) => sync_parent(path),
        None => Ok(()),
    }
}

/// `None` for what is not there.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
