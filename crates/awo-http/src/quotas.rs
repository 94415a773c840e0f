//! How many orders of one key may be under way. Counted are those that this server was asked for with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_engine::EngineError;
use awo_models::{AgentWorkOrder, OrderId};

use crate::api::Api;
use crate::door::Caller;
use crate::problem::{Problem, ProblemType};

/// Seconds after which a client may try again.
const PAUSE: u32 = 30;

/// The orders that keys have under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quotas(Arc<Mutex<HashMap<Arc<str>, Orders>>>);

#[derive(Debug, Default)]
struct Orders {
    under_way: HashSet<OrderId>,
    /// Requests for one more that are not answered yet.
    asked: usize,
}

/// Room for one more order of a key. It is given back, unless there is one.
#[derive(Debug)]
pub(crate) struct Room {
    quotas: Quotas,
    key: Option<Arc<str>>,
}

impl Quotas {
    /// Room for one more order of who calls. Those that have ended make room; none is needed for one that is under way.
    pub(crate) async fn room(
        api: &Api,
        caller: &Caller,
        is_meant: impl Fn(&AgentWorkOrder) -> bool + Send,
    ) -> Result<Room, Problem> {
        let quotas = api.quotas.clone();
        let Some(key) = caller.key().cloned() else { return Ok(Room { quotas, key: None }) };
        let most = api.limits.max_orders_per_key;
        if !quotas.ask(&key, most) {
            let under_way: Vec<_> =
                quotas.all().get(&key).map_or_else(Vec::new, |o| o.under_way.iter().copied().collect());
            for id in under_way {
                match api.work_orders.get(id).await {
                    Ok(seen) if !seen.order.state.status.is_terminal() => {
                        if is_meant(&seen.order) {
                            return Ok(Room { quotas, key: None });
                        }
                    }
                    Ok(_) | Err(EngineError::NotFound(_)) => {
                        quotas.all().entry(Arc::clone(&key)).or_default().under_way.remove(&id);
                    }
                    Err(_) => {} // it counts until it can be seen
                }
            }
            if !quotas.ask(&key, most) {
                let detail =
                    format!("{most} orders of this key have not ended, and no more may be; wait, or cancel one");
                return Err(Problem::new(ProblemType::QuotaUsed, detail).retry_after(PAUSE));
            }
        }
        Ok(Room { quotas, key: Some(key) })
    }

    fn ask(&self, key: &Arc<str>, most: usize) -> bool {
        let mut all = self.all();
        let orders = all.entry(Arc::clone(key)).or_default();
        let free = orders.under_way.len() + orders.asked < most;
        orders.asked += usize::from(free);
        free
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Arc<str>, Orders>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// The order is there, or goes on.
    pub(crate) fn goes_to(self, id: OrderId) {
        if let Some(key) = &self.key {
            self.quotas.all().entry(Arc::clone(key)).or_default().under_way.insert(id);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(key) = &self.key
            && let Some(orders) = self.quotas.all().get_mut(key)
        {
            orders.asked -= 1;
        }
    }
}
