//! Where orders live: the [`StateRepository`] contract, every rule of it once ([`merge()`]), its backends, and the suite
//! that certifies a backend, ours or yours. Beside it the small stores: [`ArtifactStore`], [`OrderLog`], [`Catalog`]; and
//! [`Leases`], by which several workers share the orders, [`ChangeFeed`], by which they hear of each other, and [`ToldStore`],
//! which knows what those outside were told.
//!
//! *Invariant*: no wall clock (times are passed in), no process, no HTTP, nothing of the engine.
//! *Boundary*: a backend decides nothing. It loads a [`Head`] under its lock, calls [`merge()`], stores the [`Delta`] in
//! one atomic write and answers.
//!
//! Read in this order: [`StateRepository`], [`Change`] and [`Guard`], [`merge()`], then a backend.
//!
//! | feature | brings |
//! |---|---|
//! | `memory` | `InMemory`, for tests and for embedders that want no disk |
//! | `file` | `FileRepository`, one append-only journal an order, durable when a save returns |
//! | `postgres` | `PostgresRepository`, for several processes on several machines |
//! | `conformance` | `conformance`, the suite |
//! | `mock` | `MockStateRepository`, for tests of call order |

mod artifacts;
mod catalog;
mod change;
mod changes;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod extension;
#[cfg(feature = "file")]
mod file;
mod head;
mod leases;
#[cfg(feature = "memory")]
mod memory;
mod merge;
mod order_log;
#[cfg(feature = "postgres")]
mod postgres;
mod repository;
mod told;
mod transfer;

pub use artifacts::{ArtifactContent, ArtifactStore};
pub use catalog::{
    ApiKey, AuditEntry, AuditLine, AuditPage, Catalog, CatalogBounds, CatalogError, CatalogResult,
    ConfiguredRepository, Versioned, normalized_address,
};
pub use change::{Change, ClaimId, Guard, Recorded};
pub use changes::{ChangeFeed, Changed, Heard, NOTE_BYTES};
pub use error::{BoxError, Result, StateError};
pub use extension::StateRepositoryExt;
#[cfg(feature = "file")]
pub use file::{
    Durability, FileArtifacts, FileCatalog, FileFinding, FileFindingKind, FileOptions, FileOrderLog, FileRepository,
    Holder, OpenError, Salvaged, Verified,
};
pub use head::{Committed, Head};
pub use leases::{Fleet, LeaseLimits, LeasedOrder, Leases, Renewal, SeenWorker, Wants, Worker};
#[cfg(feature = "memory")]
pub use memory::{InMemory, InMemoryArtifacts, InMemoryCatalog, InMemoryChanges, InMemoryOrderLog, InMemoryTold};
pub use merge::{Delta, merge};
pub use order_log::{LogBounds, LogEntry, LogLevel, LogLine, LogPage, LogQuery, OrderLog, ParseLogLevelError};
#[cfg(feature = "postgres")]
pub use postgres::{
    Migrated, Postgres, PostgresArtifacts, PostgresCatalog, PostgresChanges, PostgresError, PostgresLeases,
    PostgresOptions, PostgresOrderLog, PostgresRepository, PostgresTold,
};
pub use repository::{OrderQuery, OrderRow, OrderSnapshot, Page, StateRepository};
pub use told::{Told, ToldStore};
pub use transfer::{StateTransfer, StoredOrder};

#[cfg(feature = "mock")]
pub use {
    artifacts::MockArtifactStore, catalog::MockCatalog, changes::MockChangeFeed, leases::MockLeases,
    order_log::MockOrderLog, repository::MockStateRepository, transfer::MockStateTransfer,
};
