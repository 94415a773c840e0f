//! Hints that an order has changed. The truth is in the repository; a hint may be lost, never wrong.

use awo_models::{EventSeq, OrderId};
use tokio::sync::broadcast;

/// "This order is at least at this version now." Sent after the write was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The order.
    pub order: OrderId,
    /// Its version, or a larger one by now.
    pub seq: EventSeq,
}

#[derive(Debug)]
pub(crate) struct Hints {
    sender: broadcast::Sender<Hint>,
}

impl Hints {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { sender: broadcast::Sender::new(capacity) }
    }

    pub(crate) fn send(&self, order: OrderId, seq: EventSeq) {
        let _ = self.sender.send(Hint { order, seq }); // nobody listens: nobody needs it
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }
}
