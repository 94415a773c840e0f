//! The port by which processes that share a store hear of each other's changes.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};

use crate::Result;

/// "This order is at least at this version now", or it is gone: then the number is above its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Changed {
    /// The order.
    pub order: OrderId,
    /// Its version.
    pub seq: EventSeq,
}

/// The longest note that is passed on, in bytes.
pub const NOTE_BYTES: usize = 7_000;

/// What a process hears of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Somebody passed this on.
    Note(Arc<str>),
    /// These orders have changed.
    Changed(Vec<Changed>),
    /// Word may have been missed: anything may have changed.
    Gap,
}

/// Tells the processes that share a store which orders have changed, so that whoever follows an order hears of it wherever it
/// runs. Each process has a handle of its own.
///
/// # Contract
/// - *Hints*: the truth is in the repository. Word may be lost, late or doubled, but it is never of what was not stored: who
///   hears it reads the order and finds that version, or a later one.
/// - *Of others*: a handle hears what other handles published, and not what it published itself.
/// - *Gaps are told*: where word may have been missed, as a connection was lost or the handle was slow, [`Heard::Gap`] says
///   so before anything later is told. Only what nobody can know of is not told, such as word that was never sent.
/// - *Notes are fleeting*: they may be lost like all word, nobody says so, and they are stored nowhere.
/// - *Versions are read*: [`versions`](Self::versions) asks the store itself, and so finds what no word came of.
///
/// # Cancellation
/// A dropped `publish` has told all of it, a part, or nothing. A dropped `next` has taken nothing.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> awo_state::Result<()> {
/// use awo_models::{EventSeq, OrderId};
/// use awo_state::{ChangeFeed, Changed, Heard, InMemory, InMemoryChanges};
///
/// let here = InMemoryChanges::of(&InMemory::default());
/// let elsewhere = here.another();
/// let change = Changed { order: OrderId::new(1_700_000_000_000, [7; 10]), seq: EventSeq(3) };
/// here.publish(&[change]).await?;
/// assert_eq!(elsewhere.next().await, Heard::Changed(vec![change]));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChangeFeed: Debug + Send + Sync + 'static {
    /// Tells all others. An outage means that some may not hear it.
    async fn publish(&self, changed: &[Changed]) -> Result<()>;

    /// Passes a note on to all others. One of more than [`NOTE_BYTES`] is [refused](crate::StateError::Refused).
    async fn pass_on(&self, note: &str) -> Result<()>;

    /// What others told since this was asked last, as soon as there is something. Waits where the way to them is lost, too.
    async fn next(&self) -> Heard;

    /// The present versions of all orders that have not ended, and of the newest orders, so many of these.
    async fn versions(&self, newest: usize) -> Result<Vec<Changed>>;
}

/// Whether a note can be passed on. Pure.
#[cfg(any(feature = "memory", feature = "postgres"))]
pub(crate) fn fits(note: &str) -> Result<()> {
    if note.len() <= NOTE_BYTES {
        Ok(())
    } else {
        Err(crate::StateError::Refused("a note is longer than what is passed on"))
    }
}
