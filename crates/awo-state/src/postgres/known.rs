//! Results that this process has read or written, so that who looks again is sent what is new and nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use awo_models::{OrderId, StepHistory};

/// Bytes of outputs that are remembered of all orders, and of one.
const MOST: usize = 64 << 20;
const MOST_OF_ONE: usize = 4 << 20;

/// The first results of orders. A result that is stored never changes, so they are as good as the store's; whether an order
/// has only these, or these at all, is asked of the store each time.
#[derive(Debug, Default)]
pub(super) struct KnownResults(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_order: HashMap<OrderId, Known>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Known {
    results: StepHistory,
    bytes: usize,
}

impl KnownResults {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first results of an order; none if none are known.
    pub(super) fn of(&self, id: OrderId) -> StepHistory {
        self.table().by_order.get(&id).map(|known| known.results.clone()).unwrap_or_default()
    }

    /// Remembers the results of an order, as the store has them.
    pub(super) fn put(&self, id: OrderId, results: &StepHistory) {
        let mut table = self.table();
        let before = table.take(id);
        let goes_on = before.results.digest(before.results.len()) == results.digest(before.results.len());
        // Of a history that goes on, only what is new is weighed.
        let weighed = if goes_on { before } else { Known::default() };
        let new = results.iter().skip(weighed.results.len()).filter_map(|result| result.output.as_deref());
        let bytes = weighed.bytes + new.map(str::len).sum::<usize>();
        if results.is_empty() || bytes > MOST_OF_ONE {
            return;
        }
        if table.bytes + bytes > MOST {
            *table = Table::default();
        }
        table.bytes += bytes;
        table.by_order.insert(id, Known { results: results.clone(), bytes });
    }

    pub(super) fn forget(&self, id: OrderId) {
        self.table().take(id);
    }
}

impl Table {
    fn take(&mut self, id: OrderId) -> Known {
        let known = self.by_order.remove(&id).unwrap_or_default();
        self.bytes -= known.bytes;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::kit;

    fn results(count: u32, bytes: usize) -> StepHistory {
        let result = |attempt| {
            let output = "x".repeat(bytes).into();
            awo_models::StepExecutionResult { output: Some(output), ..kit::result("plan", attempt, false) }
        };
        (1..=count).map(result).collect()
    }

    #[test]
    fn what_is_remembered_is_bounded_and_counted_once() {
        let known = KnownResults::default();
        let id = kit::id;
        known.put(id(1), &results(1, 1_000));
        known.put(id(1), &results(3, 1_000));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (3, 3_000));
        known.put(id(1), &results(2, 500));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (2, 1_000), "another history");
        known.put(id(1), &results(1, MOST_OF_ONE + 1));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (0, 0), "too large");
        for number in 0..40 {
            known.put(id(number), &results(1, MOST_OF_ONE / 2));
            assert!(known.table().bytes <= MOST);
        }
        assert_eq!(known.of(id(39)).len(), 1);
        known.forget(id(39));
        assert_eq!(known.of(id(39)).len(), 0);
        let sum: usize = known.table().by_order.values().map(|known| known.bytes).sum();
        assert_eq!(known.table().bytes, sum);
    }
}
