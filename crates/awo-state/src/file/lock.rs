//! The lock that makes one process the only writer of a directory, and who holds it.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

const NAME: &str = "LOCK";

/// Who writes a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process; `None` if it has not said so yet.
    pub pid: Option<u32>,
    /// Where it answers requests, once it has announced that.
    pub address: Option<String>,
    /// What it is, for example `awo serve`.
    pub what: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(pid) = self.pid {
            write!(f, ", process {pid}")?;
        }
        match &self.address {
            Some(address) => write!(f, ", at {address}"),
            None => Ok(()),
        }
    }
}

/// A data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process writes it.
    #[error(
        "the data directory {} is in use by {holder}; stop that process, send requests to it, or choose another directory",
        dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who has it.
        holder: Holder,
    },

    /// It cannot be made, read or locked.
    #[error("the data directory {} cannot be used; it must be a directory that this account may write", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
}

/// How far a clock may be set back while somebody holds the lock. Journals of that time are synced after a crash without
/// need, which costs time and harms nothing.
const SET_BACK: Duration = Duration::from_hours(48);

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: Mutex<File>,
    what: String,
    in_order: AtomicBool,
    since: OnceLock<SystemTime>,
    /// When the last holder took it, if that one ended without leaving: what was written since may not be on the device.
    /// Earlier by [`SET_BACK`], as its clock may have been set back meanwhile.
    pub(super) crashed_since: Option<SystemTime>,
}

impl Lock {
    pub(super) fn take(dir: &Path, what: &str) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(dir.join(NAME)).map_err(failed)?;
        let (mut lookers, mut waits) = (0, 0);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                // Somebody may just be looking who holds it; that one is gone in an instant.
                Err(TryLockError::WouldBlock) if lookers < 2_000 && file.try_lock_shared().is_ok() => {
                    file.unlock().map_err(failed)?;
                    lookers += 1;
                    std::thread::sleep(Duration::from_micros(lookers.min(1_000)));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = read(&mut file);
                    // A child that the dead holder had just forked has a copy of the lock until it starts its program.
                    if waits < 400 && holder.pid.is_some_and(has_ended) {
                        waits += 1;
                        std::thread::sleep(Duration::from_millis(5));
                        continue;
                    }
                    return Err(OpenError::Locked { dir: dir.to_owned(), holder });
                }
            }
        }
        let before = file.metadata().map_err(failed)?;
        let mut lock = Self {
            what: what.to_owned(),
            in_order: AtomicBool::new(false),
            crashed_since: before.modified().ok().filter(|_| before.len() > 0),
            since: OnceLock::new(),
            file: Mutex::new(file),
        };
        lock.write(None).map_err(failed)?;
        let since = lock.file().metadata().and_then(|m| m.modified()).map_err(failed)?;
        let since = lock.crashed_since.map_or(since, |before| before.min(since));
        lock.file().set_modified(since).map_err(failed)?;
        lock.since.set(since).ok();
        lock.crashed_since = lock.crashed_since.map(|_| since.checked_sub(SET_BACK).unwrap_or(SystemTime::UNIX_EPOCH));
        // After a power cut it must still tell that its holder did not leave in order.
        lock.file().sync_all().and_then(|()| File::open(dir)?.sync_all()).map_err(failed)?;
        Ok(lock)
    }

    /// Tells other processes where this one answers.
    pub(super) fn write(&self, address: Option<&str>) -> io::Result<()> {
        let holder =
            Holder { pid: Some(std::process::id()), address: address.map(str::to_owned), what: self.what.clone() };
        let mut text = serde_json::to_vec(&holder)?;
        text.push(b'\n');
        let mut file = self.file();
        // Never empty in between, also in a crash: that would say that its holder left in order.
        file.rewind()?;
        file.write_all(&text)?;
        file.set_len(text.len() as u64)?;
        // The time of the file is the time it was taken: see `crashed_since`.
        self.since.get().map_or(Ok(()), |since| file.set_modified(*since))
    }

    /// All that was written is on the device: when this is dropped, the next start need not doubt it.
    pub(super) fn leave_in_order(&self) {
        self.in_order.store(true, Ordering::Relaxed);
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        if *self.in_order.get_mut() {
            let _ = file.set_len(0); // nothing is to be doubted at the next start
        }
        let _ = file.unlock(); // also for a child that was just forked and has not yet closed its copy
    }
}

/// Whether the last holder of a directory's lock left in order, or nobody ever had it. While somebody has it: not.
pub(super) fn is_left_in_order(dir: &Path) -> bool {
    std::fs::metadata(dir.join(NAME)).map_or(true, |lock| lock.len() == 0)
}

/// Whether a process is known not to run any more.
fn has_ended(pid: u32) -> bool {
    Path::new("/proc/self").exists() && !Path::new("/proc").join(pid.to_string()).exists()
}

/// Who writes a directory now.
pub(super) fn holder(dir: &Path) -> io::Result<Option<Holder>> {
    let mut file = match File::open(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read(&mut file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What the holder wrote, which it may be writing just now.
fn read(file: &mut File) -> Holder {
    let mut text = String::new();
    let told = file
        .rewind()
        .and_then(|()| file.take(64 * 1024).read_to_string(&mut text))
        .ok()
        .and_then(|_| serde_json::from_str(&text).ok());
    told.unwrap_or(Holder { pid: None, address: None, what: "another process".into() })
}
