//! A catalog in files: `catalog/repositories.json`, `catalog/keys.json` and `catalog/audit.jsonl`.
//!
//! Every read looks at the files, so that other processes may read. Documents are few and are written whole.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, RealDisk, Stored, create_dirs, remove_temporaries, replace};
use super::segments::{Segments, Tail, Trouble};
use super::{line, on_disk};
use crate::catalog::Documents;
use crate::{
    ApiKey, AuditEntry, AuditPage, Catalog, CatalogBounds, CatalogError, CatalogResult, ConfiguredRepository, Versioned,
};

/// Format that is written, and the newest that is read.
const FORMAT: u32 = 1;
const REPOSITORIES: &str = "repositories.json";
const KEYS: &str = "keys.json";

/// A catalog in a directory. Any number of processes may read, and put documents: they take turns. Only the one that
/// holds the directory's lock may record, through clones of one `FileCatalog`. What is answered is on the device.
#[derive(Debug, Clone)]
pub struct FileCatalog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    audit: Segments,
    /// Held while something is written.
    writing: Mutex<Option<Tail>>,
}

/// A file of documents.
#[derive(Debug, Serialize, Deserialize)]
struct Whole<T> {
    format: u32,
    documents: T,
}

impl FileCatalog {
    /// Keeps a catalog under `dir`, a repository's directory. It is made with its first document.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self::with_bounds(dir, CatalogBounds::default())
    }

    /// The same, keeping so much.
    pub fn with_bounds(dir: impl AsRef<Path>, bounds: CatalogBounds) -> Self {
        Self::on(Arc::new(RealDisk), dir.as_ref(), bounds)
    }

    pub(super) fn on(disk: Arc<dyn Disk>, dir: &Path, bounds: CatalogBounds) -> Self {
        let dir = dir.join("catalog");
        let audit = Segments {
            newer: dir.join("audit.jsonl"),
            older: dir.join("audit.1.jsonl"),
            lines: bounds.audit,
            bytes: u64::MAX,
            synced: true,
        };
        Self { shared: Arc::new(Shared { dir, disk, audit, writing: Mutex::default() }) }
    }

    /// Removes files whose writing was cut; answers how many. Only for the process that holds the directory's lock, as
    /// another one may be writing them.
    pub fn sweep(&self) -> io::Result<usize> {
        let _writing = self.shared.writing();
        let _turn = match File::open(&self.shared.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            opened => in_turn(opened?)?,
        };
        remove_temporaries(&*self.shared.disk, &self.shared.dir)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> CatalogResult<T> + Send + 'static,
    ) -> CatalogResult<T> {
        let shared = Arc::clone(&self.shared);
        on_disk(move || work(&shared)).await.map_err(|error| CatalogError::Unavailable(error.into()))?
    }
}

impl Shared {
    fn writing(&self) -> MutexGuard<'_, Option<Tail>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load<T: DeserializeOwned>(&self, name: &str) -> CatalogResult<Documents<T>> {
        let path = self.dir.join(name);
        let mut bytes = Vec::new();
        match self.disk.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Documents::default()),
            opened => opened.and_then(|mut file| file.read_to_end(&mut bytes)).map_err(backend)?,
        };
        let place = || path.display().to_string();
        let damaged = |why: crate::BoxError| CatalogError::Corrupt { place: place(), source: why };
        let text = bytes.strip_suffix(b"\n").filter(|text| line::is_sound(text));
        let text = text.ok_or_else(|| damaged("its checksum does not fit".into()))?;
        let head: Whole<serde::de::IgnoredAny> = serde_json::from_slice(text).map_err(|e| damaged(e.into()))?;
        if head.format > FORMAT {
            return Err(CatalogError::UnsupportedVersion { place: place(), found: head.format, known: FORMAT });
        }
        let whole: Whole<Documents<T>> = serde_json::from_slice(text).map_err(|e| damaged(e.into()))?;
        Ok(whole.documents)
    }

    /// Reads all documents of a kind, changes them and writes them. A change that was made before is written again: the
    /// first time may not have reached the device.
    fn change<T: DeserializeOwned + Serialize, A>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Documents<T>) -> CatalogResult<A>,
    ) -> CatalogResult<A> {
        let _writing = self.writing();
        create_dirs(&*self.disk, &self.dir).map_err(backend)?;
        let _turn = File::open(&self.dir).and_then(in_turn).map_err(backend)?;
        let mut documents = self.load(name)?;
        let answer = change(&mut documents)?;
        let bytes = line::encode(&Whole { format: FORMAT, documents }).map_err(|e| backend(e.into()))?;
        replace(&*self.disk, &self.dir.join(name), &bytes).map_err(|(stored, error)| failed(stored, error))?;
        Ok(answer)
    }

    fn trouble(&self, trouble: Trouble) -> CatalogError {
        match trouble {
            Trouble::Newer(found) => {
                CatalogError::UnsupportedVersion { place: self.audit.newer.display().to_string(), found, known: FORMAT }
            }
            Trouble::Failed(stored, error) => failed(stored, error),
        }
    }
}

#[async_trait]
impl Catalog for FileCatalog {
    async fn repositories(&self) -> CatalogResult<Vec<Versioned<ConfiguredRepository>>> {
        self.on_disk(|shared| shared.load(REPOSITORIES).map(|documents| documents.0)).await
    }

    async fn put_repository(&self, repository: ConfiguredRepository, expected: Option<u64>) -> CatalogResult<u64> {
        self.on_disk(move |shared| shared.change(REPOSITORIES, |all| all.put(repository, expected))).await
    }

    async fn delete_repository(&self, id: &str, expected: u64) -> CatalogResult<()> {
        let id = id.to_owned();
        let delete = move |all: &mut Documents<ConfiguredRepository>| all.delete(&id, expected);
        self.on_disk(move |shared| shared.change(REPOSITORIES, delete)).await
    }

    async fn keys(&self) -> CatalogResult<Vec<Versioned<ApiKey>>> {
        self.on_disk(|shared| shared.load(KEYS).map(|documents| documents.0)).await
    }

    async fn put_key(&self, key: ApiKey, expected: Option<u64>) -> CatalogResult<u64> {
        self.on_disk(move |shared| shared.change(KEYS, |all| all.put(key, expected))).await
    }

    async fn record(&self, entry: &AuditEntry) -> CatalogResult<()> {
        let entry = entry.clone();
        self.on_disk(move |shared| {
            let mut tail = shared.writing();
            let recorded = shared.audit.append(&*shared.disk, &mut tail, &[entry]);
            recorded.map_err(|trouble| shared.trouble(trouble))
        })
        .await
    }

    async fn audit(&self, before: Option<u64>, limit: usize) -> CatalogResult<AuditPage> {
        self.on_disk(move |shared| {
            let wanted = |number| before.is_none_or(|before| number < before);
            let found = shared.audit.read(&*shared.disk, wanted).map_err(|trouble| shared.trouble(trouble))?;
            let page = AuditPage::of(found.lines.into_iter().rev(), before, limit);
            Ok(AuditPage { dropped: found.dropped, damaged: found.damaged, ..page })
        })
        .await
    }
}

/// The turn of this process to write documents in a directory, until the handle is dropped.
fn in_turn(dir: File) -> io::Result<File> {
    dir.lock()?;
    Ok(dir)
}

fn backend(error: io::Error) -> CatalogError {
    CatalogError::Backend(error.into())
}

fn failed(stored: Stored, error: io::Error) -> CatalogError {
    match stored {
        Stored::No => backend(error),
        Stored::Perhaps => CatalogError::Unavailable(error.into()),
    }
}
