//! Logs and catalogs for the suite: in memory and in a directory that is removed afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::OrderId;
use awo_state::conformance::{CatalogFixture, OrderLogFixture};
use awo_state::{
    Catalog, CatalogBounds, FileCatalog, FileOrderLog, InMemoryCatalog, InMemoryOrderLog, LogBounds, OrderLog,
};
use tempfile::TempDir;

const LOG_BOUNDS: LogBounds = LogBounds { lines: 200, bytes: 256 * 1024 };
const CATALOG_BOUNDS: CatalogBounds = CatalogBounds { audit: 10 };

#[derive(Debug)]
pub(crate) struct MemoryLogs(InMemoryOrderLog);

impl MemoryLogs {
    pub(crate) fn new() -> Self {
        Self(InMemoryOrderLog::with_bounds(LOG_BOUNDS))
    }
}

#[async_trait]
impl OrderLogFixture for MemoryLogs {
    async fn order_log(&self) -> Arc<dyn OrderLog> {
        Arc::new(self.0.clone())
    }
    fn bounds(&self) -> LogBounds {
        LOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn OrderLog>> {
        None
    }
    async fn reopen_torn(&self, _: OrderId) -> Option<Arc<dyn OrderLog>> {
        None
    }
    async fn reopen_damaged(&self, _: OrderId, _: u64) -> Option<Arc<dyn OrderLog>> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct LogFiles {
    dir: TempDir,
    log: FileOrderLog,
}

impl LogFiles {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { log: FileOrderLog::with_bounds(dir.path(), LOG_BOUNDS), dir }
    }

    fn again(&self) -> Arc<dyn OrderLog> {
        Arc::new(FileOrderLog::with_bounds(self.dir.path(), LOG_BOUNDS))
    }
}

/// Where the newer file of a log is.
pub(crate) fn log_file(dir: &Path, id: OrderId) -> PathBuf {
    let text = id.to_string();
    dir.join("logs").join(&text[text.len() - 2..]).join(format!("{text}.jsonl"))
}

#[async_trait]
impl OrderLogFixture for LogFiles {
    async fn order_log(&self) -> Arc<dyn OrderLog> {
        Arc::new(self.log.clone())
    }
    fn bounds(&self) -> LogBounds {
        LOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn OrderLog>> {
        Some(self.again())
    }
    async fn reopen_torn(&self, id: OrderId) -> Option<Arc<dyn OrderLog>> {
        let path = log_file(self.dir.path(), id);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        Some(self.again())
    }
    async fn reopen_damaged(&self, id: OrderId, number: u64) -> Option<Arc<dyn OrderLog>> {
        let path = log_file(self.dir.path(), id);
        let text = std::fs::read_to_string(&path).unwrap();
        let event = format!("\"event_{number}\"");
        assert!(text.contains(&event), "the line is there");
        std::fs::write(&path, text.replace(&event, &event.to_uppercase())).unwrap();
        Some(self.again())
    }
}

#[derive(Debug)]
pub(crate) struct MemoryCatalog(InMemoryCatalog);

impl MemoryCatalog {
    pub(crate) fn new() -> Self {
        Self(InMemoryCatalog::with_bounds(CATALOG_BOUNDS))
    }
}

#[async_trait]
impl CatalogFixture for MemoryCatalog {
    async fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::new(self.0.clone())
    }
    fn bounds(&self) -> CatalogBounds {
        CATALOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn Catalog>> {
        None
    }
    async fn reopen_with_damaged_repositories(&self) -> Option<Arc<dyn Catalog>> {
        None
    }
    async fn reopen_with_newer_repositories(&self) -> Option<Arc<dyn Catalog>> {
        None
    }
    async fn stored_repositories(&self) -> Vec<u8> {
        Vec::new()
    }
}

#[derive(Debug)]
pub(crate) struct CatalogFiles {
    dir: TempDir,
    catalog: FileCatalog,
}

impl CatalogFiles {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { catalog: FileCatalog::with_bounds(dir.path(), CATALOG_BOUNDS), dir }
    }

    fn again(&self) -> Arc<dyn Catalog> {
        Arc::new(FileCatalog::with_bounds(self.dir.path(), CATALOG_BOUNDS))
    }

    fn repositories(&self) -> PathBuf {
        self.dir.path().join("catalog/repositories.json")
    }
}

/// A line that says its checksum, made sound.
pub(crate) fn sound(rest: &str) -> String {
    format!("{{\"crc\":\"{:08x}\",{rest}\n", crc32fast::hash(rest.as_bytes()))
}

#[async_trait]
impl CatalogFixture for CatalogFiles {
    async fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::new(self.catalog.clone())
    }
    fn bounds(&self) -> CatalogBounds {
        CATALOG_BOUNDS
    }
    async fn reopen(&self) -> Option<Arc<dyn Catalog>> {
        Some(self.again())
    }
    async fn reopen_with_damaged_repositories(&self) -> Option<Arc<dyn Catalog>> {
        let mut bytes = std::fs::read(self.repositories()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(self.repositories(), bytes).unwrap();
        Some(self.again())
    }
    async fn reopen_with_newer_repositories(&self) -> Option<Arc<dyn Catalog>> {
        let text = std::fs::read_to_string(self.repositories()).unwrap();
        let rest = text.trim_end()[r#"{"crc":"01234567","#.len()..].replace(r#""format":1"#, r#""format":7"#);
        std::fs::write(self.repositories(), sound(&rest)).unwrap();
        Some(self.again())
    }
    async fn stored_repositories(&self) -> Vec<u8> {
        std::fs::read(self.repositories()).unwrap()
    }
}
