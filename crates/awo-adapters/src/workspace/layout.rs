//! Where things lie in an order's directory, how it becomes whole and how it goes.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::{Failure, FailureCode, OrderId};
use serde::{Deserialize, Serialize};

use super::{aside, branch_names, failed};

/// How long a directory may take to be removed.
const REMOVAL: Duration = Duration::from_mins(5);

/// Paths of one order.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Everything of the order.
    pub(super) order: PathBuf,
    /// Bare clone, for awo alone.
    pub(super) mirror: PathBuf,
    /// The agent's checkout.
    pub(super) repo: PathBuf,
    /// Home directory of git in the checkout; empty.
    pub(super) home: PathBuf,
    /// Index that snapshots are taken with.
    pub(super) index: PathBuf,
    /// New commits on their way out.
    pub(super) bundle: PathBuf,
    marker: PathBuf,
}

/// What a checkout started from. Kept in the marker that makes it whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) base_branch: String,
    pub(super) base_commit: String,
}

impl Layout {
    pub(super) fn new(root: &Path, order: OrderId) -> Self {
        let order = root.join(order.to_string());
        Self {
            mirror: order.join("mirror.git"),
            repo: order.join("repo"),
            home: order.join("home"),
            index: order.join("snapshot.index"),
            bundle: order.join("outgoing.bundle"),
            marker: order.join("workspace.json"),
            order,
        }
    }

    /// Makes the order's directory, for its owner only.
    pub(super) async fn make(&self) -> Result<(), Failure> {
        let (order, home) = (self.order.clone(), self.home.clone());
        aside(move || {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(&order)?;
            builder.create(&home)
        })
        .await
        .map_err(|error| failed(format!("make the directory {}", self.order.display()), &error))
    }

    /// Declares the checkout whole.
    pub(super) async fn finish(&self, origin: &Origin) -> Result<(), Failure> {
        let (marker, origin) = (self.marker.clone(), origin.clone());
        aside(move || {
            let new = marker.with_extension("new");
            let mut file = fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(&origin)?)?;
            file.sync_all()?;
            fs::rename(new, marker)
        })
        .await
        .map_err(|error| failed(format!("write {}", self.marker.display()), &error))
    }

    /// What the checkout started from; `None` unless it is whole.
    pub(super) async fn origin(&self) -> Result<Option<Origin>, Failure> {
        let layout = self.clone();
        aside(move || {
            let bytes = match fs::read(&layout.marker) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            // The agent could have reached the file; what it says becomes arguments of git.
            let origin = serde_json::from_slice::<Origin>(&bytes)
                .ok()
                .filter(|origin| is_object_id(&origin.base_commit) && branch_names::check(&origin.base_branch).is_ok());
            let present = layout.mirror.is_dir() && layout.repo.join(".git").is_dir();
            Ok(origin.filter(|_| present))
        })
        .await
        .map_err(|error| failed(format!("read {}", self.marker.display()), &error))
    }

    /// Whether the checkout's git directory is the one that was made: a real directory that borrows from no other.
    pub(super) async fn check_git_directory(&self) -> Result<(), Failure> {
        let repo = self.repo.clone();
        let sound = aside(move || {
            let git = repo.join(".git");
            let real = |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_dir());
            Ok(real(&repo) && real(&git) && real(&git.join("objects")) && !git.join("commondir").exists())
        })
        .await;
        match sound {
            Ok(true) => Ok(()),
            _ => Err(Failure::new(
                FailureCode::WorkspaceFailed,
                format!(
                    "the git directory of the checkout {} was replaced or removed; create the order again",
                    self.repo.display()
                ),
            )),
        }
    }

    /// Removes everything of the order, also what its owner may not write. Follows no links.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        let (order, marker) = (self.order.clone(), self.marker.clone());
        let work = aside(move || {
            // First, so that no half-removed checkout looks whole.
            if order.is_dir() {
                let _ = fs::remove_file(marker);
            }
            remove(&order)
        });
        let removed = tokio::time::timeout(REMOVAL, work)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long")));
        removed.map_err(|error| failed(format!("remove the checkout {}", self.order.display()), &error))
    }
}

/// Whether a text is the id of a git object (SHA-1 or SHA-256), and so harmless as an argument.
pub(super) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn remove(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_directories(path)?;
            fs::remove_dir_all(path)
        }
        result => result,
    }
}

/// Gives the owner every right on a directory and those below it.
fn open_directories(top: &Path) -> io::Result<()> {
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
