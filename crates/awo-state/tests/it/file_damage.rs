//! Journals that were cut or changed: a cut record was never acknowledged, anything else is said to be damaged.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, OrderId};
use awo_state::conformance::kit::{self, Owner, Sight, id, look};
use awo_state::{FileFindingKind, FileRepository, OrderQuery, StateError, StateRepository};

use crate::fixtures::{journal, with_checksum};

/// What an order's readers saw after each of its records, and its journal.
struct Life {
    sights: Vec<Sight>,
    bytes: Vec<u8>,
}

impl Life {
    /// Created, claimed, one step, one more that ends it: four records.
    async fn new() -> Self {
        let dir = scratch();
        let repository = open(dir.path());
        let mut sights = Vec::new();
        repository.create(kit::order(1)).await.unwrap();
        sights.push(look(&repository, id(1)).await);
        let mut owner = Owner::claiming(&repository, 1, 1).await;
        sights.push(look(&repository, id(1)).await);
        owner.finish("classify", 1).await;
        sights.push(look(&repository, id(1)).await);
        owner.add(kit::result("plan", 1, false));
        owner.end(AgentWorkOrderStatus::Failed).await;
        sights.push(look(&repository, id(1)).await);
        let bytes = fs::read(journal(dir.path(), id(1))).unwrap();
        Self { sights, bytes }
    }

    /// Where each record ends.
    fn ends(&self) -> Vec<usize> {
        let line_ends = self.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
        line_ends.map(|(at, _)| at + 1).collect()
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.bytes.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// A directory in memory where there is one: these tests sync thousands of files, and cut no power.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &Path) -> Arc<dyn StateRepository> {
    Arc::new(FileRepository::open(dir, "test").unwrap())
}

fn put(dir: &Path, id: OrderId, bytes: &[u8]) {
    let path = journal(dir, id);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The order is named as damaged, answers so to everything, and its file stays as it is.
async fn check_damaged(dir: &Path, bytes: &[u8], case: &str) {
    put(dir, id(1), bytes);
    let repository = open(dir);
    // Some damage shows only when the results are read.
    let read = repository.get(id(1)).await;
    assert!(matches!(read, Err(StateError::Corrupt { id: named, .. }) if named == id(1)), "{case}: {read:?}");
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!((page.total, page.damaged), (0, vec![id(1)]), "{case}");
    let seq = awo_models::EventSeq(2);
    let write = repository.update(id(1), &kit::claim(seq, 9)).await;
    assert!(matches!(write, Err(StateError::Corrupt { .. })), "{case}: {write:?}");
    let delete = repository.delete(id(1), seq).await;
    assert!(matches!(delete, Err(StateError::Corrupt { .. })), "{case}: {delete:?}");
    let create = repository.create(kit::order(1)).await;
    assert!(matches!(create, Err(StateError::AlreadyExists(_))), "{case}: {create:?}");
    assert_eq!(fs::read(journal(dir, id(1))).unwrap(), bytes, "{case}: it is left as it is");
}

#[tokio::test]
async fn a_record_cut_at_any_byte_is_cut_off_and_kept_aside() {
    let life = Life::new().await;
    let ends = life.ends();
    let (from, to) = (ends[2], ends[3]);
    for cut in from + 1..to {
        let dir = scratch();
        put(dir.path(), id(1), &life.bytes[..cut]);
        let repository = open(dir.path());
        assert_eq!(look(&repository, id(1)).await, life.sights[2], "cut at {cut}");
        let path = journal(dir.path(), id(1));
        assert_eq!(fs::read(&path).unwrap(), &life.bytes[..from]);
        let aside = path.with_extension("awoj.torn-1");
        assert_eq!(fs::read(&aside).unwrap(), &life.bytes[from..cut], "nothing is thrown away");
        if cut % 64 == 0 {
            let mut owner = Owner::claiming(&repository, 1, 2).await;
            owner.finish("plan", 2).await;
            let heard = owner.end(AgentWorkOrderStatus::Failed).await;
            let seen = look(&repository, id(1)).await;
            drop((repository, owner));
            let repository = open(dir.path());
            assert_eq!(look(&repository, id(1)).await, seen, "and the order goes on");
            repository.delete(id(1), heard.seq).await.unwrap();
            assert!(!aside.exists(), "what was kept aside goes with the order");
        }
    }
}

#[tokio::test]
async fn a_change_of_any_byte_is_damage_and_touches_no_other_order() {
    let life = Life::new().await;
    let dir = scratch();
    put(dir.path(), id(1), &life.bytes);
    let repository = open(dir.path());
    let mut other = Owner::of_new(&repository, 257).await;
    other.finish("classify", 1).await;
    let expected = look(&repository, id(257)).await;
    drop((other, repository));
    for at in 0..life.bytes.len() {
        let mut bytes = life.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        put(dir.path(), id(1), &bytes);
        let looker: Arc<dyn StateRepository> = Arc::new(FileRepository::open_read_only(dir.path()).unwrap());
        for repository in [looker, open(dir.path())] {
            let read = repository.get(id(1)).await;
            assert!(matches!(read, Err(StateError::Corrupt { .. })), "byte {at}: {read:?}");
            assert_eq!(look(&repository, id(257)).await, expected, "byte {at}");
        }
        let findings = FileRepository::verify(dir.path()).unwrap().findings;
        let named: Vec<_> = findings.iter().map(|found| (found.kind, found.order)).collect();
        assert_eq!(named, [(FileFindingKind::Damaged, Some(id(1)))], "byte {at}");
        assert_eq!(fs::read(journal(dir.path(), id(1))).unwrap(), bytes, "byte {at}: it is left as it is");
    }
}

#[tokio::test]
async fn whatever_is_left_of_a_journal_is_a_prefix_or_damage() {
    let life = Life::new().await;
    let ends = life.ends();
    let dir = scratch();
    for cut in 0..=life.bytes.len() {
        let _ = fs::remove_dir_all(dir.path().join("orders"));
        let whole = ends.iter().filter(|end| **end <= cut).count();
        if let Some(last) = whole.checked_sub(1) {
            put(dir.path(), id(1), &life.bytes[..cut]);
            let repository = open(dir.path());
            assert_eq!(look(&repository, id(1)).await, life.sights[last], "cut at {cut}");
        } else {
            // The first record is there before its name is, so this was no crash.
            check_damaged(dir.path(), &life.bytes[..cut], "the first record is cut").await;
        }
    }
}

#[tokio::test]
async fn records_that_do_not_follow_each_other_are_damage() {
    let life = Life::new().await;
    let lines = life.lines();
    let text = |lines: &[&String]| lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect::<String>();
    let [a, b, c, d] = [&lines[0], &lines[1], &lines[2], &lines[3]];
    let forged_output = with_checksum(&c[9..].replace("classify 1", "classify 9"));
    let forged_status = with_checksum(&d[9..].replacen(r#""status":"failed""#, r#""status":"completed""#, 1));
    let shorter = with_checksum(&c[9..].replacen("classify 1", "classify", 1));
    let unknown = with_checksum(&c[9..].replacen("save", "sake", 1));
    let number_left_out = with_checksum(&d[9..].replacen("save 4", "save 5", 1));
    let empty = String::new();
    let cases = [
        ("no record", text(&[])),
        ("an empty line", text(&[&empty])),
        ("a missing record", text(&[a, b, d])),
        ("a record twice", text(&[a, b, b, c, d])),
        ("records in another order", text(&[a, c, b, d])),
        ("no first record", text(&[b, c, d])),
        ("two first records", text(&[a, a, b])),
        ("an empty line between", text(&[a, b, &empty, c, d])),
        ("a cut record in the middle", text(&[a, &b[..b.len() / 2].to_owned(), c])),
        ("a result that was changed with its checksum", text(&[a, b, &forged_output])),
        ("a status that was changed with its checksum", text(&[a, b, c, &forged_status])),
        ("a result that was shortened with its checksum", text(&[a, b, &shorter])),
        ("a number that was left out", text(&[a, b, c, &number_left_out])),
        ("a record of an unknown kind", text(&[a, b, &unknown, d])),
        ("something else after the end", text(&[a, b, c, d, &"\0\0\0".to_owned()])),
    ];
    let dir = scratch();
    for (case, text) in cases {
        check_damaged(dir.path(), text.as_bytes(), case).await;
    }
    // An order's journal under the name of another.
    put(dir.path(), id(2), &life.bytes);
    let read = open(dir.path()).get(id(2)).await;
    assert!(matches!(read, Err(StateError::Corrupt { .. })), "{read:?}");
}

#[tokio::test]
async fn the_error_says_what_is_wrong_and_where() {
    let life = Life::new().await;
    let dir = scratch();
    let mut bytes = life.bytes.clone();
    let at = life.ends()[1] + 40;
    bytes[at] ^= 1;
    put(dir.path(), id(1), &bytes);
    let error = open(dir.path()).get(id(1)).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let told = format!("{error}: {source}").replace(&life.ends()[1].to_string(), "[byte]");
    insta::assert_snapshot!(told, @"the stored data of order wo-018bcfe5680177078707070707070001 is damaged: record 3 (at byte [byte]): its checksum does not fit");
}

#[tokio::test]
async fn what_is_not_a_journal_is_left_alone_and_leftovers_are_removed() {
    let life = Life::new().await;
    let dir = scratch();
    put(dir.path(), id(1), &life.bytes);
    let path = journal(dir.path(), id(1));
    let shard = path.parent().unwrap();
    let leftover = shard.join(format!(".{}.awoj.writing", id(1)));
    fs::write(&leftover, &life.bytes[..100]).unwrap();
    let others = ["notes.txt", "wo-1.awoj", "..awoj"].map(|name| shard.join(name));
    for path in &others {
        fs::write(path, "mine").unwrap();
    }
    let elsewhere = dir.path().join("orders/zz").join(path.file_name().unwrap());
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    fs::copy(&path, &elsewhere).unwrap();
    let repository = open(dir.path());
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!((page.total, page.damaged), (1, Vec::new()));
    assert!(!leftover.exists());
    assert!(others.iter().chain([&elsewhere]).all(|path| path.exists()));
}

/// So many that several threads read them.
#[tokio::test]
async fn of_very_many_journals_each_is_found_as_it_is() {
    let dir = scratch();
    let repository = open(dir.path());
    let order = |n: u64| kit::order_with_key(n, &format!("key-{n}"));
    for n in 1..=1_100 {
        repository.create(order(n)).await.unwrap();
    }
    drop(repository);
    let damaged = [1_100, 700, 300, 1];
    for n in damaged {
        let path = journal(dir.path(), id(n));
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let repository = open(dir.path());
    let page = repository.list(&OrderQuery { limit: 2_000, ..OrderQuery::default() }).await.unwrap();
    assert_eq!(page.damaged, damaged.map(id));
    let sound: Vec<_> = (1..=1_100).rev().filter(|n| !damaged.contains(n)).map(id).collect();
    assert_eq!(page.items.iter().map(|row| row.order.agent_work_order_id).collect::<Vec<_>>(), sound);
    for n in (2..1_100).step_by(7).filter(|n| !damaged.contains(n)) {
        let spec = order(n).spec;
        let again = repository.create(awo_models::AgentWorkOrder::new(id(2_000), kit::at(0), (*spec).clone())).await;
        assert!(matches!(again, Err(StateError::AlreadyExists(first)) if first == id(n)), "key {n}: {again:?}");
    }
}
