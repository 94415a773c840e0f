//! What is synced when saves are not.

use super::*;

fn not_synced() -> FileOptions {
    FileOptions { durability: Durability::Os, keep_ended: 0, ..FileOptions::default() }
}

#[tokio::test]
async fn saves_are_not_synced_and_the_next_start_does_it() {
    let dir = scratch();
    let disk = Faulty::new(usize::MAX, false, Fault::Error);
    let opened = Arc::clone(&disk) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(opened, dir.path(), "test", not_synced()).unwrap();
    let repository: Arc<dyn StateRepository> = Arc::new(repository);
    let created = disk.calls.lock().unwrap().len() + 8;
    Owner::of_new(&repository, 1).await.finish("classify", 1).await;
    let calls = disk.calls.lock().unwrap()[created..].join(" ");
    assert_eq!(calls, "open_append write open_append write");
    let before = look(&repository, id(1)).await;
    drop(repository);
    let disk = Faulty::new(usize::MAX, false, Fault::Error);
    let opened = Arc::clone(&disk) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(opened, dir.path(), "test", FileOptions::default()).unwrap();
    assert!(disk.calls.lock().unwrap().contains(&"sync_data"), "what is shown now cannot vanish any more");
    let repository: Arc<dyn StateRepository> = Arc::new(repository);
    assert_eq!(look(&repository, id(1)).await, before);
}

#[tokio::test]
async fn memory_lets_go_only_of_what_could_be_synced() {
    let dir = scratch();
    // Among the calls that fail is the sync with which one leaves memory: then the system forgets what it had.
    for at in 0.. {
        let dir = tempfile::tempdir_in(dir.path()).unwrap();
        let faulty = Faulty::new(at, false, Fault::Error);
        let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
        let Ok(repository) = FileRepository::open_on(disk, dir.path(), "test", not_synced()) else { continue };
        let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
        let mut before = Vec::new();
        for n in 1..4 {
            if handle.create(order(n)).await.is_err() {
                handle.create(order(n)).await.unwrap();
            }
            let claim = kit::claim(EventSeq(1), 1);
            let heard = match handle.update(id(n), &claim).await {
                Err(_) => handle.update(id(n), &claim).await.unwrap(),
                Ok(heard) => heard,
            };
            let end = kit::ended(Change::after(heard), AgentWorkOrderStatus::Failed);
            if handle.update(id(n), &end).await.is_err() {
                handle.update(id(n), &end).await.unwrap();
            }
            before.push(look(&handle, id(n)).await);
        }
        for (n, before) in (1..).zip(&before) {
            let _ = handle.get(id(n)).await; // the one call that fails may be this one's
            assert_eq!(look(&handle, id(n)).await, *before, "call {at}: {:?}", faulty.failed());
        }
        if faulty.failed().is_none() {
            let calls = faulty.calls.lock().unwrap();
            assert!(calls.contains(&"sync_data"), "something left memory, synced: {calls:?}");
            break;
        }
    }
}
