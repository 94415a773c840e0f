//! The port by which it is kept how far those outside were told of each order, and whose turn it is to tell them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};

use crate::Result;

/// How far a recipient has been told of each order: the number of the last event.
pub type Told = HashMap<OrderId, EventSeq>;

/// Keeps in mind how far recipients have been told, and which of the processes that share the orders tells them.
///
/// # Contract
/// - *Per recipient*: what is kept of one is apart from all others.
/// - *At least once*: what was noted may be forgotten by a crash of the system, and by that of the process only in part. It
///   is then told again.
/// - *One at a time*: while a handle has its turn with a recipient, no other handle gets one. Where the time of a turn is
///   over, anybody may have the next. A turn guards nothing: who lost one without knowing may tell what another one tells.
///
/// # Cancellation
/// A dropped call is done whole or not at all, perhaps later.
#[async_trait]
pub trait ToldStore: Debug + Send + Sync + 'static {
    /// What is kept of a recipient; `None` if it never was told anything.
    async fn find(&self, recipient: &str) -> Result<Option<Told>>;

    /// Keeps this of a recipient and nothing else.
    async fn replace(&self, recipient: &str, told: &Told) -> Result<()>;

    /// Adds that a recipient was told of an order up to an event.
    async fn note(&self, recipient: &str, order: OrderId, seq: EventSeq) -> Result<()>;

    /// Asks for the turn to tell a recipient, or prolongs it, for so long from now; whether it is this handle's.
    async fn take_turn(&self, recipient: &str, turn: Duration) -> Result<bool>;

    /// Ends the turn of this handle, if it has one.
    async fn end_turn(&self, recipient: &str) -> Result<()>;
}
