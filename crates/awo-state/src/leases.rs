//! The port by which several workers share the orders of one repository: who may claim which order, and until when.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};

use crate::Result;

/// Deals the orders of a repository out to workers.
///
/// The orders themselves are the queue: one that is pending or running, not held, and without a living lease is free. So
/// whatever makes an order pending puts it in line, in the same commit, and nothing has to be kept in step.
///
/// # Contract
/// Each clause is a named test of the `conformance` suite.
/// - *One holder*: an order has one lease at most. It is given to one of those who race for it, and to nobody else before
///   it is released or has expired.
/// - *Held means held*: a claim of an order by anybody but the holder of its living lease is
///   [`StateError::Held`](crate::StateError::Held). The lease says who may claim; the epoch fences who writes. A claim that is
///   decided in the instant in which the lease is given may still be taken; then the holder's own claim fences it.
/// - *The store's clock*: a lease lives for so long after the store has given or renewed it. No clock of a worker counts. A
///   store that was away itself, so that nobody could renew, gives nothing that has expired to others before its holder had the
///   life of a lease to come back.
/// - *In line*: orders of a higher priority come first; of one priority those of the repository that has the fewest leases;
///   then the older ones.
/// - *Limits hold over all workers*: also for those who ask at the same time.
/// - *Labels*: an order is given to workers that have all labels it asks for.
/// - *Paused*: while the queue is paused no order is given. Leases that are there are renewed as ever.
///
/// # Clone
/// Implementations are handles: clones share their data.
///
/// # Cancellation
/// A dropped call is done whole or not at all, perhaps later. An order that was given by a dropped call is free again when
/// its lease has expired.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> awo_state::Result<()> {
/// use std::time::Duration;
/// use awo_state::{InMemory, Leases, Wants, Worker};
///
/// let (store, lease) = (InMemory::default(), Duration::from_secs(15));
/// let mine = store.acquire(&Worker::named("host-1"), &Wants::default(), lease).await?;
/// assert!(mine.is_empty(), "there is no order");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Leases: Debug + Send + Sync + 'static {
    /// Gives free orders to a worker, for so long.
    async fn acquire(&self, worker: &Worker, wants: &Wants, lease: Duration) -> Result<Vec<OrderId>>;

    /// Prolongs living leases of a worker, all at once, and says that the worker is alive. One that has expired is lost, also
    /// when nobody took it: somebody may have claimed the order since. What is answered of an order is what
    /// the store knows; of one that somebody else is busy with in this instant nothing is answered: ask again.
    async fn renew(&self, worker: &Worker, orders: &[OrderId], lease: Duration) -> Result<Vec<Renewal>>;

    /// Ends a lease of a worker. Does nothing if it has none on the order.
    async fn release(&self, worker: &str, order: OrderId) -> Result<()>;

    /// Forgets a worker, and ends all its leases.
    async fn leave(&self, worker: &str) -> Result<()>;

    /// Lets no order be given any more, or again.
    async fn pause(&self, paused: bool) -> Result<()>;

    /// The workers that were seen in the last day, by name, and whether the queue is paused.
    async fn fleet(&self) -> Result<Fleet>;
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, which no other process has or had. Its claims have the same.
    pub name: Arc<str>,
    /// The machine that it runs on.
    pub host: Arc<str>,
    /// Version of its program.
    pub version: Arc<str>,
    /// Labels that it has.
    pub labels: Vec<Arc<str>>,
    /// Orders that it runs at once.
    pub max_running: usize,
}

impl Worker {
    /// A worker of which no more is known than its name.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), host: "".into(), version: "".into(), labels: Vec::new(), max_running: 1 }
    }
}

/// Which orders a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// At most so many.
    pub at_most: usize,
    /// Whether orders are wanted whose lease has expired in the hands of somebody else. A worker that could not reach the
    /// store itself does not want them: their holders may only have had the same trouble.
    pub takes_over: bool,
    /// None of these.
    pub except: Vec<OrderId>,
    /// Limits over all workers.
    pub limits: LeaseLimits,
}

impl Default for Wants {
    fn default() -> Self {
        Self { at_most: 1, takes_over: true, except: Vec::new(), limits: LeaseLimits::default() }
    }
}

/// How many orders may have a living lease at once, whoever holds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaseLimits {
    /// Of one repository.
    pub per_repository: Option<usize>,
    /// Of one agent program.
    pub per_agent: Option<usize>,
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The order.
    pub order: OrderId,
    /// Where it stands; `None` if the lease is lost.
    pub mine: Option<LeasedOrder>,
}

/// Where an order stands, for its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedOrder {
    /// Its version.
    pub seq: EventSeq,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// Whether a prompt waits in it.
    pub prompt_waits: bool,
}

/// All workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// By name.
    pub workers: Vec<SeenWorker>,
    /// Whether no order is given.
    pub paused: bool,
}

/// A worker as the store saw it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenWorker {
    /// What it said of itself.
    pub worker: Worker,
    /// Time since it was heard of.
    pub unheard: Duration,
    /// Orders that it has a living lease on, sorted.
    pub orders: Vec<OrderId>,
}
