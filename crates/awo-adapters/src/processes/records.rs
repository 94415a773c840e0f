//! Records of running process groups in files, for systems that do not tell which processes there are.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use awo_models::OrderId;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::time::{sleep, timeout};
use tracing::warn;

/// How long a group may take to end by itself when asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end a killed group.
const DEATH: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// The directory that holds a file for each running process group: `<order>-<leader>.pid`.
#[derive(Debug)]
pub(super) struct Records {
    directory: PathBuf,
}

/// Keeps the record of a process group; dropping it removes the record. It does not end the group.
#[derive(Debug)]
#[must_use = "dropping the guard removes the record"]
pub(super) struct Guard {
    pub(super) file: PathBuf,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Records {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Records a process that leads a group of its own. Call it right after the process was started, before anybody
    /// waits for it.
    pub(super) fn track(&self, order: OrderId, pid: u32) -> io::Result<Guard> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let guard = Guard { file: self.directory.join(format!("{order}-{pid}.pid")) };
        keep(&guard.file, pid.to_string().as_bytes())?;
        Ok(guard)
    }

    /// Ends the recorded groups of an order, or of all, and removes their records; how many groups were ended. Each is
    /// asked first (`SIGTERM`), then killed. It is an error if one outlives that.
    pub(super) async fn end(&self, order: Option<OrderId>) -> io::Result<usize> {
        let prefix = order.map_or(String::new(), |order| format!("{order}-"));
        let (mut ended, mut failure) = (0, None);
        for file in self.files(&prefix)? {
            match end_one(&file).await {
                Ok(running) => ended += usize::from(running),
                // It keeps its record and nobody else alive.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(ended), Err)
    }

    /// The records whose names begin so.
    fn files(&self, prefix: &str) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let file = entry?.path();
            let is_record = file.extension().is_some_and(|extension| extension == "pid");
            if is_record && file.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix)) {
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// Ends the group of a record and removes that; whether there was one.
async fn end_one(file: &Path) -> io::Result<bool> {
    // A record cut short by a crash names nobody, or somebody else: it has no end.
    let number = fs::read_to_string(file).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
    // 1 would mean everybody.
    let group = number.filter(|number| *number > 1).and_then(Pid::from_raw).filter(|group| runs(*group));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
        if !gone_within(group, GRACE).await {
            let _ = kill_process_group(group, Signal::KILL);
            if !gone_within(group, DEATH).await {
                let message = format!("process group {group} does not end although it was killed");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(group.is_some()),
    }
}

fn runs(group: Pid) -> bool {
    test_kill_process_group(group).is_ok()
}

async fn gone_within(group: Pid, time: Duration) -> bool {
    let gone = async {
        while runs(group) {
            sleep(POLL).await;
        }
    };
    timeout(time, gone).await.is_ok()
}

/// Writes a record. On a full disk the work goes on without: the record matters only if this process dies before the
/// group does.
pub(super) fn keep(file: &Path, record: &[u8]) -> io::Result<()> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    match opened.and_then(|mut file| file.write_all(&[record, b"\n"].concat())) {
        Err(full) if matches!(full.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            warn!(record = %file.display(), "process_not_recorded: the disk is full");
            Ok(())
        }
        written => written,
    }
}
