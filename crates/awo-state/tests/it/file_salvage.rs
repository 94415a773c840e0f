//! Damaged journals that are mended: what was sound stays, what was not is kept aside, and nothing goes on silently.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, FailureCode};
use awo_state::conformance::kit::{self, Owner, Sight, id, look};
use awo_state::{FileFindingKind, FileRepository, OrderQuery, StateError, StateRepository, StateTransfer as _};

use crate::fixtures::{journal, with_checksum};

fn open(dir: &Path) -> (FileRepository, Arc<dyn StateRepository>) {
    let repository = FileRepository::open(dir, "test").unwrap();
    (repository.clone(), Arc::new(repository))
}

/// What readers saw after each record, and the journal: created, claimed, two steps, failed, retried, claimed again.
async fn life() -> (Vec<Sight>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let (_, handle) = open(dir.path());
    handle.create(kit::order_with_key(1, "k")).await.unwrap();
    let mut sights = vec![look(&handle, id(1)).await];
    let mut owner = Owner::claiming(&handle, 1, 1).await;
    sights.push(look(&handle, id(1)).await);
    for step in ["classify", "plan"] {
        owner.finish(step, 1).await;
        sights.push(look(&handle, id(1)).await);
    }
    owner.end(AgentWorkOrderStatus::Failed).await;
    sights.push(look(&handle, id(1)).await);
    let change = kit::retried(awo_state::Change::if_unchanged(sights[4].version.0), 0, 0);
    handle.update(id(1), &change).await.unwrap();
    sights.push(look(&handle, id(1)).await);
    Owner::claiming(&handle, 1, 2).await;
    sights.push(look(&handle, id(1)).await);
    (sights, fs::read(journal(dir.path(), id(1))).unwrap())
}

#[tokio::test]
async fn what_was_sound_before_the_damage_is_restored_and_ended() {
    let (sights, bytes) = life().await;
    let ends: Vec<_> = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    for (sound, begins) in (1..).zip(&ends[..ends.len() - 1]) {
        let dir = tempfile::tempdir().unwrap();
        let path = journal(dir.path(), id(1));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut damaged = bytes.clone();
        damaged[begins + 60] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let (repository, handle) = open(dir.path());
        let salvaged = repository.salvage(id(1), "the test", kit::at(50)).await.unwrap().unwrap();
        let before = &sights[sound - 1];
        let had_ended = before.order.state.status.is_terminal();
        assert_eq!((salvaged.records, salvaged.ended), (sound as u64, !had_ended));
        assert_eq!(fs::read(&salvaged.aside).unwrap(), damaged, "nothing is thrown away");
        assert!(salvaged.aside.to_str().unwrap().ends_with(".awoj.damaged-1"));
        let seen = look(&handle, id(1)).await;
        seen.check();
        repository.export(id(1)).await.unwrap().unwrap().check().unwrap();
        assert_eq!(seen.history, before.history);
        assert_eq!(seen.events[..before.events.len()], before.events[..]);
        if had_ended {
            assert_eq!(seen, *before);
        } else {
            let state = &seen.order.state;
            assert_eq!(
                (state.status, state.error_code),
                (AgentWorkOrderStatus::Failed, Some(FailureCode::ResultsLost))
            );
            let told = state.error_message.as_deref().unwrap();
            assert_eq!(told, format!("restored up to record {sound} by the test; later results are lost"));
            assert_eq!(
                (state.completed_at, seen.version.1.0),
                (Some(kit::at(50)), before.version.1.0 + 1),
                "owners are fenced"
            );
        }
        assert!(repository.salvage(id(1), "the test", kit::at(51)).await.unwrap().is_none(), "it is sound now");
        let again = handle.create(kit::order_with_key(2, "k")).await;
        assert!(
            matches!(again, Err(StateError::AlreadyExists(named)) if named == id(1)),
            "its key counts again: {again:?}"
        );
        drop((repository, handle));
        let (_, handle) = open(dir.path());
        assert_eq!(look(&handle, id(1)).await, seen);
        assert_eq!(handle.list(&OrderQuery::default()).await.unwrap().damaged, []);
        let change = kit::retried(awo_state::Change::if_unchanged(seen.version.0), 0, 0);
        handle.update(id(1), &change).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_saved_is_left_as_it_is() {
    let (_, bytes) = life().await;
    let text = String::from_utf8(bytes.clone()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let newer = with_checksum(&first[9..].replace(r#"{"format":1,"#, r#"{"format":7,"#));
    for (case, content) in
        [("no first record", format!("x{text}")), ("empty", String::new()), ("newer", format!("{newer}\n{rest}"))]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = journal(dir.path(), id(1));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &content).unwrap();
        let (repository, _) = open(dir.path());
        let refused = repository.salvage(id(1), "the test", kit::at(50)).await.unwrap_err();
        assert!(
            matches!(refused, StateError::Corrupt { .. } | StateError::UnsupportedVersion { .. }),
            "{case}: {refused:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{case}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "{case}: nothing is beside it");
    }
}

#[tokio::test]
async fn verifying_says_what_is_wrong_and_where_and_changes_nothing() {
    let (_, bytes) = life().await;
    let dir = tempfile::tempdir().unwrap();
    let end = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let put = |n: u64, content: &[u8]| {
        let path = journal(dir.path(), id(n));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = String::from_utf8_lossy(content).into_owned();
        let lines: Vec<_> = text
            .lines()
            .enumerate()
            .map(|(at, line)| match at {
                0 => with_checksum(&line[9..].replace(&id(1).to_string(), &id(n).to_string())),
                _ => line.to_owned(),
            })
            .collect();
        let mut text = lines.join("\n");
        if content.ends_with(b"\n") {
            text.push('\n');
        }
        fs::write(&path, text).unwrap();
        path
    };
    put(1, &bytes);
    let torn = put(2, &bytes[..end + 30]);
    let mut changed = bytes.clone();
    changed[end + 60] ^= 1;
    let damaged = put(3, &changed);
    let shard = damaged.parent().unwrap().to_owned();
    fs::write(shard.join(".x.awoj.writing"), "x").unwrap();
    fs::write(shard.join("notes.txt"), "x").unwrap();
    let files = || {
        let mut all: Vec<_> = fs::read_dir(&shard).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    let found = FileRepository::verify(dir.path()).unwrap();
    assert_eq!(found.sound, [id(1), id(2)]);
    let of = |kind| found.findings.iter().find(|finding| finding.kind == kind).unwrap();
    assert_eq!(found.findings.len(), 4, "{found:#?}");
    let wrong = of(FileFindingKind::Damaged);
    assert_eq!(
        (&wrong.path, wrong.order, wrong.record, wrong.byte),
        (&damaged, Some(id(3)), Some(2), Some(end as u64))
    );
    assert_eq!(wrong.message, "its checksum does not fit");
    let cut = of(FileFindingKind::TornTail);
    assert_eq!((&cut.path, cut.record, cut.byte), (&torn, Some(2), Some(end as u64)));
    assert!(of(FileFindingKind::LeftOver).path.ends_with(".x.awoj.writing"));
    assert!(of(FileFindingKind::Stray).path.ends_with("notes.txt"));
    assert_eq!(files(), before);
    assert!(!dir.path().join("LOCK").exists());
}
