//! What this process remembers of orders, so that a save need not ask first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::{AgentWorkOrder, OrderId};

use crate::Head;

/// As many orders are remembered.
const MOST: usize = 1_000;

/// An order as it was at some moment.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) head: Head,
    pub(super) order: Arc<AgentWorkOrder>,
}

/// Orders as this process has seen them last. Never believed: a write that was decided on one of these is guarded by its
/// version and epoch, and everything else that is decided on one is decided again on what is stored.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<OrderId, Standing>>);

impl Heads {
    fn all(&self) -> MutexGuard<'_, HashMap<OrderId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: OrderId) -> Option<Standing> {
        self.all().get(&id).cloned()
    }

    /// Remembers an order, unless a later version of it is known. One that has ended is rarely written again.
    pub(super) fn put(&self, id: OrderId, standing: Standing) {
        let mut all = self.all();
        if all.get(&id).is_some_and(|known| known.head.seq > standing.head.seq) {
            return;
        }
        if standing.head.status.is_terminal() {
            all.remove(&id);
            return;
        }
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(id, standing);
    }

    pub(super) fn forget(&self, id: OrderId) {
        self.all().remove(&id);
    }
}
