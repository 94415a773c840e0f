//! The ports to those who are told of orders, and to the memory of how far they were.

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;
use awo_models::{EventSeq, Failure, Notice, NoticeKind, OrderId, Timestamp};

/// Somebody outside who is told what happens to orders.
///
/// # Contract
/// - *Once*: each call tries once, within a bound of its own. Whether and when it is tried again is the engine's to say.
/// - *No secrets*: a failure names what went wrong and no key.
/// - *Wishes*: `until` of a failure says when the recipient wants to be told again. The engine bounds how long it waits.
///
/// # Cancellation
/// A dropped call has told or not.
#[async_trait]
pub trait Recipient: Debug + Send + Sync {
    /// Its name: another for each, and the same after a restart.
    fn name(&self) -> &str;

    /// Whether it wants to be told of this kind.
    fn wants(&self, kind: NoticeKind) -> bool;

    /// Tells it. `Ok` if it has taken what it was told.
    async fn tell(&self, notice: &Notice, now: Timestamp) -> Result<(), Failure>;
}

/// How far a recipient has been told of each order: the number of the last event.
pub type Told = HashMap<OrderId, EventSeq>;

/// Keeps in mind how far recipients have been told.
///
/// # Contract
/// - *Per recipient*: what is kept of one is apart from all others.
/// - *At least once*: what was noted may be forgotten by a crash of the system, and by that of the process only in part. It
///   is then told again.
#[async_trait]
pub trait ToldStore: Debug + Send + Sync {
    /// What is kept of a recipient; `None` if it never was told anything.
    async fn find(&self, recipient: &str) -> Result<Option<Told>, Failure>;

    /// Keeps this of a recipient and nothing else.
    async fn replace(&self, recipient: &str, told: &Told) -> Result<(), Failure>;

    /// Adds that a recipient was told of an order up to an event.
    async fn note(&self, recipient: &str, order: OrderId, seq: EventSeq) -> Result<(), Failure>;
}
