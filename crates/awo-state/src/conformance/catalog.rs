//! Clauses about catalogs.

use std::sync::Arc;

use awo_models::{SandboxType, StepName};

use super::CatalogFixture;
use super::kit::at;
use crate::{ApiKey, AuditEntry, Catalog, CatalogError, ConfiguredRepository};

fn repository(n: u64) -> ConfiguredRepository {
    ConfiguredRepository::new(&format!("r-{n}"), &format!("https://example.com/octo/{n}"), at(n))
}

fn key(n: u64) -> ApiKey {
    ApiKey {
        id: format!("k{n}").into(),
        name: "laptop \"of\"\nOcto\u{0}".into(),
        secret_sha256: "0123456789abcdef".repeat(4).into(),
        scopes: vec!["orders:read".into(), "admin".into()],
        created_at: at(n),
        expires_at: Some(at(n + 1)),
        revoked_at: None,
        last_used_at: None,
    }
}

fn called(n: u64) -> AuditEntry {
    let subject = (n.is_multiple_of(2)).then(|| format!("wo-{n}\n").into());
    AuditEntry {
        at: at(n),
        who: "k1".into(),
        what: "create_order".into(),
        subject,
        result: "201".into(),
        request_id: None,
    }
}

async fn ids(catalog: &Arc<dyn Catalog>) -> Vec<(String, u64)> {
    let all = catalog.repositories().await.unwrap();
    all.into_iter().map(|there| (there.document.id.to_string(), there.version)).collect()
}

async fn audit(catalog: &Arc<dyn Catalog>) -> Vec<u64> {
    let page = catalog.audit(None, usize::MAX).await.unwrap();
    for line in &page.lines {
        assert_eq!(line.entry, called(line.number));
    }
    page.lines.iter().map(|line| line.number).collect()
}

fn is_conflict<T>(answer: &Result<T, CatalogError>, at: Option<u64>) -> bool {
    matches!(answer, Err(CatalogError::Conflict { current }) if *current == at)
}

/// A document replaces the version it names, and no other.
pub async fn catalog_writes_are_guarded_by_versions(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    let changed = ConfiguredRepository { is_verified: true, ..repository(1) };
    assert!(is_conflict(&catalog.put_repository(repository(1), Some(1)).await, None));
    assert_eq!(catalog.put_repository(repository(1), None).await.unwrap(), 1);
    assert!(is_conflict(&catalog.put_repository(changed.clone(), None).await, Some(1)));
    assert!(is_conflict(&catalog.put_repository(changed.clone(), Some(2)).await, Some(1)));
    assert_eq!(catalog.put_repository(changed.clone(), Some(1)).await.unwrap(), 2);
    let third = ConfiguredRepository { default_commands: vec![StepName::new("planning").unwrap()], ..changed };
    assert_eq!(fixture.catalog().await.put_repository(third.clone(), Some(2)).await.unwrap(), 3);
    let all = catalog.repositories().await.unwrap();
    assert_eq!((all.len(), all[0].version, &all[0].document), (1, 3, &third));
    assert_eq!(catalog.put_key(key(1), None).await.unwrap(), 1);
    let revoked = ApiKey { revoked_at: Some(at(9)), ..key(1) };
    assert!(is_conflict(&catalog.put_key(revoked.clone(), None).await, Some(1)));
    assert_eq!(catalog.put_key(revoked.clone(), Some(1)).await.unwrap(), 2);
    assert_eq!(catalog.keys().await.unwrap()[0].document, revoked);
}

/// Of writers that replace the same version, one wins and the others are told.
pub async fn one_of_racing_catalog_writes_wins(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    catalog.put_repository(repository(1), None).await.unwrap();
    let racing = (0..8u64).map(|n| {
        let catalog = Arc::clone(&catalog);
        let mine = ConfiguredRepository { display_name: Some(format!("{n}").into()), ..repository(1) };
        tokio::spawn(async move { (catalog.put_repository(mine.clone(), Some(1)).await, mine) })
    });
    let mut winners = Vec::new();
    for writer in racing.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            (Ok(2), mine) => winners.push(mine),
            (answer, _) => assert!(is_conflict(&answer, Some(2)), "{answer:?}"),
        }
    }
    let all = catalog.repositories().await.unwrap();
    assert_eq!(winners, [all[0].document.clone()]);
}

/// A put that is sent again, because its answer was lost, is answered again.
pub async fn catalog_put_may_be_sent_again(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    for _ in 0..2 {
        assert_eq!(catalog.put_repository(repository(1), None).await.unwrap(), 1);
        assert_eq!(catalog.put_key(key(1), None).await.unwrap(), 1);
    }
    let changed = ConfiguredRepository { is_verified: true, ..repository(1) };
    for _ in 0..2 {
        assert_eq!(catalog.put_repository(changed.clone(), Some(1)).await.unwrap(), 2);
    }
    assert!(is_conflict(&catalog.put_repository(repository(1), None).await, Some(2)));
    assert_eq!(ids(&catalog).await, [("r-1".to_owned(), 2)]);
}

/// Two repositories never have the same address, however it is spelled.
pub async fn catalog_knows_an_address_once(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    let named = |id: &str, url: &str| ConfiguredRepository::new(id, url, at(1));
    let exists = |answer: &Result<u64, CatalogError>, by: &str| {
        assert!(matches!(answer, Err(CatalogError::Exists { id }) if **id == *by), "{answer:?}");
    };
    catalog.put_repository(named("a", "https://github.com/Octo/Repo.git"), None).await.unwrap();
    catalog.put_repository(named("b", "https://github.com/octo/other"), None).await.unwrap();
    for same in ["https://github.com/Octo/Repo.git", "git@github.com:octo/repo", "https://github.com/octo/repo/"] {
        exists(&catalog.put_repository(named("c", same), None).await, "a");
        exists(&catalog.put_repository(named("b", same), Some(1)).await, "a");
    }
    catalog.put_repository(named("a", "git@github.com:octo/repo"), Some(1)).await.unwrap();
    catalog.delete_repository("a", 2).await.unwrap();
    catalog.put_repository(named("c", "https://github.com/octo/repo"), None).await.unwrap();
    assert_eq!(ids(&catalog).await, [("b".to_owned(), 1), ("c".to_owned(), 1)], "in the order they were added");
}

/// A repository is removed if it is at the version the caller has seen.
pub async fn catalog_deletes_are_guarded_by_versions(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    let missing = catalog.delete_repository("r-1", 1).await;
    assert!(matches!(&missing, Err(CatalogError::NotFound { id }) if **id == *"r-1"), "{missing:?}");
    for n in 1..=3 {
        catalog.put_repository(repository(n), None).await.unwrap();
    }
    assert!(is_conflict(&catalog.delete_repository("r-2", 2).await, Some(1)));
    catalog.delete_repository("r-2", 1).await.unwrap();
    assert!(catalog.delete_repository("r-2", 1).await.is_err());
    assert_eq!(ids(&catalog).await, [("r-1".to_owned(), 1), ("r-3".to_owned(), 1)]);
}

/// Everything that was acknowledged is there after a restart, as it was.
pub async fn catalog_survives_reopen(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    let full = ConfiguredRepository {
        display_name: Some("Octo's\nrepository \u{1f980}\u{0}".into()),
        owner: Some("octo".into()),
        default_branch: Some("main".into()),
        is_verified: true,
        last_verified_at: Some(at(3)),
        default_sandbox_type: SandboxType::GitBranch,
        default_commands: vec![StepName::new("create-branch").unwrap()],
        updated_at: at(4),
        ..repository(2)
    };
    catalog.put_repository(repository(1), None).await.unwrap();
    catalog.put_repository(full.clone(), None).await.unwrap();
    catalog.delete_repository("r-1", 1).await.unwrap();
    catalog.put_key(key(1), None).await.unwrap();
    for n in 1..=3 {
        catalog.record(&called(n)).await.unwrap();
    }
    drop(catalog);
    let Some(catalog) = fixture.reopen().await else { return };
    let all = catalog.repositories().await.unwrap();
    assert_eq!((all.len(), all[0].version, &all[0].document), (1, 1, &full));
    assert_eq!(catalog.keys().await.unwrap()[0].document, key(1));
    assert_eq!(audit(&catalog).await, [3, 2, 1]);
    catalog.record(&called(4)).await.unwrap();
    assert_eq!(audit(&catalog).await, [4, 3, 2, 1]);
}

/// Audit entries are numbered, and read newest first in pages.
pub async fn audit_is_newest_first_and_pages(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    assert_eq!(catalog.audit(None, 10).await.unwrap(), crate::AuditPage::default());
    for n in 1..=5 {
        catalog.record(&called(n)).await.unwrap();
    }
    assert_eq!(audit(&fixture.catalog().await).await, [5, 4, 3, 2, 1]);
    let (mut before, mut seen) = (None, Vec::new());
    for expected in [vec![5, 4], vec![3, 2], vec![1]] {
        let page = catalog.audit(before, 2).await.unwrap();
        assert_eq!(page.lines.iter().map(|line| line.number).collect::<Vec<_>>(), expected);
        before = page.next;
        seen.push(before);
    }
    assert_eq!(seen, [Some(4), Some(2), None]);
}

/// When there are too many audit entries the oldest go, and the page says how many.
pub async fn audit_is_bounded(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    let most = fixture.bounds().audit;
    for n in 1..=most * 3 {
        catalog.record(&called(n)).await.unwrap();
    }
    let numbers = audit(&catalog).await;
    let kept = numbers.len() as u64;
    assert!(kept <= most && kept >= most / 2, "{kept} are kept");
    assert_eq!(numbers, (most * 3 - kept + 1..=most * 3).rev().collect::<Vec<_>>());
    assert_eq!(catalog.audit(None, 1).await.unwrap().dropped, most * 3 - kept);
}

/// A damaged kind says so, where it is and what to do, is left as it is and hinders no other kind.
pub async fn damaged_catalog_says_so(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    catalog.put_repository(repository(1), None).await.unwrap();
    catalog.put_key(key(1), None).await.unwrap();
    drop(catalog);
    let Some(catalog) = fixture.reopen_with_damaged_repositories().await else { return };
    let before = fixture.stored_repositories().await;
    for damaged in [
        catalog.repositories().await.map(drop),
        catalog.put_repository(repository(2), None).await.map(drop),
        catalog.delete_repository("r-1", 1).await,
    ] {
        assert!(matches!(damaged, Err(CatalogError::Corrupt { .. })), "{damaged:?}");
    }
    assert_eq!(fixture.stored_repositories().await, before, "it is left as it is");
    assert_eq!(catalog.keys().await.unwrap()[0].document, key(1));
    catalog.put_key(key(2), None).await.unwrap();
    catalog.record(&called(1)).await.unwrap();
    assert_eq!(audit(&catalog).await, [1]);
}

/// What a newer version wrote is refused and left as it is.
pub async fn newer_catalog_is_refused_untouched(fixture: &dyn CatalogFixture) {
    let catalog = fixture.catalog().await;
    catalog.put_repository(repository(1), None).await.unwrap();
    drop(catalog);
    let Some(catalog) = fixture.reopen_with_newer_repositories().await else { return };
    let before = fixture.stored_repositories().await;
    for newer in [catalog.repositories().await.map(drop), catalog.put_repository(repository(2), None).await.map(drop)] {
        assert!(matches!(newer, Err(CatalogError::UnsupportedVersion { .. })), "{newer:?}");
    }
    assert_eq!(fixture.stored_repositories().await, before, "it is left untouched");
}
