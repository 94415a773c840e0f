//! The port to those who are told of orders.

use std::fmt::Debug;

use async_trait::async_trait;
use awo_models::{Failure, Notice, NoticeKind, Timestamp};

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
