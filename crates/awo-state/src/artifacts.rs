//! The port for large things that belong to an order: transcripts, patches, whole outputs.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use awo_models::{ArtifactName, OrderId};

use crate::Result;

/// Keeps files of orders.
///
/// # Contract
/// - *Stored when it says so*: an artifact is durable before the record that names it.
/// - *Replaced whole*: putting a name again replaces it; a reader sees the old or the new, never a mix.
/// - *Apart*: orders do not see each other's artifacts.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use awo_models::{ArtifactName, OrderId};
/// use awo_state::{ArtifactContent, ArtifactStore, InMemoryArtifacts};
///
/// let (artifacts, order) = (InMemoryArtifacts::default(), OrderId::new(1_700_000_000_000, [7; 10]));
/// let name = ArtifactName::new("01-plan-1.output.txt")?;
/// artifacts.put(order, &name, ArtifactContent::Bytes(b"the plan".into())).await?;
/// assert_eq!(artifacts.list(order).await?, [name.clone()]);
/// assert_eq!(artifacts.get(order, &name).await?.as_deref(), Some(&b"the plan"[..]));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ArtifactStore: Debug + Send + Sync + 'static {
    /// Stores an artifact.
    async fn put(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> Result<()>;

    /// Reads an artifact; `None` if there is none of that name.
    async fn get(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>>;

    /// Names of an order's artifacts, sorted; empty for an unknown order.
    async fn list(&self, id: OrderId) -> Result<Vec<ArtifactName>>;

    /// Removes all artifacts of an order. No error if there are none.
    async fn delete_all(&self, id: OrderId) -> Result<()>;

    /// Orders that have artifacts, sorted.
    async fn orders(&self) -> Result<Vec<OrderId>>;

    /// Bytes of all artifacts of an order; 0 for an unknown order.
    async fn size(&self, id: OrderId) -> Result<u64>;
}

/// What to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is in this file; it is taken away.
    File(PathBuf),
}
