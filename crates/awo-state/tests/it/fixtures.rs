//! Stores for the suite: in memory and in a directory that is removed afterwards.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use awo_models::OrderId;
use awo_state::conformance::{ArtifactFixture, ChangeFixture, Fixture, LeasesFixture, ToldFixture, TransferFixture};
use awo_state::{
    ArtifactStore, ChangeFeed, FileArtifacts, FileOptions, FileRepository, InMemory, InMemoryArtifacts,
    InMemoryChanges, InMemoryTold, Leases, StateRepository, StateTransfer, ToldStore,
};
use tempfile::TempDir;

#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) InMemory);

#[async_trait]
impl Fixture for Memory {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.0.clone())
    }
    async fn reopen(&self) -> Option<Arc<dyn StateRepository>> {
        None
    }
    async fn reopen_with_damage(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
        None
    }
    async fn reopen_with_newer_format(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
        None
    }
    async fn stored_bytes(&self, _: OrderId) -> Vec<u8> {
        Vec::new()
    }
}

#[derive(Debug)]
pub(crate) struct MemoryChanges(InMemory, InMemoryChanges);

impl MemoryChanges {
    pub(crate) fn new() -> Self {
        let store = InMemory::default();
        let changes = InMemoryChanges::of(&store);
        Self(store, changes)
    }
}

#[async_trait]
impl ChangeFixture for MemoryChanges {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.0.clone())
    }
    async fn changes(&self) -> Arc<dyn ChangeFeed> {
        Arc::new(self.1.another())
    }
}

#[derive(Debug, Default)]
pub(crate) struct MemoryTold(InMemoryTold);

#[async_trait]
impl ToldFixture for MemoryTold {
    async fn told(&self) -> Arc<dyn ToldStore> {
        Arc::new(self.0.another())
    }
}

#[async_trait]
impl LeasesFixture for Memory {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.0.clone())
    }
    async fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(self.0.clone())
    }
}

/// A data directory and the repository that is open on it.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) dir: TempDir,
    open: Mutex<Option<FileRepository>>,
    options: FileOptions,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self::with(FileOptions::default())
    }

    pub(crate) fn with(options: FileOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = FileRepository::open_with(dir.path(), "test", options.clone()).unwrap();
        Self { open: Mutex::new(Some(open)), dir, options }
    }

    pub(crate) fn handle(&self) -> Arc<dyn StateRepository> {
        Arc::new(self.open.lock().unwrap().clone().unwrap())
    }

    /// Gives the directory free. Other handles must be gone; writes that were given up end first.
    pub(crate) async fn close(&self) {
        drop(self.open.lock().unwrap().take());
        while FileRepository::holder(self.dir.path()).unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn open_again(&self) -> Arc<dyn StateRepository> {
        self.close().await;
        let again = FileRepository::open_with(self.dir.path(), "test", self.options.clone()).unwrap();
        *self.open.lock().unwrap() = Some(again);
        self.handle()
    }

    /// Goes on with the files as they are at this moment, as after a kill: the lock still names its holder. With `cut`,
    /// each journal ends with the beginning of a record, and a file that was being written lies beside it.
    pub(crate) async fn crash(&mut self, cut: bool) -> Arc<dyn StateRepository> {
        let after = tempfile::tempdir().unwrap();
        copy(self.dir.path(), after.path());
        assert!(std::fs::metadata(after.path().join("LOCK")).unwrap().len() > 0);
        let journals = || std::fs::read_dir(after.path().join("orders")).unwrap().map(|shard| shard.unwrap().path());
        for shard in journals().filter(|_| cut) {
            for journal in std::fs::read_dir(shard).unwrap().map(|file| file.unwrap().path()) {
                let mut bytes = std::fs::read(&journal).unwrap();
                let name = journal.file_name().unwrap().to_str().unwrap();
                let half = &bytes[..bytes.len() / 2];
                std::fs::write(journal.with_file_name(format!(".{name}.writing")), half).unwrap();
                bytes.extend_from_slice(br#"0c316cdf 600 save 7 {"head":{"seq":"#);
                std::fs::write(&journal, bytes).unwrap();
            }
        }
        self.close().await;
        self.dir = after;
        self.open_again().await
    }

    pub(crate) fn journal(&self, id: OrderId) -> PathBuf {
        journal(self.dir.path(), id)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Where the journal of an order is.
pub(crate) fn journal(dir: &Path, id: OrderId) -> PathBuf {
    let text = id.to_string();
    dir.join("orders").join(&text[text.len() - 2..]).join(format!("{text}.awoj"))
}

#[async_trait]
impl Fixture for Files {
    async fn repository(&self) -> Arc<dyn StateRepository> {
        self.handle()
    }
    async fn reopen(&self) -> Option<Arc<dyn StateRepository>> {
        Some(self.open_again().await)
    }
    async fn reopen_with_damage(&self, id: OrderId) -> Option<Arc<dyn StateRepository>> {
        self.close().await;
        let path = self.journal(id);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        Some(self.open_again().await)
    }
    async fn reopen_with_newer_format(&self, id: OrderId) -> Option<Arc<dyn StateRepository>> {
        self.close().await;
        let path = self.journal(id);
        let text = std::fs::read_to_string(&path).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        let first = with_checksum(&first[9..].replace(r#"{"format":1,"#, r#"{"format":7,"#));
        std::fs::write(&path, format!("{first}\n{rest}")).unwrap();
        Some(self.open_again().await)
    }
    async fn stored_bytes(&self, id: OrderId) -> Vec<u8> {
        std::fs::read(self.journal(id)).unwrap()
    }
}

/// A line of a journal, made sound.
pub(crate) fn with_checksum(rest: &str) -> String {
    format!("{:08x} {rest}", crc32fast::hash(rest.as_bytes()))
}

#[derive(Debug, Default)]
pub(crate) struct MemoryArtifacts(InMemoryArtifacts);

#[async_trait]
impl ArtifactFixture for MemoryArtifacts {
    async fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        Arc::new(self.0.clone())
    }
    async fn reopen(&self) -> Option<Arc<dyn ArtifactStore>> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct ArtifactFiles(pub(crate) TempDir);

#[async_trait]
impl ArtifactFixture for ArtifactFiles {
    async fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        Arc::new(FileArtifacts::new(self.0.path()))
    }
    async fn reopen(&self) -> Option<Arc<dyn ArtifactStore>> {
        Some(self.artifacts().await)
    }
}

/// A repository twice: to read and write, and to transfer with.
fn both<R: StateRepository + StateTransfer + Clone>(
    repository: &R,
) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
    (Arc::new(repository.clone()), Arc::new(repository.clone()))
}

#[derive(Debug, Default)]
pub(crate) struct TwoInMemory(InMemory, InMemory);

#[async_trait]
impl TransferFixture for TwoInMemory {
    async fn repository(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(&self.0)
    }
    async fn other(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(&self.1)
    }
    async fn reopen_other(&self) -> Option<Arc<dyn StateRepository>> {
        None
    }
}

#[derive(Debug)]
pub(crate) struct TwoDirectories(pub(crate) Files, pub(crate) Files);

#[async_trait]
impl TransferFixture for TwoDirectories {
    async fn repository(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(self.0.open.lock().unwrap().as_ref().unwrap())
    }
    async fn other(&self) -> (Arc<dyn StateRepository>, Arc<dyn StateTransfer>) {
        both(self.1.open.lock().unwrap().as_ref().unwrap())
    }
    async fn reopen_other(&self) -> Option<Arc<dyn StateRepository>> {
        Some(self.1.open_again().await)
    }
}
