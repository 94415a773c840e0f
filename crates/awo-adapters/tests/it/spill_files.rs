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
async fn what_cannot_be_read_is_said_to_be_so_and_set_aside_without_being_lost() {
    let dir = tempfile::tempdir().unwrap();
    let files = SpillFiles::new(dir.path().to_owned());
    let kept = spill(1);
    let path = dir.path().join(format!("{}.spill.json", kept.order));
    for (content, words) in [("{\"format\":1,\"spi", "EOF"), ("{\"format\":2}", "reads formats up to 1")] {
        std::fs::write(&path, content).unwrap();
        let failure = files.find(kept.order).await.unwrap_err().to_string();
        assert!(failure.contains(words) && failure.contains(path.to_str().unwrap()), "{failure}");
        files.set_aside(kept.order).await.unwrap();
        assert_eq!(files.find(kept.order).await.unwrap(), None);
    }
    let aside: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(aside.len(), 2, "{aside:?}");
    assert!(files.orders().await.unwrap().is_empty());
    files.keep(&kept).await.unwrap();
    std::fs::rename(&path, dir.path().join(format!("{}.spill.json", spill(2).order))).unwrap();
    assert!(files.find(spill(2).order).await.unwrap_err().to_string().contains("they are those of"));
}
