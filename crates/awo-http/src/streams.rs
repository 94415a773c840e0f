//! Live streams: what is sent, to how many, and how it is written.
//!
//! A stream is pulled: the next message is made when the client has taken the last one. So a client that does not read
//! costs a page of messages, whatever happens meanwhile; [`Server`](crate::Server) cuts it, and it resumes by its last id.

mod changes;
mod logs;
mod message;
mod order;
mod places;
mod socket;
mod sse;

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

pub(crate) use changes::ChangeFeed;
pub(crate) use logs::LogFeed;
pub(crate) use order::{Kinds, OrderFeed};
pub(crate) use places::{StreamPlace, StreamPlaces};
pub(crate) use socket::converse;
pub(crate) use sse::{last_event_id, stream};

use message::Message;

/// After so long without a message a sign of life is sent. Less than the idle time of common proxies.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// The store is looked at this often where no hint comes, as one may be lost; and where it did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Messages that are made at once.
const PAGE: usize = 100;

/// Where the messages of one stream come from.
pub(crate) trait Feed: Send + 'static {
    /// The next messages, at least one, as soon as there are any; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Vec<Message>>> + Send;
}

/// Waits for a hint that means something to whoever waits. One that was missed may have.
async fn heard<T: Copy>(hints: &mut Receiver<T>, matters: impl Fn(T) -> bool) {
    loop {
        match hints.recv().await {
            Ok(hint) if matters(hint) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Waits so long, or until the server closes.
async fn rest(closing: &CancellationToken, time: Duration) {
    let _ = tokio::time::timeout(time, closing.cancelled()).await;
}
