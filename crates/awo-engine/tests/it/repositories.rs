//! Configured repositories, and a catalog in which others write, too.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{CatalogError, EngineError, OrchestratorBuilder, RepositoryChange};
use awo_models::SandboxType;
use awo_state::{Catalog as _, ConfiguredRepository, InMemoryCatalog, MockCatalog, Versioned};
use awo_testkit::World;

const URL: &str = "https://example.org/owner/repo.git";

fn change() -> RepositoryChange {
    RepositoryChange { default_sandbox_type: Some(SandboxType::GitBranch), default_commands: None }
}

#[tokio::test]
async fn a_change_that_meets_another_is_decided_again_and_takes_nothing_back() {
    let world = World::new();
    let inner = InMemoryCatalog::default();
    let mut catalog = MockCatalog::new();
    let (reads, writes, other) = (inner.clone(), inner.clone(), std::sync::atomic::AtomicBool::new(true));
    catalog.expect_repositories().returning(move || futures_now(reads.repositories()));
    catalog.expect_put_repository().returning(move |repository, expected| {
        if expected.is_some() && other.swap(false, std::sync::atomic::Ordering::Relaxed) {
            let theirs = ConfiguredRepository { display_name: Some("theirs".into()), ..repository.clone() };
            let theirs = ConfiguredRepository { default_sandbox_type: SandboxType::GitWorktree, ..theirs };
            futures_now(writes.put_repository(theirs, expected)).unwrap();
        }
        futures_now(writes.put_repository(repository, expected))
    });
    let orchestrator = world.builder().with_catalog(Arc::new(catalog)).build();
    let work_orders = orchestrator.work_orders();
    let added = work_orders.add_repository(URL, true).await.unwrap();
    let changed = work_orders.change_repository(&added.id, &change()).await.unwrap();
    assert_eq!(changed.display_name.as_deref(), Some("theirs"));
    assert_eq!(changed.default_sandbox_type, SandboxType::GitBranch);
    let stored = inner.repositories().await.unwrap();
    assert_eq!(stored, [Versioned { version: 3, document: changed }]);
}

/// The answer of a catalog in memory, which does not wait.
fn futures_now<T>(asking: impl Future<Output = T>) -> T {
    let mut asking = std::pin::pin!(asking);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match asking.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => unreachable!("memory answers at once"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_does_not_answer_is_an_outage() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl awo_engine::Catalog for Silent {
        async fn repositories(&self) -> Result<Vec<Versioned<ConfiguredRepository>>, CatalogError> {
            std::future::pending().await
        }
        async fn put_repository(&self, _: ConfiguredRepository, _: Option<u64>) -> Result<u64, CatalogError> {
            std::future::pending().await
        }
        async fn delete_repository(&self, _: &str, _: u64) -> Result<(), CatalogError> {
            std::future::pending().await
        }
        async fn keys(&self) -> Result<Vec<Versioned<awo_state::ApiKey>>, CatalogError> {
            std::future::pending().await
        }
        async fn put_key(&self, _: awo_state::ApiKey, _: Option<u64>) -> Result<u64, CatalogError> {
            std::future::pending().await
        }
        async fn record(&self, _: &awo_state::AuditEntry) -> Result<(), CatalogError> {
            std::future::pending().await
        }
        async fn audit(&self, _: Option<u64>, _: usize) -> Result<awo_state::AuditPage, CatalogError> {
            std::future::pending().await
        }
    }
    let orchestrator = World::new().builder().with_catalog(Arc::new(Silent)).build();
    let work_orders = orchestrator.work_orders();
    let asking = tokio::time::timeout(Duration::from_mins(1), work_orders.repositories());
    let late = asking.await.expect("it is bounded").unwrap_err();
    assert!(matches!(&late, EngineError::Catalog(outage) if outage.is_outage()), "{late:?}");
    let adding = work_orders.add_repository(URL, false).await.unwrap_err();
    assert!(matches!(&adding, EngineError::Catalog(outage) if outage.is_outage()), "{adding:?}");
}

#[tokio::test]
async fn without_a_catalog_there_are_none_and_none_is_added() {
    let World { repository, artifacts, sandboxes, forge, .. } = World::new();
    let prompts = Arc::new(awo_testkit::PlainPrompts);
    let bare = OrchestratorBuilder::new(repository, Arc::new(artifacts), sandboxes, forge, prompts).build();
    let work_orders = bare.work_orders();
    assert_eq!(work_orders.repositories().await.unwrap(), []);
    assert!(matches!(work_orders.add_repository(URL, false).await, Err(EngineError::NoCatalog)));
}
