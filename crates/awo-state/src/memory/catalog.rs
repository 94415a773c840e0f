//! A catalog in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::catalog::Documents;
use crate::{
    ApiKey, AuditEntry, AuditLine, AuditPage, Catalog, CatalogBounds, CatalogResult, ConfiguredRepository, Versioned,
};

/// A catalog in memory. Clones share their data. Survives nothing.
#[derive(Debug, Clone, Default)]
pub struct InMemoryCatalog {
    shared: Arc<Mutex<All>>,
    bounds: CatalogBounds,
}

#[derive(Debug, Default)]
struct All {
    repositories: Documents<ConfiguredRepository>,
    keys: Documents<ApiKey>,
    audit: VecDeque<AuditLine>,
    last: u64,
}

impl InMemoryCatalog {
    /// Keeps so much.
    pub fn with_bounds(bounds: CatalogBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalog for InMemoryCatalog {
    async fn repositories(&self) -> CatalogResult<Vec<Versioned<ConfiguredRepository>>> {
        Ok(self.all().repositories.0.clone())
    }

    async fn put_repository(&self, repository: ConfiguredRepository, expected: Option<u64>) -> CatalogResult<u64> {
        self.all().repositories.put(repository, expected)
    }

    async fn delete_repository(&self, id: &str, expected: u64) -> CatalogResult<()> {
        self.all().repositories.delete(id, expected)
    }

    async fn keys(&self) -> CatalogResult<Vec<Versioned<ApiKey>>> {
        Ok(self.all().keys.0.clone())
    }

    async fn put_key(&self, key: ApiKey, expected: Option<u64>) -> CatalogResult<u64> {
        self.all().keys.put(key, expected)
    }

    async fn record(&self, entry: &AuditEntry) -> CatalogResult<()> {
        let mut all = self.all();
        all.last += 1;
        let line = AuditLine { number: all.last, entry: entry.clone() };
        all.audit.push_back(line);
        while all.audit.len() as u64 > self.bounds.audit.max(1) {
            all.audit.pop_front();
        }
        Ok(())
    }

    async fn audit(&self, before: Option<u64>, limit: usize) -> CatalogResult<AuditPage> {
        let all = self.all();
        let dropped = all.last - all.audit.len() as u64;
        Ok(AuditPage { dropped, ..AuditPage::of(all.audit.iter().rev().cloned(), before, limit) })
    }
}
