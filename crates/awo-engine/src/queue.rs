//! The queue of this process: orders that are stored and wait for a free place. An order is in it once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::OrderId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

#[derive(Debug, Clone)]
pub(crate) struct QueueSender {
    sender: mpsc::Sender<OrderId>,
    waiting: Waiting,
}

#[derive(Debug)]
pub(crate) struct QueueReceiver {
    receiver: mpsc::Receiver<OrderId>,
    waiting: Waiting,
}

pub(crate) fn queue(capacity: usize) -> (QueueSender, QueueReceiver) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let waiting = Waiting::default();
    (QueueSender { sender, waiting: waiting.clone() }, QueueReceiver { receiver, waiting })
}

impl QueueSender {
    /// A place in the queue, taken before the order is stored, so that no stored order is refused.
    pub(crate) fn reserve(&self) -> Result<Place, TrySendError<()>> {
        match self.sender.clone().try_reserve_owned() {
            Ok(permit) => Ok(Place { permit, waiting: self.waiting.clone() }),
            Err(TrySendError::Full(_)) => Err(TrySendError::Full(())),
            Err(TrySendError::Closed(_)) => Err(TrySendError::Closed(())),
        }
    }

    /// Queues an order that is stored already, waiting for a place; false when the queue is closed.
    pub(crate) async fn push(&self, id: OrderId) -> bool {
        let Ok(permit) = self.sender.clone().reserve_owned().await else { return false };
        Place { permit, waiting: self.waiting.clone() }.send(id);
        true
    }

    pub(crate) fn queued(&self) -> usize {
        self.waiting.ids().len()
    }
}

impl QueueReceiver {
    pub(crate) async fn next(&mut self) -> Option<OrderId> {
        let id = self.receiver.recv().await?;
        self.waiting.ids().remove(&id);
        Some(id)
    }
}

/// A place in the queue. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    permit: mpsc::OwnedPermit<OrderId>,
    waiting: Waiting,
}

impl Place {
    /// Puts an order into it, unless the order waits already.
    pub(crate) fn send(self, id: OrderId) {
        if self.waiting.ids().insert(id) {
            self.permit.send(id);
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Waiting(Arc<Mutex<HashSet<OrderId>>>);

impl Waiting {
    fn ids(&self) -> MutexGuard<'_, HashSet<OrderId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
