//! Word of changes that gets lost when the test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use awo_state::{ChangeFeed, Changed, Heard, Result, StateError};
use tokio::sync::Notify;

/// Wraps the word of changes that a process tells and hears.
#[derive(Debug)]
pub struct LossyChanges {
    inner: Arc<dyn ChangeFeed>,
    loses: AtomicBool,
    blind: AtomicBool,
    gap: Notify,
}

impl LossyChanges {
    /// Wraps word that comes through until it is told otherwise.
    pub fn new(inner: Arc<dyn ChangeFeed>) -> Arc<Self> {
        Arc::new(Self { inner, loses: AtomicBool::default(), blind: AtomicBool::default(), gap: Notify::default() })
    }

    /// Lets what is told from now on get lost, or not.
    pub fn lose(&self, loses: bool) {
        self.loses.store(loses, Ordering::Relaxed);
    }

    /// Lets the store tell no versions, or tell them.
    pub fn blind(&self, blind: bool) {
        self.blind.store(blind, Ordering::Relaxed);
    }

    /// Says that word may have been missed.
    pub fn say_gap(&self) {
        self.gap.notify_one();
    }
}

#[async_trait]
impl ChangeFeed for LossyChanges {
    async fn publish(&self, changed: &[Changed]) -> Result<()> {
        if self.loses.load(Ordering::Relaxed) { Ok(()) } else { self.inner.publish(changed).await }
    }

    async fn pass_on(&self, note: &str) -> Result<()> {
        if self.loses.load(Ordering::Relaxed) { Ok(()) } else { self.inner.pass_on(note).await }
    }

    async fn next(&self) -> Heard {
        tokio::select! {
            () = self.gap.notified() => Heard::Gap,
            heard = self.inner.next() => heard,
        }
    }

    async fn versions(&self, newest: usize) -> Result<Vec<Changed>> {
        if self.blind.load(Ordering::Relaxed) {
            return Err(StateError::Unavailable("the test says so".into()));
        }
        self.inner.versions(newest).await
    }
}
