//! Records of running process groups, so that a later life of this program can end what an earlier one left.
//!
//! On Linux a group is ended only if it is certainly the one that was recorded (same boot, same start time): a process
//! id that was given to somebody else meanwhile is left alone. Elsewhere only the group's number is known; there a
//! record that outlived its process may name a stranger's group, which is then ended.

mod groups;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::OrderId;
use serde::{Deserialize, Serialize};
use tracing::warn;

#[cfg(test)]
pub(crate) use groups::has_members;
pub(crate) use groups::kill_group;

/// How long a group may take to end by itself when asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end a killed group.
const DEATH: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// The directory that holds a record for each running process group.
#[derive(Debug)]
pub struct ProcessRecords {
    directory: PathBuf,
}

/// Keeps the record of a process group; dropping it removes the record. It does not end the group.
#[derive(Debug)]
#[must_use = "dropping the guard removes the record"]
pub struct ProcessGuard {
    file: PathBuf,
}

impl Drop for ProcessGuard {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    process_group: i32,
    /// In clock ticks since boot, as the kernel tells it; 0 where it does not.
    start_time: u64,
    boot_id: String,
}

impl ProcessRecords {
    /// Records in a directory, which is made when the first one is written.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Records a process that leads a group of its own. Call it right after the process was started, before anybody
    /// waits for it.
    pub fn track(&self, order: OrderId, pid: u32) -> io::Result<ProcessGuard> {
        let process_group = i32::try_from(pid).map_err(|_| io::Error::other(format!("{pid} is not a process id")))?;
        let record = Record {
            process_group,
            start_time: groups::start_time(process_group).unwrap_or(0),
            boot_id: groups::boot_id(),
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let file = self.directory.join(format!("{order}-{pid}.json"));
        // A record of the same name is a stale one: its process is gone, or this process could not have its id.
        remove_if_there(&file)?;
        let guard = ProcessGuard { file };
        keep(&guard.file, &serde_json::to_vec(&record)?)?;
        Ok(guard)
    }

    /// Ends every recorded process group of an order and removes its records; how many groups were ended.
    ///
    /// Each group is asked first (`SIGTERM`), then killed. It is an error if one outlives that.
    pub async fn end_all(&self, order: OrderId) -> io::Result<usize> {
        let prefix = format!("{order}-");
        end(self.files(|name| name.starts_with(&prefix))?).await
    }

    /// Ends every recorded process group of every order, by the rules of [`end_all`](Self::end_all).
    ///
    /// For the start of a process that holds the data directory alone: whatever is recorded then was left by an earlier
    /// life. In any other moment it would end the agents that are at work.
    pub async fn end_left_over(&self) -> io::Result<usize> {
        end(self.files(|_| true)?).await
    }

    /// The records whose names are wanted.
    fn files(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let file = entry?.path();
            let is_record = file.extension().is_some_and(|extension| extension == "json");
            if is_record && file.file_name().and_then(OsStr::to_str).is_some_and(&wanted) {
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// Ends the groups of records and removes those. One that does not end keeps its record and nobody else alive.
async fn end(files: Vec<PathBuf>) -> io::Result<usize> {
    let mut ended = 0;
    let mut failure = None;
    for file in files {
        match end_one(&file).await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(ended), Err)
}

/// Ends the group of a record and removes that; whether there was one.
async fn end_one(file: &Path) -> io::Result<bool> {
    // A record cut short by a crash names nobody.
    let record = fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let running = record.filter(Record::still_runs);
    if let Some(record) = &running {
        record.end().await?;
    }
    remove_if_there(file)?;
    Ok(running.is_some())
}

impl Record {
    /// Whether processes of exactly the recorded group run.
    fn still_runs(&self) -> bool {
        if self.process_group <= 1 || self.boot_id != groups::boot_id() {
            return false;
        }
        groups::is_same(self.process_group, self.start_time) && groups::has_members(self.process_group)
    }

    async fn end(&self) -> io::Result<()> {
        groups::ask_group(self.process_group);
        if self.gone_within(GRACE).await {
            return Ok(());
        }
        kill_group(self.process_group);
        if self.gone_within(DEATH).await {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("process group {} does not end although it was killed", self.process_group),
        ))
    }

    async fn gone_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, async {
            while self.still_runs() {
                tokio::time::sleep(POLL).await;
            }
        })
        .await
        .is_ok()
    }
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl crate::process::ProcessTracker for ProcessRecords {
    fn track(&self, order: OrderId, pid: u32) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(Self::track(self, order, pid)?))
    }
}

/// Writes a record. On a full disk the work goes on without: the record matters only if this process dies before the
/// group does.
fn keep(file: &Path, record: &[u8]) -> io::Result<()> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    match opened.and_then(|mut file| file.write_all(record)) {
        Err(full) if matches!(full.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            warn!(record = %file.display(), "process_not_recorded: the disk is full");
            Ok(())
        }
        written => written,
    }
}
