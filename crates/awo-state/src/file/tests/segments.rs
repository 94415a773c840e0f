//! Logs and audit trails: every call of an append is made to fail, and files are read while they are rotated.

use super::*;
use crate::{
    AuditEntry, Catalog as _, CatalogBounds, CatalogError, FileCatalog, FileOrderLog, LogBounds, LogEntry, LogLevel,
    LogQuery, OrderLog as _,
};

const BOUNDS: LogBounds = LogBounds { lines: 6, bytes: 1 << 20 };

fn entry(n: u64) -> LogEntry {
    LogEntry::new(kit::at(n), LogLevel::Info, &format!("event_{n}"))
}

/// Numbers and events of a log, which has no damage.
async fn lines(log: &FileOrderLog) -> Vec<(u64, String)> {
    let page = log.read(id(1), &LogQuery::default()).await.unwrap();
    assert_eq!(page.damaged, 0);
    assert_eq!(page.dropped + page.total as u64, page.last);
    page.lines.iter().map(|line| (line.number, line.entry.event.to_string())).collect()
}

#[tokio::test]
async fn an_append_that_fails_leaves_the_log_as_it_was() {
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        for already in 0..5 {
            for at in 0.. {
                let dir = scratch();
                let sound = FileOrderLog::with_bounds(dir.path(), BOUNDS);
                for n in 1..=already {
                    sound.append(id(1), &[entry(n)]).await.unwrap();
                }
                let before = lines(&sound).await;
                let faulty = Faulty::new(at, false, fault);
                let log = FileOrderLog::on(Arc::clone(&faulty) as Arc<dyn Disk>, dir.path(), BOUNDS);
                let told = log.append(id(1), &[entry(already + 1), entry(already + 2)]).await;
                let failed = faulty.failed();
                let case = format!("{fault:?} of {at} {failed:?} after {already}: {told:?}");
                match told {
                    Err(StateError::Backend(_)) => assert_eq!(lines(&sound).await, before, "{case}"),
                    Err(StateError::Unavailable(_)) => assert!(lines(&sound).await.len() > before.len(), "{case}"),
                    other => other.unwrap(),
                }
                if failed.is_none() {
                    break;
                }
                // The same handle goes on, and numbers have no gaps.
                log.append(id(1), &[entry(100)]).await.unwrap();
                let after = lines(&log).await;
                assert_eq!(after.last().map(|(_, event)| event.as_str()), Some("event_100"), "{case}");
                assert!(after.windows(2).all(|two| two[0].0 + 1 == two[1].0), "{case}: {after:?}");
                assert_eq!(lines(&sound).await, after);
            }
        }
    }
}

#[tokio::test]
async fn an_append_costs_one_write_and_no_sync() {
    let dir = scratch();
    let faulty = Faulty::new(usize::MAX, false, Fault::Error);
    let log = FileOrderLog::on(Arc::clone(&faulty) as Arc<dyn Disk>, dir.path(), BOUNDS);
    log.append(id(1), &[entry(1)]).await.unwrap();
    faulty.calls.lock().unwrap().clear();
    log.append(id(1), &[entry(2), entry(3)]).await.unwrap();
    assert_eq!(faulty.calls.lock().unwrap().join(" "), "metadata open_append write");
}

#[tokio::test]
async fn a_file_cut_or_damaged_anywhere_costs_only_what_was_hit() {
    let dir = scratch();
    let log = FileOrderLog::with_bounds(dir.path(), BOUNDS);
    for n in 1..=5 {
        log.append(id(1), &[entry(n)]).await.unwrap(); // 1 to 3 in the older file, 4 and 5 in the newer
    }
    let all = lines(&log).await;
    let text = id(1).to_string();
    let newer = dir.path().join("logs").join(&text[text.len() - 2..]).join(format!("{text}.jsonl"));
    let whole = std::fs::read(&newer).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&newer, &whole[..length]).unwrap();
        let left = lines(&log).await;
        assert_eq!(left, all[..left.len()], "cut at {length}");
        let log = FileOrderLog::with_bounds(dir.path(), BOUNDS);
        log.append(id(1), &[entry(9)]).await.unwrap();
        let after = lines(&log).await;
        assert_eq!(after[..left.len()], left, "cut at {length}");
        assert_eq!(after[left.len()..], [(left.len() as u64 + 1, "event_9".to_owned())], "cut at {length}");
    }
    for place in 0..whole.len() {
        for bit in [0x01, 0x20, 0x40] {
            let mut damaged = whole.clone();
            damaged[place] ^= bit;
            std::fs::write(&newer, &damaged).unwrap();
            let log = FileOrderLog::with_bounds(dir.path(), BOUNDS);
            let page = log.read(id(1), &LogQuery::default()).await.unwrap();
            let hit = if whole[place] == b'\n' { 2 } else { 1 }; // two lines become one
            assert!(page.total >= 5 - hit, "hit at {place}: {page:?}");
            assert_eq!(page.dropped, 0);
            log.append(id(1), &[entry(9)]).await.unwrap();
            let page = log.read(id(1), &LogQuery::default()).await.unwrap();
            let numbers: Vec<_> = page.lines.iter().map(|line| line.number).collect();
            assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
            assert_eq!(page.last, page.total as u64 + page.damaged, "{page:?}");
            let kept = page.lines.iter().filter(|line| line.number <= 5 && *line.entry.event != *"event_9");
            for line in kept {
                assert_eq!(*line.entry.event, format!("event_{}", line.number));
            }
        }
    }
}

#[tokio::test]
async fn a_reader_sees_no_gap_while_files_are_rotated() {
    let dir = scratch();
    let writer = FileOrderLog::with_bounds(dir.path(), BOUNDS);
    let reader = FileOrderLog::with_bounds(dir.path(), BOUNDS);
    let writing = tokio::spawn(async move {
        for n in 1..=2_000 {
            writer.append(id(1), &[entry(n)]).await.unwrap();
        }
    });
    let mut newest = 0;
    loop {
        let over = writing.is_finished();
        let seen = lines(&reader).await;
        assert!(seen.iter().all(|(number, event)| *event == format!("event_{number}")));
        assert!(seen.windows(2).all(|two| two[0].0 + 1 == two[1].0), "{seen:?}");
        let last = seen.last().map_or(0, |(number, _)| *number);
        assert!(last >= newest, "nothing that was seen goes back");
        assert!(seen.len() as u64 >= last.min(BOUNDS.lines / 2), "the newer half is there: {seen:?}");
        newest = last;
        if over {
            break;
        }
    }
    writing.await.unwrap();
    assert_eq!(newest, 2_000);
}

#[tokio::test]
async fn a_log_that_somebody_else_changed_is_looked_at_anew() {
    let dir = scratch();
    let log = FileOrderLog::with_bounds(dir.path(), BOUNDS);
    let numbers = async |log: &FileOrderLog| lines(log).await.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    log.append(id(1), &[entry(1), entry(2)]).await.unwrap();
    let text = id(1).to_string();
    let path = dir.path().join("logs").join(&text[text.len() - 2..]).join(format!("{text}.jsonl"));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    log.append(id(1), &[entry(2)]).await.unwrap();
    assert_eq!(numbers(&log).await, [1, 2]);
    std::fs::remove_file(&path).unwrap();
    log.append(id(1), &[entry(1)]).await.unwrap();
    assert_eq!(numbers(&log).await, [1]);
}

#[tokio::test]
async fn a_newer_log_is_refused_untouched() {
    let dir = scratch();
    let log = FileOrderLog::new(dir.path());
    log.append(id(1), &[entry(1)]).await.unwrap();
    let text = id(1).to_string();
    let path = dir.path().join("logs").join(&text[text.len() - 2..]).join(format!("{text}.jsonl"));
    let newer = crate::file::line::encode(&serde_json::json!({"first": 1, "format": 7})).unwrap();
    std::fs::write(&path, &newer).unwrap();
    let log = FileOrderLog::new(dir.path());
    for refused in [log.append(id(1), &[entry(2)]).await, log.read(id(1), &LogQuery::default()).await.map(drop)] {
        assert!(matches!(refused, Err(StateError::UnsupportedVersion { found: 7, known: 1, .. })), "{refused:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), newer);
    log.delete(id(1)).await.unwrap();
    assert!(!path.exists());
}

fn called(n: u64) -> AuditEntry {
    AuditEntry {
        at: kit::at(n),
        who: "k1".into(),
        what: format!("call_{n}").into(),
        subject: None,
        result: "201".into(),
        request_id: None,
    }
}

#[tokio::test]
async fn an_audit_entry_that_was_answered_is_on_the_device() {
    let bounds = CatalogBounds { audit: 6 };
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        for already in 0..5 {
            for at in 0.. {
                let dir = scratch();
                let sound = FileCatalog::with_bounds(dir.path(), bounds);
                for n in 1..=already {
                    sound.record(&called(n)).await.unwrap();
                }
                let faulty = Faulty::new(at, false, fault);
                let catalog = FileCatalog::on(Arc::clone(&faulty) as Arc<dyn Disk>, dir.path(), bounds);
                let told = catalog.record(&called(already + 1)).await;
                let synced = faulty.calls.lock().unwrap().join(" ");
                faulty.cut_power();
                let page = FileCatalog::with_bounds(dir.path(), bounds).audit(None, 100).await.unwrap();
                let newest = page.lines.iter().map(|line| line.number).max().unwrap_or(0);
                match told {
                    Ok(()) => assert_eq!(newest, already + 1),
                    Err(CatalogError::Backend(_)) => assert_eq!(newest, already),
                    Err(CatalogError::Unavailable(_)) => {}
                    Err(other) => panic!("{other:?}"),
                }
                if faulty.failed().is_none() {
                    assert!(synced.ends_with(if already % 3 == 0 { "sync_all sync_dir" } else { "sync_data" }));
                    break;
                }
            }
        }
    }
}
