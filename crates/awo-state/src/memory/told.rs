//! How far recipients were told, in memory, and whose turn it is to tell them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use awo_models::{EventSeq, OrderId};
use tokio::time::Instant;

use crate::{Result, Told, ToldStore};

/// How far those outside were told, for several engines in one process. The default is the first handle on a store of its own.
#[derive(Debug, Default)]
pub struct InMemoryTold {
    /// The number of this handle, and of the last one that was made.
    number: u64,
    last: Arc<AtomicU64>,
    recipients: Arc<Mutex<HashMap<String, Kept>>>,
}

#[derive(Debug, Default)]
struct Kept {
    told: Option<Told>,
    /// The handle that has its turn, and until when.
    turn: Option<(u64, Instant)>,
}

impl InMemoryTold {
    /// A handle for another process.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            last: Arc::clone(&self.last),
            recipients: Arc::clone(&self.recipients),
        }
    }

    fn recipients(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.recipients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ToldStore for InMemoryTold {
    async fn find(&self, recipient: &str) -> Result<Option<Told>> {
        Ok(self.recipients().get(recipient).and_then(|kept| kept.told.clone()))
    }

    async fn replace(&self, recipient: &str, told: &Told) -> Result<()> {
        self.recipients().entry(recipient.to_owned()).or_default().told = Some(told.clone());
        Ok(())
    }

    async fn note(&self, recipient: &str, order: OrderId, seq: EventSeq) -> Result<()> {
        let mut recipients = self.recipients();
        let told = recipients.entry(recipient.to_owned()).or_default().told.get_or_insert_default();
        let last = told.entry(order).or_insert(seq);
        *last = seq.max(*last);
        Ok(())
    }

    async fn take_turn(&self, recipient: &str, turn: Duration) -> Result<bool> {
        let (mut recipients, now) = (self.recipients(), Instant::now());
        let kept = recipients.entry(recipient.to_owned()).or_default();
        let is_ours = kept.turn.is_none_or(|(number, until)| number == self.number || until <= now);
        if is_ours {
            kept.turn = Some((self.number, now + turn));
        }
        Ok(is_ours)
    }

    async fn end_turn(&self, recipient: &str) -> Result<()> {
        if let Some(kept) = self.recipients().get_mut(recipient) {
            kept.turn.take_if(|(number, _)| *number == self.number);
        }
        Ok(())
    }
}
