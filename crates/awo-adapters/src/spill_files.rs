//! Results that the store did not take, as files: one per order, in a directory that is not the store's.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use awo_engine::ports::{Spill, SpillStore};
use awo_models::{Failure, FailureCode, OrderId};
use serde::{Deserialize, Serialize};

/// Newest format that is read, and the one that is written.
const FORMAT: u32 = 1;
const EXTENSION: &str = "spill.json";

/// Keeps spills in a directory of files, which is made when the first one is kept. One process uses it at a time.
#[derive(Debug, Clone)]
pub struct SpillFiles {
    directory: PathBuf,
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
        Self { directory }
    }

    fn path(&self, order: OrderId) -> PathBuf {
        self.directory.join(format!("{order}.{EXTENSION}"))
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
            Failure::new(
                FailureCode::StoreUnavailable,
                format!("cannot {tried} the unsaved results in {shown}: {error}"),
            )
        })
    }
}

#[async_trait]
impl SpillStore for SpillFiles {
    async fn keep(&self, spill: &Spill) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(&Stored { format: FORMAT, spill })
            .map_err(|error| Failure::new(FailureCode::Internal, format!("cannot write a spill as JSON: {error}")))?;
        self.aside("keep", self.path(spill.order), move |path| replace(path, &bytes)).await
    }

    async fn find(&self, order: OrderId) -> Result<Option<Spill>, Failure> {
        self.aside("read", self.path(order), move |path| {
            let Some(bytes) = there(fs::read(path))? else { return Ok(None) };
            let Format { format } = serde_json::from_slice(&bytes)?;
            if format > FORMAT {
                let newer = format!("it is in format {format}, and this program reads formats up to {FORMAT}");
                return Err(io::Error::other(newer));
            }
            let Stored { spill, .. } = serde_json::from_slice::<Stored<Spill>>(&bytes)?;
            if spill.order != order {
                return Err(io::Error::other(format!("they are those of {}", spill.order)));
            }
            Ok(Some(spill))
        })
        .await
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        let removed = |path: &Path| {
            there(fs::remove_file(path))?;
            there(sync_parent(path)).map(|_| ())
        };
        self.aside("remove", self.path(order), removed).await
    }

    async fn set_aside(&self, order: OrderId) -> Result<(), Failure> {
        let renamed = move |path: &Path| {
            let free = (1..1_000).map(|n| path.with_extension(format!("json.refused-{n}"))).find(|to| !to.exists());
            let to = free.ok_or_else(|| io::Error::other("there are too many that were set aside; look at them"))?;
            there(fs::rename(path, to))?;
            there(sync_parent(path)).map(|_| ())
        };
        self.aside("set aside", self.path(order), renamed).await
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

/// After a crash there is the whole new file or what was there before.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let new = path.with_extension("writing");
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.and_then(|()| sync_parent(path))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// `None` for what is not there.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
