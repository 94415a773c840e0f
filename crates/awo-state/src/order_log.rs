//! The port for what an order's work says about itself: structured log lines, for people.

use std::fmt::Debug;

use async_trait::async_trait;
use awo_models::OrderId;

use crate::Result;

mod bounds;
mod entry;
mod query;

pub use bounds::LogBounds;
pub use entry::{LogEntry, LogLevel, LogLine, ParseLogLevelError};
pub use query::{LogPage, LogQuery};

/// Keeps the log of each order.
///
/// A log tells a person what happened. Nothing is decided by it: what must not be lost is in the order's events.
///
/// # Contract
/// - *Numbered*: the store numbers the lines of an order 1, 2, 3 … without gaps, in the order they were appended, also
///   across restarts.
/// - *Survives a kill*: what was appended is there when the process ends, however it ends. After a power cut or a crash
///   of the system the last lines may be missing or damaged.
/// - *Bounded*: when an order has more lines or bytes than the store keeps of one, its oldest go;
///   [`LogPage::dropped`] says how many have gone.
/// - *Readable whatever happened to a line*: one whose write was cut is not there, and its number is used again. One that
///   is damaged is left out and counted in [`LogPage::damaged`].
/// - *Apart*: orders do not see each other's logs. The log of an unknown order is empty.
///
/// # Clone
/// Stores are handles: clones share their data.
///
/// # Cancellation
/// The lines of a dropped `append` are stored, perhaps later, or not.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use awo_models::{OrderId, Timestamp};
/// use awo_state::{InMemoryOrderLog, LogEntry, LogLevel, LogQuery, OrderLog};
///
/// let (log, order) = (InMemoryOrderLog::default(), OrderId::new(1_700_000_000_000, [7; 10]));
/// let now = Timestamp::from_second(1_700_000_000)?;
/// let started = LogEntry::new(now, LogLevel::Info, "step_started").with_field("step_number", 2);
/// log.append(order, &[started, LogEntry::new(now, LogLevel::Warning, "agent_silent")]).await?;
///
/// let warnings = LogQuery { levels: LogLevel::Warning.and_above(), ..LogQuery::default() };
/// let page = log.read(order, &warnings).await?;
/// assert_eq!((page.total, page.lines[0].number, &*page.lines[0].entry.event), (1, 2, "agent_silent"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait OrderLog: Debug + Send + Sync + 'static {
    /// Adds lines to the end of an order's log, in this order. `Refused` if one is larger than [`LogEntry::LARGEST`];
    /// then none is added.
    async fn append(&self, id: OrderId, entries: &[LogEntry]) -> Result<()>;

    /// Lines of an order, oldest first.
    async fn read(&self, id: OrderId, query: &LogQuery) -> Result<LogPage>;

    /// Removes the log of an order. No error if there is none. Numbers begin with 1 again.
    async fn delete(&self, id: OrderId) -> Result<()>;

    /// Orders that have a log, sorted.
    async fn orders(&self) -> Result<Vec<OrderId>>;

    /// Bytes that the log of an order takes in the store; 0 for an unknown order.
    async fn size(&self, id: OrderId) -> Result<u64>;
}
