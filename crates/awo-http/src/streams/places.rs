//! How many streams there may be at once: in all, of one key, of one order.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use awo_models::OrderId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::Limits;
use crate::door::Caller;
use crate::figures::{Follow, Present};
use crate::problem::{Problem, ProblemType};

/// Seconds after which a client may ask for a place again.
const PAUSE: u32 = 5;

/// The places of streams. One is taken when a stream begins and free again when it ends, however it ends.
#[derive(Debug, Clone)]
pub(crate) struct StreamPlaces {
    places: Arc<Semaphore>,
    all: u32,
    of_keys: Arc<Counts<Arc<str>>>,
    of_orders: Arc<Counts<OrderId>>,
}

/// The place of one stream.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    _in_all: OwnedSemaphorePermit,
    _of_key: Option<Counted<Arc<str>>>,
    _of_order: Option<Counted<OrderId>>,
    _counted: Present,
}

impl StreamPlaces {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.max_streams as usize)),
            all: limits.max_streams,
            of_keys: Arc::new(Counts::new(limits.max_streams_per_key)),
            of_orders: Arc::new(Counts::new(limits.max_streams_per_order)),
        }
    }

    /// A place, if one is free for who calls, and for the order that is to be followed.
    pub(crate) fn take(&self, caller: &Caller, order: Option<OrderId>, how: Follow) -> Result<StreamPlace, Problem> {
        let key = caller
            .key()
            .map(|key| self.of_keys.take(Arc::clone(key)).ok_or_else(|| full(self.of_keys.most, "of this key ")));
        let order = order.map(|id| self.of_orders.take(id).ok_or_else(|| full(self.of_orders.most, "of this order ")));
        let in_all = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full(self.all, ""))?;
        Ok(StreamPlace {
            _in_all: in_all,
            _of_key: key.transpose()?,
            _of_order: order.transpose()?,
            _counted: Present::follower(how),
        })
    }

    /// Waits until every stream has ended.
    pub(crate) async fn all_free(&self) {
        let _ = self.places.acquire_many(self.all).await;
    }
}

fn full(most: impl Display, whose: &str) -> Problem {
    let detail = format!("{most} streams {whose}are open, and no more may be; close one, or poll instead");
    Problem::new(ProblemType::TooManyStreams, detail).retry_after(PAUSE)
}

/// So many of each at once.
#[derive(Debug)]
struct Counts<K: Eq + Hash> {
    most: u32,
    now: Mutex<HashMap<K, u32>>,
}

/// One that is counted as long as this lives.
#[derive(Debug)]
struct Counted<K: Eq + Hash> {
    counts: Arc<Counts<K>>,
    what: K,
}

impl<K: Eq + Hash + Clone> Counts<K> {
    fn new(most: u32) -> Self {
        Self { most, now: Mutex::default() }
    }

    fn take(self: &Arc<Self>, what: K) -> Option<Counted<K>> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let count = now.get(&what).copied().unwrap_or(0);
        (count < self.most).then(|| {
            now.insert(what.clone(), count + 1);
            Counted { counts: Arc::clone(self), what }
        })
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut now = self.counts.now.lock().unwrap_or_else(PoisonError::into_inner);
        match now.get_mut(&self.what) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                now.remove(&self.what);
            }
        }
    }
}
