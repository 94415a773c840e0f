//! How much each of many may ask: a minute's worth at once, and as much again in each minute. Pure but for its table.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// Those that are known at once. More of them share what one may ask.
const MOST: usize = 4_096;

/// One bucket each for those that ask. Times are those of a clock that never goes back.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    each: Duration,
    table: Mutex<Table<K>>,
}

/// Of each, until when what it has asked for is paid off; a full bucket has nothing to pay.
#[derive(Debug)]
struct Table<K> {
    paid: HashMap<K, Duration>,
    /// The same of all that found no place.
    others: Duration,
    swept: Duration,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(per_minute: u32) -> Self {
        let table = Table { paid: HashMap::new(), others: Duration::ZERO, swept: Duration::ZERO };
        Self { each: MINUTE / per_minute.max(1), table: Mutex::new(table) }
    }

    /// Takes one; else how long it is until there is one again.
    pub(crate) fn take(&self, who: K, now: Duration) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.paid.contains_key(&who);
        if !known && table.paid.len() >= MOST && table.swept + Duration::from_secs(1) <= now {
            table.swept = now;
            table.paid.retain(|_, paid| *paid > now);
        }
        let paid =
            if known || table.paid.len() < MOST { table.paid.entry(who).or_default() } else { &mut table.others };
        let next = (*paid).max(now) + self.each;
        match next.checked_sub(now + MINUTE) {
            None | Some(Duration::ZERO) => {
                *paid = next;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

/// Whole seconds to wait, for `Retry-After`.
pub(crate) fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_minutes_worth_at_once_and_then_as_fast_as_it_fills() {
        let buckets = Buckets::new(6);
        let granted = |now| (0..100).take_while(|_| buckets.take("a", at(now)).is_ok()).count();
        assert_eq!(granted(1_000), 6);
        assert_eq!(buckets.take("a", at(1_000)), Err(at(10)));
        assert!(buckets.take("b", at(1_000)).is_ok(), "it has its own");
        assert_eq!(granted(1_009), 0);
        assert_eq!(granted(1_010), 1);
        assert_eq!(granted(1_035), 2);
        assert_eq!(granted(9_999), 6);
    }

    #[test]
    fn many_take_no_more_room_and_share_what_is_left() {
        let buckets = Buckets::new(2);
        for n in 0..MOST {
            buckets.take(n, at(10)).unwrap();
        }
        assert!(buckets.take(MOST, at(10)).is_ok());
        assert!(buckets.take(MOST + 1, at(10)).is_ok());
        assert!(buckets.take(MOST + 2, at(10)).is_err(), "strangers have two in all");
        assert!(buckets.take(0, at(10)).is_ok(), "who was there before has what it had");
        let known = || buckets.table.lock().unwrap().paid.len();
        assert_eq!(known(), MOST);
        buckets.take(MOST + 3, at(1_000)).unwrap();
        assert_eq!(known(), 1, "who asks no more is forgotten");
    }

    #[test]
    fn a_pause_is_told_in_whole_seconds() {
        assert_eq!([0, 1, 1000, 1001].map(|ms| seconds(Duration::from_millis(ms))), [1, 1, 1, 2]);
    }
}
