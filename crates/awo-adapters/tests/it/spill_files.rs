//! Spills in files: kept whole, found again, set aside.

use std::os::unix::fs::PermissionsExt as _;

use awo_adapters::SpillFiles;
use awo_engine::Change;
use awo_engine::ports::{Spill, SpillStore as _};
use awo_models::{EventKind, EventSeq, OrderId, OrderPatch, Timestamp};

fn spill(last: u8) -> Spill {
    let asked = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
    Spill {
        order: OrderId::new(1_700_000_000_000, [last; 10]),
        acknowledged: 3,
        results: Vec::new(),
        change: Change::if_unchanged(EventSeq(7)).with(EventKind::CancelRequested, Timestamp::UNIX_EPOCH, asked),
    }
}

#[tokio::test]
async fn what_is_kept_is_found_by_a_later_process_and_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("some/spill");
    let (first, other) = (spill(1), spill(2));
    let files = SpillFiles::new(directory.clone());
    assert_eq!(files.find(first.order).await.unwrap(), None);
    assert!(files.orders().await.unwrap().is_empty());
    files.keep(&first).await.unwrap();
    files.keep(&other).await.unwrap();
    let larger = Spill { acknowledged: 4, ..first.clone() };
    files.keep(&larger).await.unwrap();

    let later = SpillFiles::new(directory.clone());
    assert_eq!(later.find(first.order).await.unwrap().as_ref(), Some(&larger));
    assert_eq!(later.orders().await.unwrap(), [first.order, other.order]);
    let file = directory.join(format!("{}.spill.json", first.order));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    later.remove(first.order).await.unwrap();
    later.remove(first.order).await.unwrap();
    assert_eq!(later.orders().await.unwrap(), [other.order]);
}

#[tokio::test]
async fn what_cannot_be_understood_is_set_aside_and_what_cannot_be_read_yet_stays() {
    let dir = tempfile::tempdir().unwrap();
    let files = SpillFiles::new(dir.path().to_owned());
    let kept = spill(1);
    let path = dir.path().join(format!("{}.spill.json", kept.order));
    let aside = || std::fs::read_dir(dir.path()).unwrap().count() - usize::from(path.exists());
    std::fs::write(&path, "{\"format\":1,\"spi").unwrap();
    assert_eq!(files.find(kept.order).await.unwrap(), None);
    assert_eq!((path.exists(), aside()), (false, 1), "kept for a person");
    files.keep(&kept).await.unwrap();
    std::fs::rename(&path, dir.path().join(format!("{}.spill.json", spill(2).order))).unwrap();
    assert_eq!(files.find(spill(2).order).await.unwrap(), None, "it is another order's");
    assert_eq!(aside(), 2);

    std::fs::write(&path, "{\"format\":2}").unwrap();
    let failure = files.find(kept.order).await.unwrap_err().to_string();
    assert!(failure.contains("reads formats up to 1") && failure.contains(path.to_str().unwrap()), "{failure}");
    assert!(path.exists(), "a newer program can read it");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(files.find(kept.order).await.is_err(), "no reason to think that there is nothing");
}

#[tokio::test]
async fn a_call_that_was_given_up_does_not_undo_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let files = SpillFiles::new(dir.path().to_owned());
    for n in 0..200 {
        let (older, newer) = (spill(1), Spill { acknowledged: n, ..spill(1) });
        // Begun and dropped at once: the work goes on by itself, before or after what follows.
        drop(futures::poll!(std::pin::pin!(files.remove(older.order))));
        drop(futures::poll!(std::pin::pin!(files.keep(&older))));
        files.keep(&newer).await.unwrap();
        assert_eq!(files.find(newer.order).await.unwrap(), Some(newer));
    }
}

#[tokio::test]
async fn a_start_removes_what_a_crash_cut() {
    let dir = tempfile::tempdir().unwrap();
    let files = SpillFiles::new(dir.path().join("absent"));
    assert_eq!(files.sweep().unwrap(), 0);
    let files = SpillFiles::new(dir.path().to_owned());
    files.keep(&spill(1)).await.unwrap();
    std::fs::write(dir.path().join(format!(".{}.spill.json.writing", spill(2).order)), "{").unwrap();
    assert_eq!(files.sweep().unwrap(), 1);
    assert_eq!(files.orders().await.unwrap(), [spill(1).order]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
