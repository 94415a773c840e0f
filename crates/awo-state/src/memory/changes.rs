//! Word of changes among handles in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, broadcast};

use super::InMemory;
use crate::changes::fits;
use crate::{ChangeFeed, Changed, Heard, Result};

/// Publications that a slow handle may be behind before it is told of a gap.
const KEPT: usize = 256;

/// Word of changes of orders in memory, for several engines on one [`InMemory`].
#[derive(Debug)]
pub struct InMemoryChanges {
    store: InMemory,
    /// The number of this handle, and of the last one that was made.
    number: u64,
    last: Arc<AtomicU64>,
    told: broadcast::Sender<(u64, Heard)>,
    heard: Mutex<broadcast::Receiver<(u64, Heard)>>,
}

impl InMemoryChanges {
    /// The first handle on the changes of a store.
    pub fn of(store: &InMemory) -> Self {
        let (told, heard) = broadcast::channel(KEPT);
        Self { store: store.clone(), number: 0, last: Arc::default(), told, heard: Mutex::new(heard) }
    }

    /// A handle for another process: it hears what is told from now on.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            store: self.store.clone(),
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            last: Arc::clone(&self.last),
            told: self.told.clone(),
            heard: Mutex::new(self.told.subscribe()),
        }
    }
}

#[async_trait]
impl ChangeFeed for InMemoryChanges {
    async fn publish(&self, changed: &[Changed]) -> Result<()> {
        if !changed.is_empty() {
            let _ = self.told.send((self.number, Heard::Changed(changed.to_vec()))); // nobody listens: nobody needs it
        }
        Ok(())
    }

    async fn pass_on(&self, note: &str) -> Result<()> {
        fits(note)?;
        let _ = self.told.send((self.number, Heard::Note(note.into())));
        Ok(())
    }

    async fn next(&self) -> Heard {
        let mut heard = self.heard.lock().await;
        loop {
            match heard.recv().await {
                Ok((number, heard)) if number != self.number => return heard,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Heard::Gap,
                Err(RecvError::Closed) => std::future::pending().await, // not as long as we are here
            }
        }
    }

    async fn versions(&self, newest: usize) -> Result<Vec<Changed>> {
        let orders = self.store.orders();
        let newest_first = orders.by_id.iter().rev().enumerate();
        let asked = newest_first.filter(|(place, (_, stored))| *place < newest || !stored.head.status.is_terminal());
        Ok(asked.map(|(_, (id, stored))| Changed { order: *id, seq: stored.head.seq }).collect())
    }
}
