//! The step history: a log that is written once and shared by all its readers.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

use crate::StepExecutionResult;

/// The results of an order so far, in order: an immutable snapshot.
///
/// Cloning and pushing cost O(1), whatever the length: clones share one write-once log and differ in length only, so a
/// snapshot never changes under its reader. [`StepHistory::digest`] answers "is this the same prefix?" in O(1) too.
///
/// ```
/// # use awo_models::StepHistory;
/// let history = StepHistory::default();
/// assert!(history.is_empty());
/// assert_eq!(history.digest(0), Some(0));
/// ```
#[derive(Clone, Default)]
pub struct StepHistory {
    log: Arc<Log>,
    len: usize,
}

impl StepHistory {
    /// Number of results.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no step has ended yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The result at a place, from 0.
    pub fn get(&self, index: usize) -> Option<&Arc<StepExecutionResult>> {
        if index >= self.len {
            return None;
        }
        self.log.slot(index).get().map(|s| &s.result)
    }

    /// The last result.
    pub fn last(&self) -> Option<&Arc<StepExecutionResult>> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All results, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<StepExecutionResult>> + ExactSizeIterator {
        (0..self.len).map(|i| self.get(i).unwrap_or_else(|| unreachable!("slots below the length are filled")))
    }

    /// Digest of the first `len` results: equal digests mean equal prefixes. Chained, kept with each result and never
    /// computed again. `None` past the end.
    pub fn digest(&self, len: usize) -> Option<u64> {
        match len.checked_sub(1) {
            None => Some(0),
            Some(last) if last < self.len => self.log.slot(last).get().map(|s| s.digest),
            Some(_) => None,
        }
    }

    /// The first `len` results (or all, if there are fewer), sharing the same log.
    #[must_use]
    pub fn prefix(&self, len: usize) -> Self {
        Self { log: Arc::clone(&self.log), len: len.min(self.len) }
    }

    /// Appends a result. If a clone has already grown differently, that one is left untouched and this one forks.
    pub fn push(&mut self, result: impl Into<Arc<StepExecutionResult>>) {
        let result = result.into();
        let before = self.digest(self.len).unwrap_or_else(|| unreachable!("the own length has a digest"));
        let slot = Slot { digest: chained(before, &result), result };
        if let Err(slot) = self.log.slot(self.len).set(slot) {
            self.log = Arc::new(self.log.fork(self.len, slot));
        }
        self.len += 1;
    }
}

impl fmt::Debug for StepHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for StepHistory {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl FromIterator<StepExecutionResult> for StepHistory {
    fn from_iter<I: IntoIterator<Item = StepExecutionResult>>(results: I) -> Self {
        let mut history = Self::default();
        for result in results {
            history.push(result);
        }
        history
    }
}

impl Serialize for StepHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for StepHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<StepExecutionResult>::deserialize(deserializer)?.into_iter().collect())
    }
}

struct Slot {
    result: Arc<StepExecutionResult>,
    digest: u64,
}

/// Slots that are written once, in segments of 8, 16, 32 …: a slot never moves, so readers need no lock.
#[derive(Default)]
struct Log {
    segments: [OnceLock<Box<[OnceLock<Slot>]>>; 28],
}

impl Log {
    fn slot(&self, index: usize) -> &OnceLock<Slot> {
        let place = index + 8;
        let segment = place.ilog2() as usize - 3;
        let slots = self.segments[segment].get_or_init(|| (0..8 << segment).map(|_| OnceLock::new()).collect());
        &slots[place - (8 << segment)]
    }

    /// A log of its own with the first `len` results of this one and another next one.
    fn fork(&self, len: usize, next: Slot) -> Self {
        let fork = Self::default();
        for index in 0..len {
            if let Some(slot) = self.slot(index).get() {
                let copy = Slot { result: Arc::clone(&slot.result), digest: slot.digest };
                assert!(fork.slot(index).set(copy).is_ok(), "a new log is empty");
            }
        }
        assert!(fork.slot(len).set(next).is_ok(), "a new log is empty");
        fork
    }
}

/// xxh3 over the digest before and the stored form (JSON) of the result. Persisted by backends, so it must not change.
fn chained(before: u64, result: &StepExecutionResult) -> u64 {
    struct Hashed(Xxh3);
    impl io::Write for Hashed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashed = Hashed(Xxh3::new());
    hashed.0.update(&before.to_le_bytes());
    serde_json::to_writer(&mut hashed, result).expect("results are plain data and the hasher takes all");
    hashed.0.digest()
}

#[cfg(test)]
mod tests;
