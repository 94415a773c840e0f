//! Spills in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use awo_engine::ports::{Spill, SpillStore};
use awo_models::{Failure, FailureCode, OrderId};

/// Keeps spills as long as the world lasts.
#[derive(Debug, Default)]
pub struct FakeSpills {
    kept: Mutex<BTreeMap<OrderId, Spill>>,
    aside: Mutex<Vec<Spill>>,
    /// Whether it keeps nothing, as if its disk were full too.
    pub is_full: Mutex<bool>,
    /// Orders of which it cannot tell what it has.
    pub unreadable: Mutex<Vec<OrderId>>,
    /// Whether it removes nothing.
    pub is_read_only: Mutex<bool>,
}

impl FakeSpills {
    /// What is kept of an order.
    pub fn kept(&self, order: OrderId) -> Option<Spill> {
        locked(&self.kept).get(&order).cloned()
    }

    /// Loses what is kept of an order.
    pub fn forget(&self, order: OrderId) {
        locked(&self.kept).remove(&order);
    }

    /// Keeps what somebody else kept.
    pub fn put_back(&self, spill: Spill) {
        locked(&self.kept).insert(spill.order, spill);
    }

    /// What was set aside, oldest first.
    pub fn aside(&self) -> Vec<Spill> {
        locked(&self.aside).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl SpillStore for FakeSpills {
    async fn keep(&self, spill: &Spill) -> Result<(), Failure> {
        if *locked(&self.is_full) {
            return Err(Failure::new(FailureCode::StoreUnavailable, "the test says so"));
        }
        locked(&self.kept).insert(spill.order, spill.clone());
        Ok(())
    }

    async fn find(&self, order: OrderId) -> Result<Option<Spill>, Failure> {
        if locked(&self.unreadable).contains(&order) {
            return Err(Failure::new(FailureCode::StoreUnavailable, "the test says so"));
        }
        Ok(self.kept(order))
    }

    async fn remove(&self, order: OrderId) -> Result<(), Failure> {
        if *locked(&self.is_read_only) {
            return Err(Failure::new(FailureCode::StoreUnavailable, "the test says so"));
        }
        locked(&self.kept).remove(&order);
        Ok(())
    }

    async fn set_aside(&self, order: OrderId) -> Result<(), Failure> {
        let taken = locked(&self.kept).remove(&order);
        locked(&self.aside).extend(taken);
        Ok(())
    }

    async fn orders(&self) -> Result<Vec<OrderId>, Failure> {
        Ok(locked(&self.kept).keys().copied().collect())
    }
}
