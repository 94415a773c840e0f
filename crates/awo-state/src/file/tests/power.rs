//! Power cuts when saves are not synced at once: what is lost is an end of whole records, and never damage.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::super::flush::{Left, pause_after};
use super::*;

/// A disk that knows how much of each file is on the device.
#[derive(Debug, Default)]
struct Device {
    synced: Mutex<BTreeMap<PathBuf, u64>>,
    failing_syncs: Mutex<usize>,
    /// The next sync says that it begins, and goes on when it is told to, or after a while.
    held: Mutex<Option<(Sender<()>, Receiver<()>)>>,
    /// Whether that sync was told to go on.
    was_told: AtomicBool,
}

impl Device {
    fn kept(&self, path: &Path) -> usize {
        usize::try_from(*self.synced.lock().unwrap().get(path).unwrap()).unwrap()
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let held = self.held.lock().unwrap().take();
        if let Some((begins, goes_on)) = held {
            begins.send(()).unwrap();
            self.was_told.store(goes_on.recv_timeout(Duration::from_millis(200)).is_ok(), Ordering::Relaxed);
        }
        let mut failing = self.failing_syncs.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(io::Error::other("input/output error"));
        }
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        self.synced.lock().unwrap().insert(path, file.metadata()?.len());
        Ok(())
    }
}

impl Disk for Device {
    fn create_new(&self, path: &Path) -> io::Result<File> {
        RealDisk.create_new(path)
    }
    fn open_append(&self, path: &Path) -> io::Result<File> {
        RealDisk.open_append(path)
    }
    fn open_read(&self, path: &Path) -> io::Result<File> {
        RealDisk.open_read(path)
    }
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        RealDisk.write(file, bytes)
    }
    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.sync(file)
    }
    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.sync(file)
    }
    fn set_len(&self, file: &File, length: u64) -> io::Result<()> {
        RealDisk.set_len(file, length)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap();
        let length = synced.remove(from).unwrap_or(0);
        synced.insert(to.to_owned(), length);
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        RealDisk.metadata(path)
    }
    fn make_private(&self, file: &File) -> io::Result<()> {
        RealDisk.make_private(file)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }
}

const INTERVAL: Durability = Durability::Interval(Duration::from_hours(1));

fn options(durability: Durability) -> FileOptions {
    FileOptions { durability, ..FileOptions::default() }
}

fn open_with(dir: &Path, device: &Arc<Device>, durability: Durability) -> FileRepository {
    FileRepository::open_on(Arc::clone(device) as Arc<dyn Disk>, dir, "test", options(durability)).unwrap()
}

fn flush(repository: &FileRepository) -> Left {
    let Access::Writer(writer) = &repository.shared.access else { unreachable!("it was opened for writing") };
    writer.unsynced.flush()
}

/// A life that ends without warning: what readers saw after each record, the journal, and how much is on the device.
struct Cut {
    sights: Vec<Sight>,
    bytes: Vec<u8>,
    kept: usize,
}

impl Cut {
    /// Created, claimed, and three steps; flushed after the claim, if at all.
    async fn new(durability: Durability, flushed: bool) -> Self {
        let dir = scratch();
        let device = Arc::new(Device::default());
        let repository = open_with(dir.path(), &device, durability);
        let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
        handle.create(order(1)).await.unwrap();
        let mut sights = vec![look(&handle, id(1)).await];
        let mut owner = Owner::claiming(&handle, 1, 1).await;
        sights.push(look(&handle, id(1)).await);
        if flushed {
            assert_eq!(flush(&repository), Left::Nothing);
        }
        for step in ["classify", "plan", "find_plan"] {
            owner.finish(step, 1).await;
            sights.push(look(&handle, id(1)).await);
        }
        let path = journal::path(&dir.path().join("orders"), id(1));
        Self { sights, bytes: std::fs::read(&path).unwrap(), kept: device.kept(&path) }
    }

    /// Where each record ends.
    fn ends(&self) -> Vec<usize> {
        self.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect()
    }

    /// What is seen if nothing from a byte on can be used.
    fn before(&self, at: usize) -> &Sight {
        &self.sights[self.ends().iter().filter(|end| **end <= at).count() - 1]
    }
}

/// A data directory as it is after a power cut: the lock says that its holder did not leave in order.
fn after_power_cut(bytes: &[u8]) -> tempfile::TempDir {
    let dir = scratch();
    let path = journal::path(&dir.path().join("orders"), id(1));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::write(dir.path().join("LOCK"), r#"{"pid":1,"address":null,"what":"test"}"#).unwrap();
    dir
}

async fn seen(dir: &Path) -> Result<Sight> {
    let reader: Arc<dyn StateRepository> = Arc::new(FileRepository::open_read_only(dir).unwrap());
    let read = reader.get(id(1)).await.map(|seen| seen.expect("it is there").seq);
    let writer: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir, "test").unwrap());
    writer.get(id(1)).await?;
    let sight = look(&writer, id(1)).await;
    assert_eq!(read.unwrap(), sight.version.0, "readers see what the next writer sees");
    Ok(sight)
}

#[tokio::test]
async fn what_is_lost_of_unsynced_saves_is_an_end_of_whole_records() {
    for (durability, flushed) in [(INTERVAL, true), (INTERVAL, false), (Durability::Os, true), (Durability::Os, false)]
    {
        let life = Cut::new(durability, flushed).await;
        let ends = life.ends();
        let kept = ends[usize::from(flushed && durability == INTERVAL)];
        assert_eq!(life.kept, kept, "{durability:?} flushed {flushed}: only what was asked for is on the device");
        for at in (kept..life.bytes.len()).step_by(7) {
            // The end is missing.
            let dir = after_power_cut(&life.bytes[..at]);
            assert_eq!(seen(dir.path()).await.unwrap(), *life.before(at), "{durability:?}: cut at {at}");
            // All of it has its length and nothing else.
            let mut bytes = life.bytes.clone();
            bytes[at..].fill(0);
            let dir = after_power_cut(&bytes);
            assert_eq!(seen(dir.path()).await.unwrap(), *life.before(at), "{durability:?}: zeros from {at}");
            // A hole, with what was written later on the device.
            for length in [1, 64, 700] {
                let mut bytes = life.bytes.clone();
                let to = (at + length).min(bytes.len());
                bytes[at..to].fill(0);
                let dir = after_power_cut(&bytes);
                let seen = seen(dir.path()).await.unwrap();
                assert_eq!(seen, *life.before(at), "{durability:?}: a hole from {at} to {to}");
                seen.check();
                let torn = journal::path(&dir.path().join("orders"), id(1)).with_extension("awoj.torn-1");
                let from = ends.iter().rfind(|end| **end <= at).unwrap();
                assert_eq!(std::fs::read(torn).unwrap(), &bytes[*from..], "what is cut off is kept aside");
            }
        }
    }
}

#[tokio::test]
async fn what_was_synced_is_damage_when_it_is_gone() {
    let life = Cut::new(INTERVAL, true).await;
    for at in (0..life.kept).step_by(5) {
        let mut bytes = life.bytes.clone();
        bytes[at] ^= 1;
        let dir = after_power_cut(&bytes);
        let read = FileRepository::open(dir.path(), "test").unwrap().get(id(1)).await;
        assert!(matches!(read, Err(StateError::Corrupt { .. })), "byte {at}: {read:?}");
    }
}

#[tokio::test]
async fn where_each_save_is_synced_a_hole_is_damage() {
    let life = Cut::new(Durability::Always, false).await;
    assert_eq!(life.kept, life.bytes.len());
    for at in life.ends()[..4].iter().copied() {
        let mut bytes = life.bytes.clone();
        bytes[at + 20..at + 40].fill(0);
        let dir = after_power_cut(&bytes);
        let read = FileRepository::open(dir.path(), "test").unwrap().get(id(1)).await;
        assert!(matches!(read, Err(StateError::Corrupt { .. })), "record at {at}: {read:?}");
    }
}

/// Nothing is lost when everything was synced, so whatever does not fit then is damage.
#[tokio::test]
async fn after_an_end_in_order_a_hole_is_damage() {
    let dir = scratch();
    let repository = FileRepository::open_with(dir.path(), "test", options(INTERVAL)).unwrap();
    let handle: Arc<dyn StateRepository> = Arc::new(repository);
    Owner::of_new(&handle, 1).await.finish("classify", 1).await;
    drop(handle);
    let path = journal::path(&dir.path().join("orders"), id(1));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last..last + 10].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("LOCK")).unwrap().len(), 0, "it was left in order");
    let read = FileRepository::open_read_only(dir.path()).unwrap().get(id(1)).await;
    assert!(matches!(read, Err(StateError::Corrupt { .. })), "{read:?}");
    let read = FileRepository::open(dir.path(), "test").unwrap().get(id(1)).await;
    assert!(matches!(read, Err(StateError::Corrupt { .. })), "{read:?}");
}

#[tokio::test]
async fn a_flush_syncs_what_is_not_on_the_device_and_the_end_does_too() {
    let dir = scratch();
    let device = Arc::new(Device::default());
    let repository = open_with(dir.path(), &device, INTERVAL);
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    let path = journal::path(&dir.path().join("orders"), id(1));
    let length = || usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
    let mut owner = Owner::of_new(&handle, 1).await;
    assert!(device.kept(&path) < length(), "an acknowledged save is with the system");
    assert_eq!(flush(&repository), Left::Nothing);
    assert_eq!(device.kept(&path), length());
    owner.finish("classify", 1).await;
    assert!(device.kept(&path) < length());
    // A writer is at work on it: it is left for the next time.
    let entry = repository.shared.index.get(id(1)).unwrap();
    let turn = entry.journal.lock().await;
    assert_eq!(flush(&repository), Left::Busy);
    drop(turn);
    drop((handle, repository, owner));
    assert_eq!(device.kept(&path), length(), "whoever leaves in order syncs");
    assert_eq!(std::fs::metadata(dir.path().join("LOCK")).unwrap().len(), 0);
}

#[tokio::test]
async fn a_flusher_that_was_started_syncs_by_itself() {
    let dir = scratch();
    let device = Arc::new(Device::default());
    let repository = open_with(dir.path(), &device, Durability::Interval(Duration::from_millis(1)));
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    let path = journal::path(&dir.path().join("orders"), id(1));
    Owner::of_new(&handle, 1).await.finish("classify", 1).await;
    let length = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
    assert!(device.kept(&path) < length);
    let Access::Writer(writer) = &repository.shared.access else { unreachable!("it was opened for writing") };
    writer.start().unwrap();
    let synced = async {
        while device.kept(&path) < length {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), synced).await.unwrap();
}

/// What the flusher has taken in hand nobody else syncs.
#[tokio::test]
async fn a_writer_does_not_leave_before_its_flusher_has_ended() {
    let dir = scratch();
    let device = Arc::new(Device::default());
    let repository = open_with(dir.path(), &device, Durability::Interval(Duration::from_millis(1)));
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    let mut owner = Owner::of_new(&handle, 1).await;
    let ((begins, has_begun), (goes_on, is_told)) = (mpsc::channel(), mpsc::channel());
    *device.held.lock().unwrap() = Some((begins, is_told));
    owner.finish("classify", 1).await;
    let Access::Writer(writer) = &repository.shared.access else { unreachable!("it was opened for writing") };
    writer.start().unwrap();
    has_begun.recv_timeout(Duration::from_mins(1)).unwrap();
    drop((owner, handle, repository));
    let _ = goes_on.send(()); // nobody hears it any more
    assert!(!device.was_told.load(Ordering::Relaxed), "the writer left while its flusher was at work");
    let path = journal::path(&dir.path().join("orders"), id(1));
    assert_eq!(device.kept(&path) as u64, std::fs::metadata(&path).unwrap().len());
}

#[test]
fn what_was_busy_is_asked_again_soon_and_a_failing_device_is_not() {
    let second = Duration::from_secs(1);
    assert_eq!([Left::Nothing, Left::Failed].map(|left| pause_after(left, second)), [second; 2]);
    assert_eq!(pause_after(Left::Busy, second), Duration::from_millis(5));
    assert_eq!(pause_after(Left::Busy, Duration::from_millis(1)), Duration::from_millis(1), "never later than usual");
}

#[tokio::test]
async fn what_a_failed_flush_was_for_is_written_anew_from_memory() {
    let dir = scratch();
    let device = Arc::new(Device::default());
    let repository = open_with(dir.path(), &device, INTERVAL);
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    Owner::of_new(&handle, 1).await.finish("classify", 1).await;
    let before = look(&handle, id(1)).await;
    let path = journal::path(&dir.path().join("orders"), id(1));
    *device.failing_syncs.lock().unwrap() = 2;
    assert_eq!(flush(&repository), Left::Failed, "the sync failed, and that of the new file");
    // The system has forgotten what it could not write.
    std::fs::write(&path, "").unwrap();
    assert_eq!(flush(&repository), Left::Nothing);
    assert_eq!(device.kept(&path) as u64, std::fs::metadata(&path).unwrap().len());
    drop((handle, repository));
    let handle: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!(look(&handle, id(1)).await, before);
}

#[tokio::test]
async fn a_journal_that_a_start_cannot_sync_is_written_anew_by_the_next_save() {
    let life = Cut::new(Durability::Always, false).await;
    let start = |at| {
        let (dir, faulty) = (after_power_cut(&life.bytes), Faulty::new(at, false, Fault::Full));
        let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
        let repository = FileRepository::open_on(disk, dir.path(), "test", FileOptions::default()).unwrap();
        (dir, faulty, repository)
    };
    let (_dir, sound, _repository) = start(usize::MAX);
    let sync = sound.calls.lock().unwrap().iter().position(|call| *call == "sync_data");
    for (at, records) in [(usize::MAX, life.ends().len() + 1), (sync.unwrap(), 1)] {
        let (dir, _faulty, repository) = start(at);
        let handle: Arc<dyn StateRepository> = Arc::new(repository);
        Owner::claiming(&handle, 1, 2).await;
        let text = std::fs::read_to_string(journal::path(&dir.path().join("orders"), id(1))).unwrap();
        assert_eq!(text.lines().count(), records);
        look(&handle, id(1)).await.check();
    }
}

/// From one kind of writer to the other and back: strict where each save was synced, and only there.
#[tokio::test]
async fn writers_of_both_kinds_follow_each_other() {
    let dir = scratch();
    let device = Arc::new(Device::default());
    let path = journal::path(&dir.path().join("orders"), id(1));
    let mut worker = 0;
    let mut life = async |durability, step: &str| {
        worker += 1;
        let handle: Arc<dyn StateRepository> = Arc::new(open_with(dir.path(), &device, durability));
        let mut owner =
            if worker == 1 { Owner::of_new(&handle, 1).await } else { Owner::claiming(&handle, 1, worker).await };
        owner.finish(step, 1).await;
        (look(&handle, id(1)).await, std::fs::read(&path).unwrap(), device.kept(&path))
    };
    let (_, bytes, kept) = life(Durability::Always, "classify").await;
    assert_eq!(kept, bytes.len());
    let (_, bytes, kept) = life(INTERVAL, "plan").await;
    assert!(kept < bytes.len(), "the claim is synced, as it follows a record that does not say that it may be lost");
    let records = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').count();
    assert_eq!((records(&bytes[..kept]), records(&bytes)), (4, 5), "of the second life the claim is, the step is not");
    for at in kept..bytes.len() {
        let mut cut = bytes.clone();
        cut[at..].fill(0);
        seen(after_power_cut(&cut).path()).await.unwrap();
    }
    let (sight, bytes, kept) = life(Durability::Always, "find_plan").await;
    assert_eq!(kept, bytes.len());
    assert!(!String::from_utf8(bytes.clone()).unwrap().contains(r#""synced""#), "made anew: nothing may be lost");
    assert_eq!(seen(after_power_cut(&bytes).path()).await.unwrap(), sight);
}
