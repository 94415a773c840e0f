//! Contents of ended orders go from memory and come back, and never those that only memory has.

use super::*;

fn keeping(keep_ended: usize) -> FileOptions {
    FileOptions { keep_ended, ..FileOptions::default() }
}

fn in_memory(repository: &FileRepository) -> Vec<u64> {
    let index = &repository.shared.index;
    let loaded = |n: &u64| {
        let entry = index.get(id(*n)).unwrap();
        entry.look(|order| order.content.is_some()).unwrap() == Some(true)
    };
    (1..=u64::try_from(index.ids().len()).unwrap()).filter(loaded).collect()
}

async fn ended(repository: &Arc<dyn StateRepository>, n: u64) -> Sight {
    let mut owner = Owner::of_new(repository, n).await;
    owner.finish_all().await;
    look(repository, id(n)).await
}

#[tokio::test]
async fn only_the_ended_orders_used_last_stay() {
    let dir = scratch();
    let repository = FileRepository::open_with(dir.path(), "test", keeping(2)).unwrap();
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    Owner::of_new(&handle, 1).await;
    Owner::of_new(&handle, 2).await;
    let mut before = Vec::new();
    for n in 3..7 {
        before.push(ended(&handle, n).await);
        assert!(in_memory(&repository).contains(&3), "a use counts also when it reads nothing");
        look(&handle, id(3)).await;
    }
    assert_eq!(in_memory(&repository), [1, 2, 3, 6], "those at work, the one used again and again, the newest");
    for (n, before) in (3..7).zip(&before) {
        assert_eq!(look(&handle, id(n)).await, *before);
    }
    assert_eq!(in_memory(&repository), [1, 2, 5, 6]);
    let change = kit::retried(Change::if_unchanged(before[0].version.0), 0, 0);
    handle.update(id(3), &change).await.unwrap();
    drop((handle, repository));

    let reader = FileRepository::open_read_only(dir.path()).unwrap();
    let reader =
        FileRepository { shared: Arc::new(Shared { options: keeping(1), ..Arc::into_inner(reader.shared).unwrap() }) };
    let handle: Arc<dyn StateRepository> = Arc::new(reader.clone());
    for (n, before) in (3..7).zip(&before).skip(1) {
        assert_eq!(look(&handle, id(n)).await, *before);
    }
    handle.list(&OrderQuery::default()).await.unwrap();
    assert_eq!(in_memory(&reader), [6], "readers forget as well");
}

#[tokio::test]
async fn what_only_memory_has_stays() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    // The sync of the retry after open (1), create (8), claim, seven results and end (3 each).
    let faulty = Faulty::new(1 + 8 + 9 * 3 + 2, false, Fault::Error);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(disk, dir.path(), "test", keeping(0)).unwrap();
    let handle: Arc<dyn StateRepository> = Arc::new(repository.clone());
    let before = ended(&handle, 1).await;
    let change = kit::retried(Change::if_unchanged(before.version.0), 0, 0);
    assert!(handle.update(id(1), &change).await.unwrap_err().is_outage());
    assert_eq!(faulty.failed(), Some("sync_data"));
    for n in 2..14 {
        ended(&handle, n).await;
    }
    assert_eq!(in_memory(&repository), [1, 13]);
    assert_eq!(look(&handle, id(1)).await, before);
    // Another process changed the file of one that is in memory: it is memory that was acknowledged.
    let thirteen = look(&handle, id(13)).await;
    std::fs::write(journal::path(&dir.path().join("orders"), id(13)), b"shortened").unwrap();
    ended(&handle, 14).await;
    assert_eq!(look(&handle, id(13)).await, thirteen);
    handle.update(id(1), &change).await.unwrap();
    let retried = look(&handle, id(1)).await;
    drop((handle, repository));
    let handle: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!(look(&handle, id(1)).await, retried);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_now_can_be_read_later() {
    let dir = scratch();
    let handle: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    let before = ended(&handle, 1).await;
    drop(handle);
    // A start lists two directories and reads one file.
    let faulty = Faulty::new(3, false, Fault::Error);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(disk, dir.path(), "test", keeping(0)).unwrap();
    let handle: Arc<dyn StateRepository> = Arc::new(repository);
    assert!(handle.get(id(1)).await.unwrap_err().is_outage());
    assert_eq!(faulty.failed(), Some("open_read"));
    assert_eq!(look(&handle, id(1)).await, before);
}

#[tokio::test]
async fn a_file_that_changed_while_memory_had_nothing_of_it_is_damaged() {
    let shortened = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let last = text.trim_end().rfind('\n').unwrap();
        std::fs::write(path, &text[..=last]).unwrap(); // records are whole, and those of an older order
    };
    let removed = |path: &Path| std::fs::remove_file(path).unwrap();
    for change in [&shortened as &dyn Fn(&Path), &removed] {
        let dir = scratch();
        let handle: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
        ended(&handle, 1).await;
        drop(handle);
        let handle: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
        change(&journal::path(&dir.path().join("orders"), id(1)));
        for _ in 0..2 {
            let seen = handle.get(id(1)).await;
            assert!(matches!(seen, Err(StateError::Corrupt { .. })), "{seen:?}");
        }
        assert_eq!(handle.list(&OrderQuery::default()).await.unwrap().damaged, [id(1)]);
    }
}

/// Orders are read, retried, written and ended at once, with no room for contents: nobody sees one as missing or damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_what_comes_and_goes_see_all_of_it() {
    let dir = scratch();
    let repository = FileRepository::open_with(dir.path(), "test", keeping(0)).unwrap();
    let handle: Arc<dyn StateRepository> = Arc::new(repository);
    for n in 1..5 {
        ended(&handle, n).await;
    }
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers = (0..4_u64).map(|reader| {
        let (handle, over) = (Arc::clone(&handle), Arc::clone(&over));
        tokio::spawn(async move {
            let mut n = reader;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                let order = id(n % 4 + 1);
                let seen = handle.get(order).await.unwrap().expect("it is there");
                let events = handle.events(order, EventSeq(0), usize::MAX).await.unwrap();
                assert!(events.len() as u64 >= seen.seq.0);
                tokio::task::yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for round in 2..22_u64 {
        for n in 1..5 {
            let seen = handle.get(id(n)).await.unwrap().unwrap();
            handle.update(id(n), &kit::retried(Change::if_unchanged(seen.seq), 0, 0)).await.unwrap();
            let mut owner = Owner::claiming(&handle, n, round).await;
            owner.finish("classify", u32::try_from(round).unwrap()).await;
            owner.end(AgentWorkOrderStatus::Failed).await;
        }
    }
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
