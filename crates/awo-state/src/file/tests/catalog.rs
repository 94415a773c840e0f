//! Every call of a put into the catalog is made to fail, the power cut afterwards or not.

use super::*;
use crate::{Catalog as _, CatalogBounds, CatalogError, ConfiguredRepository, FileCatalog};

fn repository(name: &str) -> ConfiguredRepository {
    let repository = ConfiguredRepository::new("r-1", "https://example.com/octo/repo", kit::at(1));
    ConfiguredRepository { display_name: Some(name.into()), ..repository }
}

async fn stored(dir: &Path) -> Option<(u64, ConfiguredRepository)> {
    let all = FileCatalog::new(dir).repositories().await.unwrap();
    all.into_iter().next().map(|there| (there.version, there.document))
}

#[tokio::test]
async fn a_put_that_fails_leaves_what_was_there_or_what_was_put() {
    for fault in [Fault::Error, Fault::Full, Fault::Half] {
        for (expected, power_cut) in [(None, false), (None, true), (Some(1), false), (Some(1), true)] {
            for at in 0.. {
                let dir = scratch();
                if expected.is_some() {
                    FileCatalog::new(dir.path()).put_repository(repository("old"), None).await.unwrap();
                }
                let before = stored(dir.path()).await;
                let faulty = Faulty::new(at, false, fault);
                let disk = Arc::clone(&faulty) as Arc<dyn Disk>;
                let catalog = FileCatalog::on(disk, dir.path(), CatalogBounds::default());
                let told = catalog.put_repository(repository("new"), expected).await;
                let case = format!("{fault:?} of {at} {:?}, {expected:?}, power cut: {power_cut}", faulty.failed());
                if power_cut {
                    faulty.cut_power();
                }
                let version = expected.unwrap_or(0) + 1;
                let put = Some((version, repository("new")));
                let found = stored(dir.path()).await;
                match told {
                    Ok(answer) => assert_eq!((answer, &found), (version, &put), "{case}"),
                    Err(CatalogError::Backend(_)) => assert_eq!(found, before, "{case}"),
                    Err(CatalogError::Unavailable(_)) => assert!([&before, &put].contains(&&found), "{case}"),
                    Err(other) => panic!("{case}: {other:?}"),
                }
                let sound = FileCatalog::new(dir.path());
                assert_eq!(sound.put_repository(repository("new"), expected).await.unwrap(), version, "{case}");
                sound.sweep().unwrap();
                assert_eq!(RealDisk.list(&dir.path().join("catalog")).unwrap().len(), 1, "{case}");
                if faulty.failed().is_none() {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_cut_write_left_is_swept() {
    let dir = scratch();
    let catalog = FileCatalog::new(dir.path());
    assert_eq!(catalog.sweep().unwrap(), 0);
    catalog.put_repository(repository("a"), None).await.unwrap();
    std::fs::write(dir.path().join("catalog/.repositories.json.writing"), b"half").unwrap();
    assert_eq!(catalog.sweep().unwrap(), 1);
    assert_eq!(stored(dir.path()).await, Some((1, repository("a"))));
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = scratch();
    let catalog = FileCatalog::new(dir.path());
    catalog.put_repository(repository("a"), None).await.unwrap();
    let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("catalog"), mode("catalog/repositories.json")), (0o700, 0o600));
    let log = crate::FileOrderLog::new(dir.path());
    let entry = crate::LogEntry::new(kit::at(1), crate::LogLevel::Info, "event");
    crate::OrderLog::append(&log, id(1), &[entry]).await.unwrap();
    let shard = id(1).tail()[6..].to_owned();
    assert_eq!((mode("logs"), mode(&format!("logs/{shard}/{}.jsonl", id(1)))), (0o700, 0o600));
}
