//! Every call of a put is made to fail: there is the old artifact or the new one, and nothing that a sweep leaves.

use awo_models::ArtifactName;

use super::*;
use crate::{ArtifactContent, ArtifactStore as _, FileArtifacts};

const OLD: &[u8] = b"the old one";
const NEW: &[u8] = b"the new one, which is longer";

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in disk::listed(&RealDisk, dir).unwrap() {
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// What is put in, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Bytes,
    Moved,
    /// The rename of the handed-over file is refused, as between file systems.
    Copied,
}

fn content(way: Way, dir: &Path) -> ArtifactContent {
    if way == Way::Bytes {
        return ArtifactContent::Bytes(NEW.to_vec());
    }
    let path = dir.join("handed-over");
    std::fs::write(&path, NEW).unwrap();
    ArtifactContent::File(path)
}

/// Puts an artifact while the call fails; answers the calls that were made and what was told.
async fn put(way: Way, at: usize, forever: bool, fault: Fault, there_before: bool) -> (Arc<Faulty>, Result<()>) {
    let dir = scratch();
    let name = ArtifactName::new("patch").unwrap();
    let sound = FileArtifacts::new(dir.path());
    if there_before {
        sound.put(id(1), &name, ArtifactContent::Bytes(OLD.to_vec())).await.unwrap();
    }
    let faulty = Faulty::new(at, forever, fault);
    faulty.crosses_devices.store(way == Way::Copied, Ordering::Relaxed);
    let store = FileArtifacts::on(Arc::clone(&faulty) as Arc<dyn Disk>, dir.path());
    let told = store.put(id(1), &name, content(way, dir.path())).await;
    let case = format!("{way:?} {at} {forever} {fault:?} {there_before}: {:?} {told:?}", faulty.failed());

    let found = sound.get(id(1), &name).await.unwrap();
    let old = there_before.then_some(OLD);
    match &told {
        Ok(()) => assert_eq!(found.as_deref(), Some(NEW), "{case}"),
        Err(StateError::Backend(_)) => assert_eq!(found.as_deref(), old, "{case}: nothing is stored"),
        Err(StateError::Unavailable(_)) => assert!([old, Some(NEW)].contains(&found.as_deref()), "{case}"),
        Err(other) => panic!("{case}: {other}"),
    }
    sound.sweep().unwrap();
    let left = files_below(&dir.path().join("artifacts"));
    assert_eq!(left.len(), usize::from(found.is_some()), "{case}: {left:?}");
    assert_eq!(sound.list(id(1)).await.unwrap().len(), left.len(), "{case}");
    if way == Way::Bytes {
        sound.put(id(1), &name, ArtifactContent::Bytes(NEW.to_vec())).await.unwrap();
        assert_eq!(sound.get(id(1), &name).await.unwrap().as_deref(), Some(NEW), "{case}");
    } else if matches!(told, Err(StateError::Backend(_))) {
        // (What a failed sync has made of it is the device's doing.)
        let left = std::fs::read(dir.path().join("handed-over")).unwrap();
        assert_eq!(left.len(), NEW.len(), "{case}: the file is not taken away");
    }
    (faulty, told)
}

#[tokio::test]
async fn a_put_that_fails_leaves_the_old_artifact_or_the_new_one() {
    for (way, expected) in [
        (Way::Bytes, "create_new write sync_all rename sync_dir"),
        (Way::Moved, "metadata open_read make_private sync_all rename sync_dir"),
        (
            Way::Copied,
            "metadata open_read make_private sync_all rename create_new write sync_all rename sync_dir remove",
        ),
    ] {
        let (faulty, _) = put(way, usize::MAX, false, Fault::Error, true).await;
        assert_eq!(faulty.calls.lock().unwrap().join(" "), expected);
        for fault in [Fault::Error, Fault::Full, Fault::Half] {
            for (forever, there_before) in [(false, false), (false, true), (true, false), (true, true)] {
                for at in 0.. {
                    let (faulty, _) = put(way, at, forever, fault, there_before).await;
                    if faulty.failed().is_none() {
                        assert!(at >= expected.split(' ').count());
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_sweep_takes_cut_files_and_nothing_else() {
    let dir = scratch();
    let store = FileArtifacts::new(dir.path());
    assert_eq!(store.sweep().unwrap(), 0, "there is nothing yet");
    for order in [1, 2] {
        for name in ["patch", "a.writing"] {
            let content = ArtifactContent::Bytes(OLD.to_vec());
            store.put(id(order), &ArtifactName::new(name).unwrap(), content).await.unwrap();
        }
    }
    let before = files_below(dir.path());
    for cut in before.iter().map(|path| path.with_file_name(".4711-0.writing")) {
        std::fs::write(cut, b"half").unwrap();
    }
    assert_eq!(store.size(id(1)).await.unwrap(), 2 * OLD.len() as u64, "what was cut counts for nothing");
    std::fs::write(dir.path().join("artifacts/stray"), b"").unwrap();
    assert_eq!(store.sweep().unwrap(), 2);
    let mut after = files_below(dir.path());
    after.retain(|path| !path.ends_with("stray"));
    assert_eq!(after, before);
    assert_eq!(store.orders().await.unwrap(), [id(1), id(2)]);
}

#[tokio::test]
async fn a_deletion_that_failed_can_be_repeated() {
    for at in 0.. {
        let dir = scratch();
        let sound = FileArtifacts::new(dir.path());
        for name in ["a", "b"] {
            let content = ArtifactContent::Bytes(OLD.to_vec());
            sound.put(id(1), &ArtifactName::new(name).unwrap(), content).await.unwrap();
        }
        let faulty = Faulty::new(at, false, Fault::Error);
        let store = FileArtifacts::on(Arc::clone(&faulty) as Arc<dyn Disk>, dir.path());
        let first = store.delete_all(id(1)).await;
        let failed = faulty.failed().is_some();
        assert_eq!(first.is_err(), failed);
        if !failed {
            assert_eq!(faulty.calls.lock().unwrap().join(" "), "list remove remove remove_dir sync_dir");
            assert_eq!(sound.orders().await.unwrap(), []);
            break;
        }
        store.delete_all(id(1)).await.unwrap();
        assert_eq!(sound.orders().await.unwrap(), []);
    }
}
