//! Owns what was last seen of the disk that checkouts take: counted now and then in the background, so that whoever asks
//! never waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awo_models::{Failure, Timestamp};
use tracing::warn;

use crate::engine::Engine;

/// What was counted is good for so long; counting walks through all files.
const GOOD_FOR: Duration = Duration::from_mins(5);

/// What the checkouts take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// When it was counted.
    pub seen_at: Timestamp,
    /// Orders that have a checkout, or something left of one.
    pub orders: usize,
    /// Bytes of them, with what was kept of their states.
    pub bytes: u64,
}

/// What was counted last, and whether somebody counts.
#[derive(Debug, Default)]
pub(crate) struct SeenDisk(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    last: Option<DiskUse>,
    /// When the last count began.
    began: Option<Duration>,
    counting: bool,
}

impl SeenDisk {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to count. Who is told so has to, and is the only one.
    fn begin(&self, now: Duration) -> bool {
        let mut seen = self.seen();
        if seen.counting || seen.began.is_some_and(|before| now.saturating_sub(before) < GOOD_FOR) {
            return false;
        }
        (seen.counting, seen.began) = (true, Some(now));
        true
    }
}

/// What was counted last; `None` if nobody has yet. If that is old, it is counted again in the background.
pub(crate) fn last_seen(engine: &Arc<Engine>) -> Option<DiskUse> {
    if engine.seen_disk.begin(engine.clock.monotonic()) {
        let engine = Arc::clone(engine);
        tokio::spawn(async move {
            let _counting = Counting(&engine.seen_disk);
            match count(&engine).await {
                Ok(counted) => engine.seen_disk.seen().last = Some(counted),
                Err(failure) => warn!(reason = %failure, "disk_use_not_counted"),
            }
        });
    }
    engine.seen_disk.seen().last
}

async fn count(engine: &Engine) -> Result<DiskUse, Failure> {
    let orders = engine.sandboxes.orders().await?;
    let mut bytes = 0_u64;
    for id in &orders {
        bytes = bytes.saturating_add(engine.sandboxes.size(*id).await?);
    }
    Ok(DiskUse { seen_at: engine.clock.now(), orders: orders.len(), bytes })
}

/// A count that is under way, until this is dropped: also by a panic.
struct Counting<'a>(&'a SeenDisk);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.seen().counting = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counts_and_only_when_what_was_counted_is_old() {
        let seen = SeenDisk::default();
        let at = Duration::from_secs(1000);
        assert!(seen.begin(at));
        assert!(!seen.begin(at + GOOD_FOR), "somebody is counting");
        drop(Counting(&seen));
        assert!(!seen.begin(at + GOOD_FOR / 2));
        assert!(seen.begin(at + GOOD_FOR));
    }
}
