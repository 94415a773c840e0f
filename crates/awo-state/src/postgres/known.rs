//! Results that this process has read or written, so that who looks again is sent what is new and nothing else.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use awo_models::{OrderId, StepExecutionResult, StepHistory};

/// Bytes that are remembered of all orders, and of one.
const MOST: usize = 64 << 20;
const MOST_OF_ONE: usize = 4 << 20;

/// The first results of orders that have not ended. A result that is stored never changes, so they are as good as the store's; whether an order
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
    /// Nothing is remembered of it, but that: so it is not weighed again with each save.
    is_too_large: bool,
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
        if results.is_empty() {
            return self.forget(id);
        }
        let mut table = self.table();
        let before = table.take(id);
        if before.is_too_large {
            return table.add(id, before);
        }
        let goes_on = before.results.digest(before.results.len()) == results.digest(before.results.len());
        // Of a history that goes on, only what is new is weighed.
        let weighed = if goes_on { before } else { Known::default() };
        let new = results.iter().skip(weighed.results.len());
        let bytes = weighed.bytes + new.map(|result| weight(result)).sum::<usize>();
        let known = if bytes > MOST_OF_ONE {
            Known { bytes: size_of::<Known>(), is_too_large: true, ..Known::default() }
        } else {
            Known { results: results.clone(), bytes, is_too_large: false }
        };
        table.add(id, known);
    }

    pub(super) fn forget(&self, id: OrderId) {
        self.table().take(id);
    }
}

impl Table {
    fn add(&mut self, id: OrderId, known: Known) {
        if self.bytes + known.bytes > MOST {
            *self = Self::default();
        }
        self.bytes += known.bytes;
        self.by_order.insert(id, known);
    }

    fn take(&mut self, id: OrderId) -> Known {
        let known = self.by_order.remove(&id).unwrap_or_default();
        self.bytes -= known.bytes;
        known
    }
}

/// About as many bytes as a result takes in memory: what it consists of, and all its texts.
fn weight(result: &StepExecutionResult) -> usize {
    let mut rest = Counted(0);
    // Which is by far the longest text, and need not be looked at.
    let others = StepExecutionResult { output: None, ..result.clone() };
    let counted = serde_json::to_writer(&mut rest, &others);
    debug_assert!(counted.is_ok(), "what is stored has a stored form");
    size_of::<StepExecutionResult>() + result.output.as_deref().map_or(0, str::len) + rest.0
}

/// Counts what is written, and keeps nothing.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
        let weight = |results: &StepHistory| results.iter().map(|result| weight(result)).sum::<usize>();
        known.put(id(1), &results(1, 1_000));
        known.put(id(1), &results(3, 1_000));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (3, weight(&results(3, 1_000))));
        known.put(id(1), &results(2, 500));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (2, weight(&results(2, 500))), "another history");
        known.put(id(1), &results(1, MOST_OF_ONE + 1));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (0, size_of::<Known>()), "too large");
        known.put(id(1), &results(1, 1_000));
        assert_eq!((known.of(id(1)).len(), known.table().bytes), (0, size_of::<Known>()), "and not weighed again");
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

    #[test]
    fn all_of_a_result_weighs() {
        let plain = kit::result("plan", 1, false);
        assert!(weight(&plain) >= size_of::<StepExecutionResult>(), "also one that says nothing");
        let told = StepExecutionResult { error_message: Some("x".repeat(9_000).into()), ..plain.clone() };
        assert!(weight(&told) >= size_of::<StepExecutionResult>() + 9_000);
    }
}
