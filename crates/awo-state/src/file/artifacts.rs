//! Artifacts in files: `artifacts/<last two digits>/<id>/<name>`, each on the device before its name is answered.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use awo_models::{ArtifactName, OrderId};

use super::disk::{Disk as _, RealDisk, create_dirs};
use super::on_disk;
use crate::{ArtifactContent, ArtifactStore, Result, StateError};

/// Largest artifact that is read at once.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Artifacts in a directory. Any number of processes may use it; of two that put one name, one wins whole.
#[derive(Debug, Clone)]
pub struct FileArtifacts {
    artifacts: PathBuf,
}

impl FileArtifacts {
    /// Keeps artifacts under `dir`, which is made when the first one is put. It may be a repository's directory.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self { artifacts: dir.as_ref().join("artifacts") }
    }

    fn dir(&self, id: OrderId) -> PathBuf {
        let tail = id.tail();
        self.artifacts.join(&tail[tail.len() - 2..]).join(id.to_string())
    }
}

#[async_trait]
impl ArtifactStore for FileArtifacts {
    async fn put(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> Result<()> {
        let (dir, name) = (self.dir(id), name.clone());
        on_disk(move || put(&dir, name.as_str(), &content)).await?
    }

    async fn get(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>> {
        let path = self.dir(id).join(name.as_str());
        on_disk(move || get(&path)).await?
    }

    async fn list(&self, id: OrderId) -> Result<Vec<ArtifactName>> {
        let dir = self.dir(id);
        on_disk(move || list(&dir)).await?
    }

    async fn delete_all(&self, id: OrderId) -> Result<()> {
        let dir = self.dir(id);
        on_disk(move || delete_all(&dir)).await?
    }

    async fn orders(&self) -> Result<Vec<OrderId>> {
        let dir = self.artifacts.clone();
        on_disk(move || orders(&dir)).await?
    }

    async fn size(&self, id: OrderId) -> Result<u64> {
        let dir = self.dir(id);
        on_disk(move || size(&dir)).await?
    }
}

fn put(dir: &Path, name: &str, content: &ArtifactContent) -> Result<()> {
    if let ArtifactContent::File(from) = content {
        let is_file = fs::symlink_metadata(from).map_err(backend)?.is_file();
        if !is_file {
            return Err(StateError::Refused("an artifact is made of a regular file"));
        }
    }
    create_dirs(&RealDisk, dir).map_err(backend)?;
    let path = dir.join(name);
    let renamed = match content {
        ArtifactContent::Bytes(bytes) => write(dir, |file| RealDisk.write(file, bytes), &path),
        ArtifactContent::File(from) => move_in(dir, from, &path),
    };
    renamed.map_err(backend)?;
    RealDisk.sync_dir(dir).map_err(|error| StateError::Unavailable(error.into()))
}

/// Writes a file under another name, syncs it and gives it its own.
fn write(dir: &Path, fill: impl FnOnce(&File) -> io::Result<()>, path: &Path) -> io::Result<()> {
    static UNIQUE: AtomicU64 = AtomicU64::new(0);
    // A leading dot is no artifact's name; number and process keep writers apart.
    let (temporary, new) = loop {
        let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let temporary = dir.join(format!(".{}-{unique}.writing", std::process::id()));
        match RealDisk.create_new(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {} // of a process that had our number
            Err(error) => return Err(error),
            Ok(new) => break (temporary, new),
        }
    };
    let written = fill(&new).and_then(|()| RealDisk.sync_all(&new)).and_then(|()| RealDisk.rename(&temporary, path));
    if written.is_err() {
        let _ = RealDisk.remove(&temporary);
    }
    written
}

fn move_in(dir: &Path, from: &Path, path: &Path) -> io::Result<()> {
    let file = File::open(from)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.sync_all()?;
    match fs::rename(from, path) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            write(
                dir,
                |mut to| {
                    let mut from = &file;
                    io::copy(&mut from, &mut to).map(|_| ())
                },
                path,
            )?;
            fs::remove_file(from)
        }
        renamed => renamed,
    }
}

fn get(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
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

fn list(dir: &Path) -> Result<Vec<ArtifactName>> {
    let paths = match RealDisk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(backend)?,
    };
    let name = |path: &PathBuf| ArtifactName::new(path.file_name()?.to_str()?).ok();
    let mut names: Vec<_> = paths.iter().filter_map(name).collect();
    names.sort_unstable();
    Ok(names)
}

fn delete_all(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.map_err(backend)?,
    }
    match RealDisk.sync_dir(dir.parent().unwrap_or(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StateError::Unavailable(error.into())),
        _ => Ok(()),
    }
}

fn listed(dir: &Path) -> Result<Vec<PathBuf>> {
    match RealDisk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(backend),
    }
}

fn orders(artifacts: &Path) -> Result<Vec<OrderId>> {
    let mut orders = Vec::new();
    for shard in listed(artifacts)? {
        for dir in listed(&shard)? {
            let id = dir.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let Some(id) = id
                && !list(&dir)?.is_empty()
            {
                orders.push(id);
            }
        }
    }
    orders.sort_unstable();
    Ok(orders)
}

fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for name in list(dir)? {
        bytes += fs::metadata(dir.join(name.as_str())).map_err(backend)?.len();
    }
    Ok(bytes)
}

fn backend(error: io::Error) -> StateError {
    StateError::Backend(error.into())
}
