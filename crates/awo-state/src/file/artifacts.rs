//! Artifacts in files: `artifacts/<last two digits>/<id>/<name>`, each on the device before its name is answered.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use awo_models::{ArtifactName, OrderId};

use super::disk::{Disk, RealDisk, TEMPORARY, create_dirs, listed, remove_temporaries};
use super::on_disk;
use crate::{ArtifactContent, ArtifactStore, Result, StateError};

/// Largest artifact that is read at once.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Artifacts in a directory. Any number of processes may use it; of two that put one name, one wins whole.
#[derive(Debug, Clone)]
pub struct FileArtifacts {
    artifacts: PathBuf,
    disk: Arc<dyn Disk>,
}

impl FileArtifacts {
    /// Keeps artifacts under `dir`, which is made when the first one is put. It may be a repository's directory.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self::on(Arc::new(RealDisk), dir.as_ref())
    }

    pub(super) fn on(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self { artifacts: dir.join("artifacts"), disk }
    }

    /// Removes files whose writing was cut; answers how many. Only at a start, by the process that holds the directory's
    /// lock: what another one is writing would go too. Waits for the disk.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut removed = 0;
        for shard in listed(&*self.disk, &self.artifacts)? {
            for dir in listed(&*self.disk, &shard)? {
                removed += remove_temporaries(&*self.disk, &dir)?;
            }
        }
        Ok(removed)
    }

    fn dir(&self, id: OrderId) -> PathBuf {
        let tail = id.tail();
        self.artifacts.join(&tail[tail.len() - 2..]).join(id.to_string())
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = Arc::clone(&self.disk);
        on_disk(move || work(&*disk)).await?
    }
}

#[async_trait]
impl ArtifactStore for FileArtifacts {
    async fn put(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> Result<()> {
        let (dir, name) = (self.dir(id), name.clone());
        self.on_disk(move |disk| put(disk, &dir, name.as_str(), &content)).await
    }

    async fn get(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>> {
        let path = self.dir(id).join(name.as_str());
        self.on_disk(move |disk| get(disk, &path)).await
    }

    async fn list(&self, id: OrderId) -> Result<Vec<ArtifactName>> {
        let dir = self.dir(id);
        self.on_disk(move |disk| list(disk, &dir)).await
    }

    async fn delete_all(&self, id: OrderId) -> Result<()> {
        let dir = self.dir(id);
        self.on_disk(move |disk| delete_all(disk, &dir)).await
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        let dir = self.artifacts.clone();
        self.on_disk(move |disk| orders(disk, &dir)).await
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        let dir = self.dir(id);
        self.on_disk(move |disk| size(disk, &dir)).await
    }
}

fn put(disk: &dyn Disk, dir: &Path, name: &str, content: &ArtifactContent) -> Result<()> {
    if let ArtifactContent::File(from) = content
        && !disk.metadata(from).map_err(backend)?.is_file()
    {
        return Err(StateError::Refused("an artifact is made of a regular file"));
    }
    create_dirs(disk, dir).map_err(backend)?;
    let path = dir.join(name);
    let copied_from = match content {
        ArtifactContent::Bytes(bytes) => write(disk, dir, |file| disk.write(file, bytes), &path).map(|()| None),
        ArtifactContent::File(from) => move_in(disk, dir, from, &path),
    };
    let copied_from = copied_from.map_err(backend)?;
    disk.sync_dir(dir).map_err(|error| StateError::Unavailable(error.into()))?;
    if let Some(from) = copied_from
        && let Err(error) = disk.remove(from)
    {
        // The artifact is stored all the same.
        tracing::warn!(file = %from.display(), %error, "artifact_source_not_removed");
    }
    Ok(())
}

/// Writes a file under another name, syncs it and gives it its own.
fn write(disk: &dyn Disk, dir: &Path, fill: impl FnOnce(&File) -> io::Result<()>, path: &Path) -> io::Result<()> {
    static UNIQUE: AtomicU64 = AtomicU64::new(0);
    // A leading dot is no artifact's name; number and process keep writers apart.
    let (temporary, new) = loop {
        let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let temporary = dir.join(format!(".{}-{unique}{TEMPORARY}", std::process::id()));
        match disk.create_new(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {} // of a process that had our number
            Err(error) => return Err(error),
            Ok(new) => break (temporary, new),
        }
    };
    let written = fill(&new).and_then(|()| disk.sync_all(&new)).and_then(|()| disk.rename(&temporary, path));
    if written.is_err() {
        let _ = disk.remove(&temporary); // or else the next sweep does
    }
    written
}

/// Takes a file in; answers where it still is, if it had to be copied.
fn move_in<'a>(disk: &dyn Disk, dir: &Path, from: &'a Path, path: &Path) -> io::Result<Option<&'a Path>> {
    let file = disk.open_read(from)?;
    disk.make_private(&file)?;
    disk.sync_all(&file)?;
    match disk.rename(from, path) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            write(disk, dir, |to| copy(disk, &file, to), path).map(|()| Some(from))
        }
        renamed => renamed.map(|()| None),
    }
}

fn copy(disk: &dyn Disk, mut from: &File, to: &File) -> io::Result<()> {
    let mut piece = vec![0; 256 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => disk.write(to, &piece[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn get(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match disk.open_read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(backend)?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(backend)?;
    if bytes.len() as u64 > LARGEST {
        return Err(StateError::Refused("the artifact is larger than 256 MiB; read its file in the data directory"));
    }
    Ok(Some(bytes))
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<ArtifactName>> {
    let paths = listed(disk, dir).map_err(backend)?;
    let name = |path: &PathBuf| ArtifactName::new(path.file_name()?.to_str()?).ok();
    let mut names: Vec<_> = paths.iter().filter_map(name).collect();
    names.sort_unstable();
    Ok(names)
}

fn delete_all(disk: &dyn Disk, dir: &Path) -> Result<()> {
    for path in listed(disk, dir).map_err(backend)? {
        disk.remove(&path).or_else(if_missing).map_err(backend)?;
    }
    disk.remove_dir(dir).or_else(if_missing).map_err(backend)?;
    let synced = disk.sync_dir(dir.parent().unwrap_or(dir)).or_else(if_missing);
    synced.map_err(|error| StateError::Unavailable(error.into()))
}

fn orders(disk: &dyn Disk, artifacts: &Path) -> Result<Vec<OrderId>> {
    let mut orders = Vec::new();
    for shard in listed(disk, artifacts).map_err(backend)? {
        for dir in listed(disk, &shard).map_err(backend)? {
            let id = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let Some(id) = id
                && !list(disk, &dir)?.is_empty()
            {
                orders.push(id);
            }
        }
    }
    orders.sort_unstable();
    Ok(orders)
}

fn size(disk: &dyn Disk, dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for name in list(disk, dir)? {
        match disk.metadata(&dir.join(name.as_str())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // deleted in this instant
            found => bytes += found.map_err(backend)?.len(),
        }
    }
    Ok(bytes)
}

fn if_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn backend(error: io::Error) -> StateError {
    StateError::Backend(error.into())
}
