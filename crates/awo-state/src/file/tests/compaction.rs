//! Journals that are made anew to save room: nothing that was acknowledged is lost whatever fails, and only long ones are.

use super::*;

fn compacting(compact_from: u64, compact_percent: u8) -> FileOptions {
    FileOptions { compact_from, compact_percent, ..FileOptions::default() }
}

/// The records of a journal: kind and number.
fn records(dir: &Path, n: u64) -> Vec<String> {
    let text = std::fs::read_to_string(journal::path(&dir.join("orders"), id(n))).unwrap();
    text.lines().map(|l| l.split(' ').skip(2).take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn a_failure_while_compacting_loses_nothing() {
    // Twice in the life: after the claim and when the file has doubled.
    let options = compacting(0, 0);
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        let calls = fail_at_every_place(false, fault, &options).await;
        let anew = ["remove", "create_new", "write", "sync_all", "rename", "sync_dir"];
        assert_eq!(calls[8..17], [&["open_append", "write", "sync_data"], &anew[..]].concat());
        assert!(calls.iter().filter(|call| **call == "rename").count() >= 3, "{calls:?}");
        fail_at_every_place(true, fault, &options).await;
    }
}

#[tokio::test]
async fn nothing_is_appended_to_a_file_whose_name_may_vanish() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    // The last call of the compaction after open (1), create (8) and the claim (3).
    let faulty = Faulty::new(1 + 8 + 3 + 5, false, Fault::Error);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(disk, dir.path(), "test", compacting(0, 0)).unwrap();
    let repository: Arc<dyn StateRepository> = Arc::new(repository);
    let mut owner = Owner::of_new(&repository, 1).await;
    assert_eq!(faulty.failed(), Some("sync_dir"), "and the claim was acknowledged all the same");
    owner.finish("classify", 1).await;
    let calls = faulty.calls.lock().unwrap()[18..].join(" ");
    assert_eq!(calls, "remove create_new write sync_all rename sync_dir");
    let before = look(&repository, id(1)).await;
    drop((repository, owner));
    faulty.cut_power();
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!(look(&repository, id(1)).await, before);
}

#[tokio::test]
async fn a_full_disk_leaves_the_long_file_in_use() {
    let dir = scratch();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    // The write of the compaction after the claim.
    let faulty = Faulty::new(1 + 8 + 3 + 2, false, Fault::Half);
    let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
    let repository = FileRepository::open_on(disk, dir.path(), "test", compacting(0, 0)).unwrap();
    let repository: Arc<dyn StateRepository> = Arc::new(repository);
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    let calls = faulty.calls.lock().unwrap()[12..].join(" ");
    assert_eq!(calls, "remove create_new write remove open_append write sync_data");
    assert_eq!(records(dir.path(), 1), ["order 1", "save 2", "save 3"]);
}

#[tokio::test]
async fn a_long_file_of_which_little_counts_is_made_anew() {
    let dir = scratch();
    let options = compacting(10_000, 40);
    let repository = FileRepository::open_with(dir.path(), "test", options).unwrap();
    let repository: Arc<dyn StateRepository> = Arc::new(repository);
    let mut notes = Owner::of_new(&repository, 1).await;
    let mut results = Owner::of_new(&repository, 2).await;
    for attempt in 1..60 {
        notes.change = kit::note(notes.change.clone());
        notes.save().await.unwrap();
        let output = Some("x".repeat(10_000).into());
        results.add(awo_models::StepExecutionResult { output, ..result("implement", attempt, true) });
        results.save().await.unwrap();
    }
    let found = records(dir.path(), 1);
    let (first, last) = (found[0].strip_prefix("order ").unwrap(), found.last().unwrap());
    let renumbered: u64 = first.parse().unwrap();
    assert!(renumbered > 1, "it was made anew: {found:?}");
    let numbers: Vec<_> = (renumbered + 1..).map(|n| format!("save {n}")).take(found.len() - 1).collect();
    assert_eq!(found[1..], numbers, "records are numbered on");
    assert!(last != "save 61", "a compaction has a number too");
    assert_eq!(records(dir.path(), 2)[..2], ["order 1", "save 2"], "results are not superseded: left as it is");
    let before = (look(&repository, id(1)).await, look(&repository, id(2)).await);
    before.0.check();
    drop((repository, notes, results));
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(dir.path(), "test").unwrap());
    assert_eq!((look(&repository, id(1)).await, look(&repository, id(2)).await), before);
}

/// Length of the only journal after create, claim and one step; what lists say of it; whether it was made anew.
async fn short_life(options: FileOptions) -> (u64, u64, bool) {
    let dir = scratch();
    let repository: Arc<dyn StateRepository> =
        Arc::new(FileRepository::open_with(dir.path(), "test", options).unwrap());
    Owner::of_new(&repository, 1).await.finish("classify", 1).await;
    let listed = repository.list(&OrderQuery::default()).await.unwrap().items[0].bytes;
    let length = std::fs::metadata(journal::path(&dir.path().join("orders"), id(1))).unwrap().len();
    (length, listed, records(dir.path(), 1) == ["order 4"])
}

#[tokio::test]
async fn a_file_is_made_anew_from_its_limits_on_and_lists_say_how_long_it_is() {
    let (long, listed, _) = short_life(compacting(u64::MAX, 0)).await;
    assert_eq!(listed, long);
    let (short, listed, made_anew) = short_life(compacting(long, 0)).await;
    assert_eq!((listed, made_anew), (short, true), "just long enough");
    assert_eq!(short_life(compacting(long + 1, 0)).await, (long, long, false));
    let saved = (long - short) * 100 / long;
    assert!((10..90).contains(&saved), "{long} → {short}");
    for percent in [saved - 5, saved - 1, saved + 2, saved + 5] {
        let (.., made_anew) = short_life(compacting(long, u8::try_from(percent).unwrap())).await;
        assert_eq!(made_anew, percent < saved, "{percent} of {saved} %");
    }
}
