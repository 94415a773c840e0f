//! One writer, any number of readers.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::{AgentWorkOrderStatus, EventSeq};
use awo_state::conformance::kit::{self, Owner, id, look};
use awo_state::{FileRepository, Holder, OpenError, OrderQuery, StateError, StateRepository};

use crate::fixtures::Files;

fn refused_by(opened: Result<FileRepository, OpenError>) -> (Holder, String) {
    match opened {
        Err(OpenError::Locked { ref holder, .. }) => (holder.clone(), opened.as_ref().unwrap_err().to_string()),
        other => panic!("expected Locked, got {other:?}"),
    }
}

#[test]
fn a_second_writer_is_told_who_is_the_first() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(FileRepository::holder(dir.path()).unwrap(), None, "nobody was ever here");
    let first = FileRepository::open(dir.path(), "awo serve").unwrap();
    let (holder, _) = refused_by(FileRepository::open(dir.path(), "awo run"));
    assert_eq!(holder.pid, Some(std::process::id()));
    assert_eq!((holder.address, &*holder.what), (None, "awo serve"));
    first.announce("http://127.0.0.1:8053").unwrap();
    let (holder, told) = refused_by(FileRepository::open(dir.path(), "awo run"));
    assert_eq!(FileRepository::holder(dir.path()).unwrap(), Some(holder));
    let told =
        told.replace(&dir.path().display().to_string(), "[dir]").replace(&std::process::id().to_string(), "[pid]");
    insta::assert_snapshot!(told, @"the data directory [dir] is in use by awo serve, process [pid], at http://127.0.0.1:8053; stop that process, send requests to it, or choose another directory");
    let clone = first.clone();
    drop(first);
    refused_by(FileRepository::open(dir.path(), "awo run"));
    drop(clone);
    assert_eq!(FileRepository::holder(dir.path()).unwrap(), None);
    FileRepository::open(dir.path(), "awo run").unwrap();
}

#[test]
fn what_a_dead_holder_left_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let left = r#"{"pid":1,"address":"http://127.0.0.1:1","what":"awo serve"}"#;
    fs::write(dir.path().join("LOCK"), left).unwrap();
    assert_eq!(FileRepository::holder(dir.path()).unwrap(), None);
    let repository = FileRepository::open(dir.path(), "awo serve").unwrap();
    let holder = FileRepository::holder(dir.path()).unwrap().unwrap();
    assert_eq!((holder.pid, holder.address), (Some(std::process::id()), None));
    drop(repository);
}

/// As when a server is killed between the fork and the start of a program.
#[test]
#[cfg(target_os = "linux")]
fn a_lock_that_outlives_its_dead_holder_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let left = format!(r#"{{"pid":{},"address":null,"what":"awo serve"}}"#, dead.id());
    fs::write(dir.path().join("LOCK"), left).unwrap();
    let copy = fs::File::open(dir.path().join("LOCK")).unwrap();
    copy.lock().unwrap();
    let child = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(copy);
    });
    FileRepository::open(dir.path(), "awo serve").unwrap();
    child.join().unwrap();
}

#[test]
fn who_only_looks_keeps_nobody_out() {
    let dir = &tempfile::tempdir().unwrap();
    drop(FileRepository::open(dir.path(), "test").unwrap());
    let looker = fs::File::open(dir.path().join("LOCK")).unwrap();
    for _ in 0..20 {
        looker.try_lock_shared().unwrap(); // as `holder` does, for an instant
        std::thread::scope(|scope| {
            let (begins, begun) = std::sync::mpsc::channel();
            let opened = scope.spawn(move || {
                begins.send(()).unwrap();
                FileRepository::open(dir.path(), "test").map(drop)
            });
            begun.recv().unwrap();
            looker.unlock().unwrap();
            opened.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_directory_that_cannot_be_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = FileRepository::open(&path, "test").unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(FileRepository::open_read_only(dir.path().join("missing")).is_err());
}

#[tokio::test]
async fn nobody_else_may_look_inside() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new/data");
    let repository: Arc<dyn StateRepository> = Arc::new(FileRepository::open(&dir, "test").unwrap());
    Owner::of_new(&repository, 1).await.finish("classify", 1).await;
    let mut left = vec![dir];
    while let Some(path) = left.pop() {
        let found = fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, expected, "{}", path.display());
        if found.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
    }
}

#[tokio::test]
async fn a_reader_sees_each_save_and_writes_nothing() {
    let files = Files::new();
    let writer = files.handle();
    let reader: Arc<dyn StateRepository> = Arc::new(FileRepository::open_read_only(files.dir.path()).unwrap());
    assert!(reader.get(id(1)).await.unwrap().is_none());
    assert_eq!(reader.list(&OrderQuery::default()).await.unwrap().total, 0);
    let mut owner = Owner::of_new(&writer, 1).await;
    writer.create(kit::order(2)).await.unwrap();
    for step in kit::SEVEN {
        owner.finish(step, 1).await;
        if step == "plan" {
            // What a list has read of an order is not all there is to it.
            assert_eq!(reader.list(&OrderQuery::default()).await.unwrap().total, 2);
        }
        assert_eq!(look(&reader, id(1)).await, look(&writer, id(1)).await);
    }
    let heard = owner.end(AgentWorkOrderStatus::Completed).await;
    let (seen, expected) =
        (reader.list(&OrderQuery::default()).await.unwrap(), writer.list(&OrderQuery::default()).await.unwrap());
    assert_eq!(format!("{seen:?}"), format!("{expected:?}"));

    let before = fs::read(files.journal(id(1))).unwrap();
    let change = kit::retried(awo_state::Change::if_unchanged(heard.seq), 7, 0);
    let answers = [
        reader.create(kit::order(3)).await.err(),
        reader.update(id(1), &change).await.err(),
        reader.save_step_history(id(1), &owner.history, &change).await.err(),
        reader.delete(id(1), heard.seq).await.err(),
    ];
    for answer in answers {
        assert!(matches!(answer, Some(StateError::Refused(_))), "{answer:?}");
    }
    assert_eq!(fs::read(files.journal(id(1))).unwrap(), before);

    writer.delete(id(1), heard.seq).await.unwrap();
    assert!(reader.get(id(1)).await.unwrap().is_none());
    assert_eq!(reader.list(&OrderQuery::default()).await.unwrap().total, 1);
}

#[tokio::test]
async fn a_reader_takes_a_record_that_is_being_written_for_not_yet_there() {
    let files = Files::new();
    let mut owner = Owner::of_new(&files.handle(), 1).await;
    let whole = files.journal(id(1));
    let before = fs::read(&whole).unwrap();
    let expected = look(&files.handle(), id(1)).await;
    owner.finish("classify", 1).await;
    let after = fs::read(&whole).unwrap();
    drop(owner);
    files.close().await;
    let reader: Arc<dyn StateRepository> = Arc::new(FileRepository::open_read_only(files.dir.path()).unwrap());
    fs::write(&whole, &before).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&whole).unwrap();
    for byte in &after[before.len()..after.len() - 1] {
        file.write_all(&[*byte]).unwrap();
        assert_eq!(look(&reader, id(1)).await, expected);
    }
    file.write_all(b"\n").unwrap();
    assert_eq!(look(&reader, id(1)).await.version.0, EventSeq(3));
    let names = fs::read_dir(whole.parent().unwrap()).unwrap().count();
    assert_eq!(names, 1, "a reader cuts nothing and keeps nothing aside");
}

#[tokio::test]
async fn a_reader_beside_a_busy_writer_sees_prefixes() {
    let files = Files::new();
    let writer = files.handle();
    let mut owner = Owner::of_new(&writer, 1).await;
    let dir = files.dir.path().to_owned();
    let over = Arc::new(AtomicBool::new(false));
    let all_saved = Arc::clone(&over);
    let reader = tokio::task::spawn(async move {
        let reader: Arc<dyn StateRepository> = Arc::new(FileRepository::open_read_only(dir).unwrap());
        let (mut last, mut looks_left) = (0, 1);
        while looks_left > 0 {
            if all_saved.load(Ordering::Relaxed) {
                looks_left -= 1;
            }
            let seen = reader.get(id(1)).await.unwrap().unwrap();
            assert!(seen.history.len() >= last);
            assert_eq!(seen.history.len(), seen.order.state.steps_completed);
            last = seen.history.len();
            let page = reader.list(&OrderQuery::default()).await.unwrap();
            assert_eq!((page.total, page.damaged.len()), (1, 0));
        }
        assert_eq!(last, 60);
    });
    for n in 1..=60 {
        owner.finish("implement", n).await;
    }
    over.store(true, Ordering::Relaxed);
    reader.await.unwrap();
}
