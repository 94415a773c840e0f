//! Where the things of an order lie, how they become whole and how they go.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::{Failure, FailureCode, OrderId};

use super::origin::Origin;
use super::{aside, failed};
use crate::walls::Account;

/// How long a directory may take to be removed.
const REMOVAL: Duration = Duration::from_mins(5);
/// How often the removal of one directory is tried, and the pause in between.
const REMOVALS: u32 = 20;
const WRITER_GRACE: Duration = Duration::from_millis(250);

/// Endings of the bare clone: whole, being made, and set aside because it was broken.
const MIRROR: [&str; 3] = [".git", ".git.new", ".git.broken"];

/// Paths of one order.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The order.
    pub(super) id: OrderId,
    /// Everything that an agent may reach.
    pub(super) order: PathBuf,
    /// Directory of all bare clones.
    mirrors: PathBuf,
    /// Bare clone, for awo alone.
    pub(super) mirror: PathBuf,
    /// Bare clone that is being made.
    pub(super) mirror_new: PathBuf,
    /// Bare clone that was broken.
    pub(super) mirror_broken: PathBuf,
    /// What declares the bare clone whole.
    pub(super) mirror_marker: PathBuf,
    /// The agent's checkout.
    pub(super) repo: PathBuf,
    /// Home directory of git in the checkout; empty but for the index.
    pub(super) home: PathBuf,
    /// Index that snapshots are taken with.
    pub(super) index: PathBuf,
    marker: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path, mirrors: &Path, order: OrderId) -> Self {
        let mirror = |ending: &str| mirrors.join(format!("{order}{ending}"));
        let [whole, new, broken] = MIRROR.map(mirror);
        let id = order;
        let order = root.join(order.to_string());
        Self {
            id,
            mirrors: mirrors.to_owned(),
            mirror_marker: whole.join("awo-origin.json"),
            mirror: whole,
            mirror_new: new,
            mirror_broken: broken,
            repo: order.join("repo"),
            home: order.join("home"),
            index: order.join("home/snapshot.index"),
            marker: order.join("workspace.json"),
            order,
        }
    }

    /// Makes the directories, for their owner only.
    pub(super) async fn make(&self) -> Result<(), Failure> {
        let layout = self.clone();
        let told = format!("make the directories {} and {}", self.order.display(), self.mirrors.display());
        aside(move || layout.make_now()).await.map_err(|error| failed(told, &error))
    }

    /// [`make`](Self::make), for those who are aside already.
    pub(super) fn make_now(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        [&self.order, &self.home, &self.mirrors].into_iter().try_for_each(|directory| builder.create(directory))
    }

    /// Fails if the disk of the checkouts is fuller than it may be when an order begins.
    pub(super) async fn check_room(&self, least: u64) -> Result<(), Failure> {
        let order = self.order.clone();
        let free = aside(move || {
            let disk = rustix::fs::statvfs(&order)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        });
        let free = free.await.map_err(|error| failed("tell how much of the disk is free", &error))?;
        if free >= least {
            return Ok(());
        }
        let order = self.order.display();
        let message = format!(
            "cannot begin in {order}: {free} bytes of its disk are free, and {least} are to be (min_free_bytes); make room"
        );
        Err(Failure::new(FailureCode::WorkspaceFailed, message))
    }

    /// Gives the checkout to the account that works in it.
    pub(super) async fn hand_over(&self, account: Option<Account>) -> Result<(), Failure> {
        let Some(account) = account else { return Ok(()) };
        let (repo, home) = (self.repo.clone(), self.home.clone());
        aside(move || account.take(&repo).and_then(|()| account.take(&home)))
            .await
            .map_err(|error| failed(format!("give {} to its agents", self.repo.display()), &error))
    }

    /// Declares the checkout whole.
    pub(super) async fn finish(&self, origin: &Origin) -> Result<(), Failure> {
        let (marker, origin) = (self.marker.clone(), origin.clone());
        aside(move || origin.write(&marker))
            .await
            .map_err(|error| failed(format!("write {}", self.marker.display()), &error))
    }

    /// What the checkout started from, as it says itself, whatever is left of it.
    pub(super) async fn claimed_origin(&self) -> Result<Option<Origin>, Failure> {
        let marker = self.marker.clone();
        aside(move || Origin::read(&marker))
            .await
            .map_err(|error| failed(format!("read {}", self.marker.display()), &error))
    }

    /// What the checkout started from; `None` unless it is whole.
    pub(super) async fn origin(&self) -> Result<Option<Origin>, Failure> {
        let git = self.repo.join(".git");
        let present = aside(move || Ok(git.is_dir())).await.unwrap_or(false);
        Ok(self.claimed_origin().await?.filter(|_| present))
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
                    "the git directory of the checkout {} was replaced or removed; retry the order, which makes it anew",
                    self.repo.display()
                ),
            )),
        }
    }

    /// Removes everything of the order, also what its owner may not write. Follows no links.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        // First, so that nothing half-removed looks whole. The order's directory goes last: it is what people see.
        let markers = vec![self.marker.clone(), self.mirror_marker.clone()];
        let bare = [&self.mirror, &self.mirror_new, &self.mirror_broken];
        let all = bare.into_iter().chain([&self.order]).cloned().collect();
        removed(markers, all).await.map_err(|error| failed(format!("remove {}", self.order.display()), &error))
    }

    /// Bytes of everything of the order. Follows no links.
    pub(super) fn size(&self) -> io::Result<u64> {
        let mut open =
            vec![self.order.clone(), self.mirror.clone(), self.mirror_new.clone(), self.mirror_broken.clone()];
        let mut bytes = 0_u64;
        while let Some(path) = open.pop() {
            // What goes while it is counted counts for nothing.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
            } else {
                bytes = bytes.saturating_add(metadata.len());
            }
        }
        Ok(bytes)
    }

    /// Removes the checkout, and leaves the bare clone.
    pub(super) async fn clear_checkout(&self) -> Result<(), Failure> {
        removed(vec![self.marker.clone()], vec![self.order.clone()])
            .await
            .map_err(|error| failed(format!("remove the checkout {}", self.order.display()), &error))
    }
}

/// Orders that something in the two directories belongs to. Other names are not awo's business.
pub(super) fn orders(root: &Path, mirrors: &Path) -> io::Result<Vec<OrderId>> {
    let mut found = Vec::new();
    for (directory, endings) in [(root, [""].as_slice()), (mirrors, MIRROR.as_slice())] {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let ids = endings.iter().filter_map(|ending| name.strip_suffix(ending)?.parse::<OrderId>().ok());
            found.extend(ids);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

async fn removed(markers: Vec<PathBuf>, all: Vec<PathBuf>) -> io::Result<()> {
    let work = aside(move || {
        for marker in markers {
            let _ = fs::remove_file(marker);
        }
        all.iter().try_for_each(|path| remove(path))
    });
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it takes too long");
    tokio::time::timeout(REMOVAL, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether a text is the id of a git object (SHA-1 or SHA-256), and so harmless as an argument.
pub(super) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Removes whatever is at a path. Nothing there is Ok.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_dir() {
        return fs::remove_file(path);
    }
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && tries < REMOVALS => {
                open_directories(path)?;
            }
            // Somebody still writes there: a git whose server was killed, and that ends by itself.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries < REMOVALS => {
                std::thread::sleep(WRITER_GRACE);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
        tries += 1;
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
