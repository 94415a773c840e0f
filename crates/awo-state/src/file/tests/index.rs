//! Who has an id or a key.

use super::super::index::{Entry, Index, Seen};
use super::*;
use crate::Head;

/// An order that is there, with a key that others may have too.
fn entry(n: u64, key: &str) -> Arc<Entry> {
    let order = Loaded::created(kit::order_with_key(n, key), Head::created());
    Entry::new(id(n), Seen::Sound(order), Journal::missing(PathBuf::new()))
}

fn taken_by(index: &Index, n: u64, key: &Arc<str>) -> Option<OrderId> {
    index.reserve(&entry(n, key), Some(key)).map(|taken| taken.id)
}

#[test]
fn a_key_is_free_again_when_the_order_that_has_it_is_gone() {
    let (index, key) = (Index::default(), Arc::from("key"));
    assert_eq!(taken_by(&index, 1, &key), None);
    assert_eq!(taken_by(&index, 1, &Arc::from("other")), Some(id(1)), "the id");
    assert_eq!(taken_by(&index, 2, &key), Some(id(1)));
    index.put(&entry(2, &key)); // as a reader does that sees the second file before the first is seen to be gone
    index.remove(id(1), Some(&key));
    assert_eq!(index.ids(), [id(2)]);
    assert_eq!(taken_by(&index, 3, &key), Some(id(2)), "whose it is now");
    index.remove(id(2), Some(&key));
    assert_eq!(taken_by(&index, 3, &key), None);
}

#[test]
fn only_the_entry_itself_is_forgotten() {
    let (index, there) = (Index::default(), entry(1, "key"));
    index.put(&there);
    index.forget(&entry(1, "key"));
    assert_eq!(index.ids(), [id(1)], "another one that has its id");
    index.forget(&there);
    assert_eq!(index.ids(), []);
}

#[tokio::test]
async fn orders_that_cannot_be_looked_for_are_not_taken_for_missing() {
    let dir = scratch();
    let repository = FileRepository::open(dir.path(), "test").unwrap();
    repository.create(order(1)).await.unwrap();
    drop(repository);
    // The names of the directories, and those in the only one.
    for at in [0, 1] {
        let faulty = Faulty::new(at, false, Fault::Error);
        let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
        let opened = FileRepository::open_on(disk, dir.path(), "test", FileOptions::default());
        assert!(matches!(opened, Err(OpenError::Io { .. })), "{at}: {opened:?}");
        assert_eq!(faulty.failed(), Some("list"));
    }
    std::fs::write(dir.path().join("orders/notes"), "mine").unwrap();
    let repository = FileRepository::open(dir.path(), "test").unwrap();
    assert!(repository.get(id(1)).await.unwrap().is_some(), "a file among the directories is nobody's");
}
