//! The port for what is configured and is no order: repositories, API keys, and the record of who changed what.

use std::fmt::Debug;

use async_trait::async_trait;

mod address;
mod audit;
#[cfg(any(feature = "memory", feature = "file", feature = "postgres"))]
mod documents;
mod error;
mod key;
mod repository;
mod version;

pub use address::normalized_address;
pub use audit::{AuditEntry, AuditLine, AuditPage, CatalogBounds};
#[cfg(any(feature = "memory", feature = "file", feature = "postgres"))]
pub(crate) use documents::Documents;
pub use error::{CatalogError, CatalogResult};
pub use key::ApiKey;
pub use repository::ConfiguredRepository;
pub use version::Versioned;

/// Keeps configured repositories, API keys and the audit trail.
///
/// # Contract
/// - *Versioned*: each document has a version, 1 when it is new and one more with each put that changes it. A put says
///   which version it replaces (`None`: there must be none), and is [`Conflict`](CatalogError::Conflict) if another is
///   stored; then nothing is changed.
/// - *Sent again*: a put whose answer was lost may be sent again: if the document is already stored as the version that
///   the put would make, the answer is that version.
/// - *One address, one repository*: a repository whose address means the same as that of another
///   ([`normalized_address`]) is [`Exists`](CatalogError::Exists).
/// - *Acknowledged is stored*: when a write returns `Ok`, it survives what the backend says it survives.
/// - *Kinds are apart*: repositories, keys and audit entries can each be used while another is damaged. What is damaged
///   or was written by a newer version is left as it is.
/// - *Audit only grows*, and is bounded: when there are too many entries the oldest go.
///
/// Keys are data here: nothing is compared, hashed or allowed.
///
/// # Clone
/// Stores are handles: clones share their data.
///
/// # Cancellation
/// A dropped write is stored whole or not at all, perhaps later.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use awo_models::Timestamp;
/// use awo_state::{Catalog, CatalogError, ConfiguredRepository, InMemoryCatalog};
///
/// let (catalog, now) = (InMemoryCatalog::default(), Timestamp::from_second(1_700_000_000)?);
/// let first = ConfiguredRepository::new("r-1", "https://github.com/octo/repo", now);
/// assert_eq!(catalog.put_repository(first, None).await?, 1);
///
/// let same = ConfiguredRepository::new("r-2", "git@github.com:Octo/repo.git", now);
/// let exists = catalog.put_repository(same, None).await;
/// assert!(matches!(exists, Err(CatalogError::Exists { id }) if &*id == "r-1"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Catalog: Debug + Send + Sync + 'static {
    /// All configured repositories, in the order they were added.
    async fn repositories(&self) -> CatalogResult<Vec<Versioned<ConfiguredRepository>>>;

    /// Stores a repository in the place of its version `expected`; answers its new version.
    async fn put_repository(&self, repository: ConfiguredRepository, expected: Option<u64>) -> CatalogResult<u64>;

    /// Removes a repository that is at version `expected`; `NotFound` if there is none of that id.
    async fn delete_repository(&self, id: &str, expected: u64) -> CatalogResult<()>;

    /// All API keys, also those that are expired or revoked, in the order they were added.
    async fn keys(&self) -> CatalogResult<Vec<Versioned<ApiKey>>>;

    /// Stores a key in the place of its version `expected`; answers its new version. Keys are never removed: a revoked
    /// one stays, so that the audit trail can be read.
    async fn put_key(&self, key: ApiKey, expected: Option<u64>) -> CatalogResult<u64>;

    /// Adds an entry to the audit trail.
    async fn record(&self, entry: &AuditEntry) -> CatalogResult<()>;

    /// Up to `limit` audit entries, newest first, with numbers below `before` if that is given.
    async fn audit(&self, before: Option<u64>, limit: usize) -> CatalogResult<AuditPage>;
}
