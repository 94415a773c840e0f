//! What a server takes at a moment: of the kernel's books, of the disk, and of a client's time.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::place::Place;
use super::trend::percentile;
use crate::crash::processes;
use crate::server::{Server, call, resident};

/// Between two requests of the probe.
const PAUSE: Duration = Duration::from_millis(100);

/// What was seen at a moment. Bytes, seconds and numbers, as `f64`, because they are only compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Seconds since the load began.
    pub(super) at: f64,
    pub(super) memory: f64,
    pub(super) descriptors: f64,
    pub(super) threads: f64,
    /// Processes that it or its agents started.
    pub(super) children: f64,
    /// What its data directory takes of the disk.
    pub(super) disk: f64,
    /// What its database takes; 0 without one.
    pub(super) database: f64,
    /// Seconds that half, and 99 of 100, of the requests of the probe were not above, since the sample before.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Looks at a server.
pub(super) fn look(place: &Place, server: &Server, since: Instant, probe: &Probe) -> Result<Sample> {
    let process = format!("/proc/{}", server.process());
    let threads = fs::read_dir(format!("{process}/task")).context("the server has ended; see its log")?.count();
    let descriptors = fs::read_dir(format!("{process}/fd"))?.count();
    let children = processes::of(place.path(), Some(server.process()))?.len();
    let times = probe.take();
    Ok(Sample {
        at: since.elapsed().as_secs_f64(),
        memory: resident(server)?,
        descriptors: number(descriptors),
        threads: number(threads),
        children: number(children),
        disk: taken(&place.data()),
        database: place.database_size()?,
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
    })
}

#[expect(clippy::cast_precision_loss, reason = "numbers of things that are far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

/// Bytes that all below a directory takes of its disk. What vanishes meanwhile takes none.
fn taken(directory: &Path) -> f64 {
    let mut blocks = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(data) = fs::symlink_metadata(entry.path()) else { continue };
            blocks += data.blocks();
            if data.is_dir() {
                open.push(entry.path());
            }
        }
    }
    number(usize::try_from(blocks * 512).unwrap_or(usize::MAX))
}

/// A client that asks for the same order again and again, and what it waited.
#[derive(Debug, Default)]
pub(super) struct Probe {
    times: Mutex<Vec<f64>>,
}

impl Probe {
    /// Asks until it is told to end.
    pub(super) fn run(&self, address: &str, id: &str, goes_on: impl Fn() -> bool) -> Result<()> {
        while goes_on() {
            let asked = Instant::now();
            let (status, order) = call(address, &format!("GET /agent-work-orders/{id}"), "", "")?;
            ensure!(status == 200, "the probe was answered with {status}: {order}");
            self.times.lock().unwrap_or_else(PoisonError::into_inner).push(asked.elapsed().as_secs_f64());
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// What it waited since it was last asked.
    fn take(&self) -> Vec<f64> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_directory_takes_is_all_below_it() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("a/b")).unwrap();
        let empty = taken(top.path());
        fs::write(top.path().join("a/b/file"), vec![1; 100_000]).unwrap();
        fs::File::open(top.path().join("a/b/file")).unwrap().sync_all().unwrap();
        assert!(taken(top.path()) >= empty + 100_000.0);
        assert!(taken(&top.path().join("absent")) < 1.0);
    }
}
