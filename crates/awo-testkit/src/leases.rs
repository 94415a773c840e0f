//! Leases that fail, or answer late, for one worker when the test says so, as they do when it is cut off from the store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use awo_models::OrderId;
use awo_state::{Fleet, Leases, Renewal, Result, StateError, Wants, Worker};

use crate::Fault;

/// Wraps leases; all calls go as the fault says that is set.
#[derive(Debug)]
pub struct FailingLeases {
    inner: Arc<dyn Leases>,
    fault: Mutex<Fault>,
    slow_by: Mutex<Duration>,
    asked: AtomicUsize,
}

impl FailingLeases {
    /// Wraps leases that do not fail until they are told.
    pub fn new(inner: Arc<dyn Leases>) -> Self {
        Self { inner, fault: Mutex::new(Fault::None), slow_by: Mutex::default(), asked: AtomicUsize::default() }
    }

    /// Lets the answer take so long when orders are asked for.
    pub fn slow_down(&self, by: Duration) {
        *self.slow_by.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// How often orders were asked for.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Sets how calls go from now on: [`Fault::Before`], [`Fault::After`] and [`Fault::Hang`] are outages.
    pub fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    async fn call<T: Send>(&self, calling: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Fault::After => {
                calling.await?;
            }
            Fault::Hang => std::future::pending().await,
            Fault::Before => {}
            _ => return calling.await,
        }
        Err(StateError::Unavailable("the test says so".into()))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Leases for FailingLeases {
    async fn acquire(&self, worker: &Worker, wants: &Wants, lease: Duration) -> Result<Vec<OrderId>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let slow_by = *self.slow_by.lock().unwrap_or_else(PoisonError::into_inner);
        let given = self.call(self.inner.acquire(worker, wants, lease)).await;
        tokio::time::sleep(slow_by).await;
        given
    }

    async fn renew(&self, worker: &Worker, orders: &[OrderId], lease: Duration) -> Result<Vec<Renewal>> {
        self.call(self.inner.renew(worker, orders, lease)).await
    }

    async fn release(&self, worker: &str, order: OrderId) -> Result<()> {
        self.call(self.inner.release(worker, order)).await
    }

    async fn leave(&self, worker: &str) -> Result<()> {
        self.call(self.inner.leave(worker)).await
    }

    async fn pause(&self, paused: bool) -> Result<()> {
        self.call(self.inner.pause(paused)).await
    }

    async fn fleet(&self) -> Result<Fleet> {
        self.call(self.inner.fleet()).await
    }
}
