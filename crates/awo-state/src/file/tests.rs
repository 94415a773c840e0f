//! Every call that touches the disk is made to fail, at every place of an order's life.

mod artifacts;
mod asides;
mod bits;
mod catalog;
mod compaction;
mod durability;
mod eviction;
mod index;
mod power;
mod segments;

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::AgentWorkOrderStatus;

use super::*;
use crate::conformance::kit::{self, Owner, Sight, finished, id, look, order, result};

/// A directory in memory where there is one: what happens to the disk is done by [`Faulty`], and thousands of files are
/// synced here.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// With nothing done. A failed sync loses what was in the page cache besides.
    Error,
    /// With nothing done, because the disk is full.
    Full,
    /// After half of it, because the disk is full.
    Half,
}

/// A disk whose n-th call fails, or each from the n-th on.
#[derive(Debug)]
struct Faulty {
    calls: Mutex<Vec<&'static str>>,
    at: usize,
    forever: bool,
    fault: Fault,
    /// Names that are not on the device yet, with what they stand for there.
    renamed: Mutex<BTreeMap<PathBuf, Option<Vec<u8>>>>,
    /// Whether a file can get another name only in its own directory.
    crosses_devices: AtomicBool,
}

impl Faulty {
    fn new(at: usize, forever: bool, fault: Fault) -> Arc<Self> {
        let (calls, renamed, crosses_devices) = Default::default();
        Arc::new(Self { calls, at, forever, fault, renamed, crosses_devices })
    }

    fn call(&self, name: &'static str) -> io::Result<()> {
        let mut calls = self.calls.lock().unwrap();
        let now = calls.len();
        calls.push(name);
        if now == self.at || (self.forever && now > self.at) {
            Err(match self.fault {
                Fault::Error => io::Error::other("input/output error"),
                Fault::Full | Fault::Half => io::ErrorKind::StorageFull.into(),
            })
        } else {
            Ok(())
        }
    }

    fn sync(&self, file: &File, name: &'static str) -> io::Result<()> {
        self.call(name).inspect_err(|_| {
            if self.fault == Fault::Error && !self.forever {
                let again = format!("/proc/self/fd/{}", file.as_raw_fd());
                let again = OpenOptions::new().write(true).open(again).unwrap();
                again.write_at(b"lost", 0).unwrap();
            }
        })
    }

    /// Names that were never synced stand for what they stood for before.
    fn cut_power(&self) {
        for (path, before) in std::mem::take(&mut *self.renamed.lock().unwrap()) {
            match before {
                Some(before) => std::fs::write(path, before).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
    }

    fn failed(&self) -> Option<&'static str> {
        self.calls.lock().unwrap().get(self.at).copied()
    }
}

impl Disk for Faulty {
    fn create_new(&self, path: &Path) -> io::Result<File> {
        self.call("create_new")?;
        RealDisk.create_new(path)
    }
    fn open_append(&self, path: &Path) -> io::Result<File> {
        self.call("open_append")?;
        RealDisk.open_append(path)
    }
    fn open_read(&self, path: &Path) -> io::Result<File> {
        self.call("open_read")?;
        RealDisk.open_read(path)
    }
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.call("write") {
            if self.fault == Fault::Half {
                RealDisk.write(file, &bytes[..bytes.len() / 2])?;
            }
            return Err(error);
        }
        RealDisk.write(file, bytes)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.sync(file, "sync_data")?;
        RealDisk.sync_data(file)
    }
    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.sync(file, "sync_all")?;
        RealDisk.sync_all(file)
    }
    fn set_len(&self, file: &File, length: u64) -> io::Result<()> {
        self.call("set_len")?;
        RealDisk.set_len(file, length)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call("sync_dir")?;
        self.renamed.lock().unwrap().retain(|name, _| name.parent() != Some(path));
        RealDisk.sync_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("rename")?;
        if self.crosses_devices.load(Ordering::Relaxed) && from.parent() != to.parent() {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let mut renamed = self.renamed.lock().unwrap();
        for name in [from, to] {
            if !name.to_string_lossy().ends_with(disk::TEMPORARY) {
                renamed.entry(name.to_owned()).or_insert_with(|| std::fs::read(name).ok());
            }
        }
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call("remove")?;
        RealDisk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.call("create_dir")?;
        RealDisk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.call("list")?;
        RealDisk.list(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.call("metadata")?;
        RealDisk.metadata(path)
    }
    fn make_private(&self, file: &File) -> io::Result<()> {
        self.call("make_private")?;
        RealDisk.make_private(file)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.call("remove_dir")?;
        RealDisk.remove_dir(path)
    }
}

/// What one run was told, to be compared with what is found afterwards.
#[derive(Debug, Default)]
struct Told {
    /// The order as it was when the last write was acknowledged.
    acknowledged: Option<Sight>,
    /// Results that were sent.
    sent: StepHistory,
    over: bool,
}

/// Creates an order, runs seven steps and ends it, as the engine does: a failed save does not stop it, the next one
/// carries what is missing. Gives up where the engine does.
async fn run(repository: &Arc<dyn StateRepository>) -> Told {
    let mut told = Told::default();
    let stored = async |told: &mut Told| told.acknowledged = Some(look(repository, id(1)).await);
    let outage = |error: StateError| assert!(error.is_outage(), "a failing disk is an outage: {error:?}");
    for _ in 0..3 {
        match repository.create(order(1)).await {
            Ok(_) => {
                stored(&mut told).await;
                break;
            }
            Err(error) => outage(error),
        }
    }
    let Some(seen) = told.acknowledged.clone() else {
        return told;
    };
    let claim = kit::claim(seen.version.0, 1);
    let mut heard = None;
    for _ in 0..3 {
        match repository.update(id(1), &claim).await {
            Ok(answer) => {
                heard = Some(answer);
                stored(&mut told).await;
                break;
            }
            Err(error) => outage(error),
        }
    }
    let Some(heard) = heard else { return told };
    let mut change = Change::after(heard);
    let last = kit::SEVEN.len() - 1;
    for (n, step) in kit::SEVEN.into_iter().enumerate() {
        told.sent.push(result(step, 1, true));
        change.record(finished(&told.sent), kit::at(2), kit::steps_completed(n + 1));
        if n == last {
            change = kit::ended(change, AgentWorkOrderStatus::Completed);
        }
        for _ in 0..if n == last { 3 } else { 1 } {
            match repository.save_step_history(id(1), &told.sent, &change).await {
                Ok(heard) => {
                    change.settle(heard);
                    stored(&mut told).await;
                    told.over = n == last;
                    break;
                }
                Err(error) => {
                    outage(error);
                    let seen = Some(look(repository, id(1)).await);
                    assert_eq!(seen, told.acknowledged, "reads go on, and show what is acknowledged");
                }
            }
        }
    }
    told
}

async fn check_after_restart(dir: &Path, told: &Told, case: &str) {
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir, "test").unwrap());
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!(page.damaged, [], "{case}");
    let Some(acknowledged) = &told.acknowledged else {
        // Nobody was told that it is there; if it is, then whole.
        if repository.get(id(1)).await.unwrap().is_some() {
            look(&repository, id(1)).await.check();
        }
        return;
    };
    let seen = look(&repository, id(1)).await;
    seen.check();
    let known = acknowledged.history.len();
    assert!(seen.history.len() >= known, "{case}: an acknowledged save is lost");
    assert_eq!(seen.history, told.sent.prefix(seen.history.len()), "{case}");
    assert_eq!(seen.events[..acknowledged.events.len()], acknowledged.events[..], "{case}");
    if told.over {
        assert_eq!(seen, *acknowledged, "{case}");
    } else if !seen.order.state.status.is_terminal() {
        // (The end may be there without an answer.)
        let mut owner = Owner::claiming(&repository, 1, 2).await;
        owner.finish("review", 1).await;
        look(&repository, id(1)).await.check();
    }
}

/// A life for each of its calls, in which that call fails; then what is found by a start, the power cut before it or not.
async fn fail_at_every_place(forever: bool, fault: Fault, options: &FileOptions) -> Vec<&'static str> {
    fail_at_every_place_before(true, forever, fault, options).await;
    fail_at_every_place_before(false, forever, fault, options).await
}

async fn fail_at_every_place_before(
    power_cut: bool,
    forever: bool,
    fault: Fault,
    options: &FileOptions,
) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for at in 0.. {
        let dir = scratch();
        drop(FileRepository::open(dir.path(), "test").unwrap()); // the failures are those of a life, not of a start
        let faulty = Faulty::new(usize::MAX, false, fault);
        let opened = Arc::clone(&faulty) as Arc<dyn Disk>;
        drop(FileRepository::open_on(opened, dir.path(), "test", options.clone()).unwrap());
        let at = at + faulty.calls.lock().unwrap().len();

        let faulty = Faulty::new(at, forever, fault);
        let opened = Arc::clone(&faulty) as Arc<dyn Disk>;
        let repository: Arc<dyn StateRepository> =
            Arc::new(FileRepository::open_on(opened, dir.path(), "test", options.clone()).unwrap());
        let told = run(&repository).await;
        drop(repository);
        let name = faulty.failed();
        let case = format!("{fault:?} of call {at}: {name:?}, power cut: {power_cut}");
        if power_cut {
            faulty.cut_power();
        }
        assert!(told.over || forever, "{case}: one failure does not keep an order from its end");
        check_after_restart(dir.path(), &told, &case).await;
        match name {
            Some(name) => failed.push(name),
            None => break,
        }
    }
    failed
}

#[tokio::test]
async fn one_failing_call_loses_nothing() {
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        let failed = fail_at_every_place(false, fault, &FileOptions::default()).await;
        // 7 to create, then 3 to claim and 3 for each of the saves: if this changes, so do the costs of a save.
        assert_eq!(
            failed[..8],
            ["create_dir", "sync_dir", "remove", "create_new", "write", "sync_all", "rename", "sync_dir"]
        );
        assert_eq!(failed[8..].chunks(3).collect::<Vec<_>>(), vec![["open_append", "write", "sync_data"]; 8]);
    }
}

#[tokio::test]
async fn a_disk_that_fails_from_any_call_on_loses_nothing_acknowledged() {
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        fail_at_every_place(true, fault, &FileOptions::default()).await;
    }
}

#[tokio::test]
async fn a_full_disk_costs_no_number_and_no_rewrite() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    // The write of the first save after create (8 calls), claim (3) and the opening of the file.
    let faulty = Faulty::new(1 + 8 + 3 + 1, false, Fault::Half);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository: Arc<dyn StateRepository> =
        Arc::new(FileRepository::open_on(disk, dir.path(), "test", FileOptions::default()).unwrap());
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.add(result("classify", 1, true));
    let full = owner.save().await;
    assert!(matches!(full, Err(StateError::Backend(_))), "it is certain that nothing is stored: {full:?}");
    owner.save().await.unwrap();
    let calls = faulty.calls.lock().unwrap()[12..].join(" ");
    assert_eq!(calls, "open_append write set_len sync_data open_append write sync_data");
    let text = std::fs::read_to_string(journal::path(&dir.path().join("orders"), id(1))).unwrap();
    let numbers: Vec<_> = text.lines().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[tokio::test]
async fn after_a_failed_write_that_is_not_for_room_nothing_is_believed_of_the_file() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    let faulty = Faulty::new(1 + 8 + 3 + 1, false, Fault::Error);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository: Arc<dyn StateRepository> =
        Arc::new(FileRepository::open_on(disk, dir.path(), "test", FileOptions::default()).unwrap());
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.add(result("classify", 1, true));
    assert!(owner.save().await.unwrap_err().is_outage());
    owner.save().await.unwrap();
    let calls = faulty.calls.lock().unwrap()[12..].join(" ");
    assert_eq!(calls, "open_append write set_len sync_data remove create_new write sync_all rename sync_dir");
}

#[tokio::test]
async fn after_a_failed_sync_the_order_is_written_anew_from_memory() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    let faulty = Faulty::new(1 + 8 + 3 + 2, false, Fault::Error);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository: Arc<dyn StateRepository> =
        Arc::new(FileRepository::open_on(disk, dir.path(), "test", FileOptions::default()).unwrap());
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.add(result("classify", 1, true));
    let unknown = owner.save().await;
    assert!(matches!(unknown, Err(StateError::Unavailable(_))), "nobody knows whether it is stored: {unknown:?}");
    owner.save().await.unwrap();
    owner.finish("plan", 1).await;
    let text = std::fs::read_to_string(journal::path(&dir.path().join("orders"), id(1))).unwrap();
    let records: Vec<_> = text.lines().map(|l| l.split(' ').skip(2).take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(records, ["order 3", "save 4"], "numbers go on");
    let before = look(&repository, id(1)).await;
    drop((repository, owner));
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!(look(&repository, id(1)).await, before);
}

#[tokio::test]
async fn a_file_that_somebody_else_changed_is_written_anew() {
    let dir = scratch();
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    let mut owner = Owner::of_new(&repository, 1).await;
    let path = journal::path(&dir.path().join("orders"), id(1));
    std::fs::write(&path, b"shortened").unwrap();
    owner.finish("classify", 1).await;
    std::fs::remove_file(&path).unwrap();
    owner.finish("plan", 1).await;
    let before = look(&repository, id(1)).await;
    drop((repository, owner));
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!(look(&repository, id(1)).await, before);
}

#[tokio::test]
async fn a_delete_that_failed_can_be_repeated() {
    for at in 0.. {
        let dir = scratch();
        drop(FileRepository::open(dir.path(), "test").unwrap());
        // Open (1), create (8), claim and end (3 each), then the delete.
        let faulty = Faulty::new(1 + 8 + 6 + at, false, Fault::Error);
        let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
        let repository: Arc<dyn StateRepository> =
            Arc::new(FileRepository::open_on(disk, dir.path(), "test", FileOptions::default()).unwrap());
        let mut owner = Owner::of_new(&repository, 1).await;
        let heard = owner.end(AgentWorkOrderStatus::Failed).await;
        let first = repository.delete(id(1), heard.seq).await;
        if faulty.failed().is_some() {
            assert!(first.unwrap_err().is_outage());
            look(&repository, id(1)).await.check();
            repository.delete(id(1), heard.seq).await.unwrap();
        }
        drop((repository, owner));
        let repository = FileRepository::open(dir.path(), "test").unwrap();
        assert!(repository.get(id(1)).await.unwrap().is_none());
        if faulty.failed().is_none() {
            let calls = faulty.calls.lock().unwrap()[15..].join(" ");
            assert_eq!(calls, "list remove sync_dir");
            break;
        }
    }
}

#[tokio::test]
async fn what_a_writer_that_died_has_written_is_synced_before_it_is_shown() {
    let dir = scratch();
    let syncs_of_a_start = || {
        let disk = Faulty::new(usize::MAX, false, Fault::Error);
        let repository =
            FileRepository::open_on(Arc::clone(&disk) as Arc<dyn Disk>, dir.path(), "test", FileOptions::default())
                .unwrap();
        let calls = disk.calls.lock().unwrap().clone();
        (repository, calls.iter().filter(|call| call.starts_with("sync")).count())
    };
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    Owner::of_new(&repository, 1).await;
    drop(repository);
    let (repository, syncs) = syncs_of_a_start();
    assert_eq!(syncs, 0, "the last one left in order");
    let taken = || std::fs::metadata(dir.path().join("LOCK")).unwrap().modified().unwrap();
    let before = taken();
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    Owner::of_new(&handle, 2).await;
    repository.announce("http://127.0.0.1:8053").unwrap();
    assert_eq!(taken(), before, "it tells when it was taken");
    let lock = std::fs::read(dir.path().join("LOCK")).unwrap();
    drop((handle, repository));
    // As if it had been killed: the lock file is as it was. The first order was written days before; the second one
    // while it was held, by a clock that had been set back.
    let lock_file = File::create(dir.path().join("LOCK")).unwrap();
    std::io::Write::write_all(&mut &lock_file, &lock).unwrap();
    lock_file.set_modified(before).unwrap();
    for (n, hours) in [(1, 49), (2, 24)] {
        let file = RealDisk.open_append(&journal::path(&dir.path().join("orders"), id(n))).unwrap();
        file.set_modified(before - std::time::Duration::from_hours(hours)).unwrap();
    }
    let (_, syncs) = syncs_of_a_start();
    assert_eq!(syncs, 4, "the second order, and the names in two directories and in their parent");
}
