//! The other processes on a store that several share: what they change is hinted at here, so that whoever follows an order
//! hears of it wherever it runs, and what is changed here they are told.
//!
//! Word of them may be lost. So the store is asked now and then which versions there are, and whatever no word came of is
//! hinted at then. What is hinted at is always read from the store by who needs it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{EventSeq, OrderId};
use awo_state::{ChangeFeed, Changed, Heard};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use crate::engine::Engine;
use crate::live::StopReason;
use crate::recorder::describe;
use crate::{statistics, watching};

/// What is changed within this time is told at once.
const TOGETHER: Duration = Duration::from_millis(20);
/// How often the store is asked for what no word came of.
const LOOK: Duration = Duration::from_millis(1500);
/// New orders whose versions are asked for also when they have ended.
const NEWEST: usize = 100;
/// Orders that are looked at, at once, as they are among those no more.
const AT_ONCE: usize = 64;
/// How often what others changed is counted, for who asks what is usual.
const COUNT: Duration = Duration::from_secs(30);
/// Between two looks whether an order still runs in a process that ends.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Tells the others what is changed here, until this process has no more to say.
pub(crate) async fn tell(engine: Arc<Engine>, feed: Arc<dyn ChangeFeed>) {
    let mut failing = false;
    loop {
        let is_last = tokio::select! {
            () = engine.hints.outbox_filled() => false,
            () = all_left(&engine) => true,
        };
        if !is_last {
            sleep(TOGETHER).await;
        }
        let changed = engine.hints.empty_outbox().into_iter().map(|(order, seq)| Changed { order, seq });
        let changed: Vec<_> = changed.collect();
        if !changed.is_empty() {
            // Whatever they are not told they find by themselves.
            match engine.answered(feed.publish(&changed)).await {
                Ok(()) if std::mem::replace(&mut failing, false) => info!("changes_published_again"),
                Err(failed) if !std::mem::replace(&mut failing, true) => {
                    warn!(reason = describe(&failed), "changes_not_published: others find them a little later");
                }
                _ => {}
            }
        }
        if is_last {
            return;
        }
    }
}

/// Hints at what the others change, until this process ends.
pub(crate) async fn hear(engine: Arc<Engine>, feed: Arc<dyn ChangeFeed>) {
    tokio::select! {
        () = follow(&engine, &*feed) => {}
        () = all_left(&engine) => {} // also in the middle of a look: the store may not answer
    }
}

async fn follow(engine: &Arc<Engine>, feed: &dyn ChangeFeed) {
    let mut sight = Sight::default();
    let mut next_look = Instant::now();
    loop {
        tokio::select! {
            heard = feed.next() => match heard {
                Heard::Changed(changed) => changed.into_iter().for_each(|it| take(engine, it)),
                Heard::Note(note) => watching::take(engine, &note),
                Heard::Gap => sight.look(engine, feed).await,
            },
            () = sleep_until(next_look) => {
                sight.look(engine, feed).await;
                next_look = Instant::now() + LOOK;
            }
        }
    }
}

/// Counts what the others change, now and then, until this process ends. It may take long: nobody who hears of changes waits
/// for it.
pub(crate) async fn count(engine: Arc<Engine>) {
    let counting = async {
        loop {
            sleep(COUNT).await;
            statistics::catch_up(&engine).await;
        }
    };
    tokio::select! {
        () = counting => {}
        () = engine.draining.cancelled() => {}
    }
}

/// Takes in that an order has changed.
fn take(engine: &Arc<Engine>, Changed { order, seq }: Changed) {
    if !engine.hints.send_on(order, seq) {
        return;
    }
    engine.statistics.changed_elsewhere(order, seq);
    engine.chronicle.written_elsewhere(order);
    if engine.live.runs(order) {
        tokio::spawn(heed(Arc::clone(engine), order));
    }
}

/// Somebody else changed an order that runs here: to cancel it, or with a prompt.
async fn heed(engine: Arc<Engine>, id: OrderId) {
    // If it cannot be read now, the next save hears of it.
    let Ok(Some(seen)) = engine.answered(engine.repository.get(id)).await else { return };
    if seen.order.state.cancel_requested {
        engine.live.stop(id, StopReason::Cancelled);
    }
    if seen.order.waiting_prompts() > 0 {
        engine.live.prompted(id);
    }
}

/// The versions that were seen last: of orders that had not ended, and of the newest.
#[derive(Debug, Default)]
struct Sight {
    versions: Option<HashMap<OrderId, EventSeq>>,
    failing: bool,
}

impl Sight {
    /// Looks at the store for what no word came of. The first look is at what was there before anybody here followed it.
    async fn look(&mut self, engine: &Arc<Engine>, feed: &dyn ChangeFeed) {
        let versions = match engine.answered(feed.versions(NEWEST)).await {
            Ok(versions) => versions,
            Err(failed) => {
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(reason = describe(&failed), "changes_not_looked_for: trying again");
                }
                return;
            }
        };
        if std::mem::replace(&mut self.failing, false) {
            info!("changes_looked_for_again");
        }
        let mut now: HashMap<_, _> = versions.into_iter().map(|it| (it.order, it.seq)).collect();
        let Some(before) = self.versions.take() else {
            self.versions = Some(now);
            return;
        };
        for (order, seq) in &now {
            if before.get(order).is_none_or(|known| known < seq) {
                take(engine, Changed { order: *order, seq: *seq });
            }
        }
        let mut out_of_sight: Vec<_> = before.into_iter().filter(|(order, _)| !now.contains_key(order)).collect();
        // Too many at once are looked at in turn.
        now.extend(out_of_sight.drain(AT_ONCE.min(out_of_sight.len())..));
        while let Some((order, seq)) = out_of_sight.pop() {
            match engine.answered(engine.repository.get(order)).await {
                Ok(Some(seen)) => take(engine, Changed { order, seq: seen.seq }),
                Ok(None) => take(engine, Changed { order, seq: EventSeq(seq.0 + 1) }),
                // The next look asks for it again, and for those that are left.
                Err(outage) if outage.is_outage() => {
                    now.insert(order, seq);
                    break;
                }
                Err(_) => {} // it cannot be read: whoever asks for it is told
            }
        }
        now.extend(out_of_sight);
        self.versions = Some(now);
    }
}

/// Resolves when this process ends and no order runs in it any more.
pub(crate) async fn all_left(engine: &Engine) {
    engine.draining.cancelled().await;
    while engine.live.count() > 0 && !engine.giving_up.is_cancelled() {
        sleep(LOOK_AGAIN).await;
    }
}
