//! The worker that had this data directory before: whoever has the directory knows that it is gone, and so gives back what it
//! held at once. Otherwise others, and this process, would wait until its leases expire.

use std::path::{Path, PathBuf};

use awo_engine::Leases;
use tracing::{info, warn};

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("worker")
}

/// Gives back what the last worker held, as its successor, alone with the data directory.
pub(super) async fn succeed(data_dir: &Path, leases: &dyn Leases) {
    let Ok(name) = std::fs::read_to_string(file(data_dir)) else { return }; // there was none
    let name = name.trim();
    if let Err(error) = leases.leave(name).await {
        warn!(worker = name, %error, "worker_not_succeeded: what it held is free when its leases expire");
        return;
    }
    info!(worker = name, "worker_succeeded: what it held is free");
}

/// Says by which name this process holds leases. If it cannot, the next one waits for them to expire.
pub(super) fn sign(data_dir: &Path, name: &str) {
    let path = file(data_dir);
    if let Err(error) = std::fs::write(&path, name) {
        warn!(path = %path.display(), %error, "worker_not_signed: after a crash its orders wait until its leases expire");
    }
}
