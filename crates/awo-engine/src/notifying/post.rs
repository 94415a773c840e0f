//! What one recipient is told by: reads what happened, tries, waits, and notes what was taken.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use awo_models::{Event, EventKind, EventSeq, Failure, Notice, NoticeKind, OrderId, RetryPolicy, Timestamp};
use awo_state::{OrderQuery, StateError, Told};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use crate::engine::Engine;
use crate::figures;
use crate::hints::Hint;
use crate::ports::Recipient;
use crate::recorder::describe;
use crate::waiting::{Moment, back_off};

/// Orders that are read, or that one recipient is told of, at once.
const AT_ONCE: usize = 4;
/// Events and rows that are read at once.
const EVENTS: usize = 256;
const ROWS: usize = 1_000;
/// Pauses between tries.
const PAUSES: RetryPolicy =
    RetryPolicy { max_attempts: 1, first_pause: Duration::from_secs(1), longest_pause: Duration::from_mins(5) };
/// The longest that a recipient may ask not to be told again.
const LONGEST_WISH: Duration = Duration::from_hours(1);
/// When the process ends: time for all that is still to be tried once no order runs any more, and between two looks whether
/// that is so.
const LAST_TRY: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a turn lasts without being prolonged, and between two times that it is asked for or prolonged.
const TURN: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How far a recipient is told of an order that is not there any more, or cannot be read.
const GONE: EventSeq = EventSeq(u64::MAX);

/// What one recipient is told by.
#[derive(Debug)]
pub(super) struct Post {
    engine: Arc<Engine>,
    recipient: Arc<dyn Recipient>,
    /// When this process began.
    since: Timestamp,
    places: Semaphore,
    failing: AtomicBool,
    leaves_out: AtomicBool,
}

/// What became of an event that was to be told of.
enum Done {
    /// It was told, or given up.
    With,
    /// So is all that there is of its order: that is gone.
    WithAll,
    /// Nothing, as this process ends.
    BrokenOff,
}

/// What came of one try.
enum Tried {
    Told,
    /// It was not taken; when the recipient wants to be told again, if it says so.
    Failed(Option<Timestamp>),
    /// The order could not be read.
    Unread,
    /// The order is gone.
    Gone,
}

/// All orders that there are.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// When each was created, and its version.
    pub(super) orders: HashMap<OrderId, (Timestamp, EventSeq)>,
    damaged: HashSet<OrderId>,
}

impl Present {
    /// How far a recipient counts as told that was never told anything: of what was there before.
    fn before(self, since: Timestamp) -> Told {
        let old = self.orders.into_iter().filter(|(_, (created, _))| *created < since);
        old.map(|(order, (_, seq))| (order, seq)).collect()
    }

    /// What is kept of how far a recipient was told: nothing of orders that were deleted.
    fn of(&self, mut told: Told) -> Told {
        told.retain(|order, _| self.orders.contains_key(order) || self.damaged.contains(order));
        told
    }
}

impl Post {
    pub(super) fn new(engine: Arc<Engine>, recipient: Arc<dyn Recipient>, since: Timestamp) -> Self {
        let (failing, leaves_out) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { engine, recipient, since, places: Semaphore::new(AT_ONCE), failing, leaves_out }
    }

    /// What is hinted at from now on.
    pub(super) fn hints(&self) -> broadcast::Receiver<Hint> {
        self.engine.hints.subscribe()
    }

    /// Resolves when this process ends and no order runs in it any more.
    pub(super) async fn all_left(&self) {
        self.engine.draining.cancelled().await;
        while self.engine.live.count() > 0 {
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Resolves when nothing is tried any more, as this process ends: one bound for all that is left, however much that is.
    pub(super) async fn time_is_over(&self) {
        let last_tries = async {
            self.all_left().await;
            sleep(LAST_TRY).await;
        };
        tokio::select! {
            () = last_tries => {}
            () = self.engine.giving_up.cancelled() => {}
        }
    }

    /// A pause; `false` if this process ends before it does.
    async fn rest(&self, pause: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.engine.draining.cancelled() => false,
            () = sleep(pause) => true,
        }
    }

    /// Whether this process tells of what others did, too, as long as it has its turn.
    pub(super) fn tells_for_all(&self) -> bool {
        self.engine.notices.told.is_some()
    }

    /// Waits until it is this process's turn to tell the recipient; `false` if the process ends before.
    pub(super) async fn gets_turn(&self) -> bool {
        while self.takes_turn().await != Some(true) {
            if !self.rest(ASK_AGAIN).await {
                return false;
            }
        }
        true
    }

    /// Prolongs the turn, until another process has one. While the store does not answer nobody else gets one either; if
    /// somebody does, something may be told twice.
    pub(super) async fn turn_is_lost(&self) {
        loop {
            sleep(ASK_AGAIN).await;
            if self.takes_turn().await == Some(false) {
                return;
            }
        }
    }

    /// Whether the turn is this process's; `None` if the store does not answer.
    async fn takes_turn(&self) -> Option<bool> {
        let Some(store) = &self.engine.notices.told else { return Some(true) };
        let name = self.recipient.name();
        match self.engine.answered(store.take_turn(name, TURN)).await {
            Ok(is_ours) => Some(is_ours),
            Err(failed) => {
                debug!(recipient = name, reason = describe(&failed), "turn_not_answered");
                None
            }
        }
    }

    /// Leaves the recipient to other processes.
    pub(super) async fn end_turn(&self) {
        let Some(store) = &self.engine.notices.told else { return };
        let ending = self.engine.answered(store.end_turn(self.recipient.name()));
        tokio::select! {
            ended = ending => if let Err(failed) = ended {
                debug!(recipient = self.recipient.name(), reason = describe(&failed), "turn_not_ended: its time runs out");
            },
            () = self.engine.giving_up.cancelled() => {}
        }
    }

    /// How far the recipient was told. One that is new is told of what comes, and not of what was. `None` if this process
    /// ends.
    pub(super) async fn begin(&self) -> Option<Told> {
        let Some(store) = &self.engine.notices.told else {
            return self.present().await.map(|now| now.before(self.since));
        };
        let name = self.recipient.name();
        let found = loop {
            match self.engine.answered(store.find(name)).await {
                Ok(found) => break found,
                Err(failed) => warn!(recipient = name, reason = describe(&failed), "notices_not_begun: trying again"),
            }
            if !self.rest(PAUSES.longest_pause).await {
                return None;
            }
        };
        let present = self.present().await?;
        let told = match found {
            Some(found) => present.of(found),
            None => present.before(self.since),
        };
        if let Err(failed) = self.engine.answered(store.replace(name, &told)).await {
            warn!(recipient = name, reason = describe(&failed), "notices_not_kept");
        }
        Some(told)
    }

    /// All orders, as soon as the store tells them; `None` if this process ends before.
    pub(super) async fn present(&self) -> Option<Present> {
        let mut present = Present::default();
        let mut query = OrderQuery { limit: ROWS, ..OrderQuery::default() };
        loop {
            match self.engine.answered(self.engine.repository.list(&query)).await {
                Ok(page) => {
                    let rows = page.items.iter();
                    let orders = rows.map(|row| (row.order.agent_work_order_id, (row.order.created_at, row.seq)));
                    present.orders.extend(orders);
                    present.damaged.extend(page.damaged);
                    match page.next {
                        Some(next) => query.after = Some(next),
                        None => return Some(present),
                    }
                }
                Err(failed) => {
                    warn!(reason = describe(&failed), "orders_not_listed_for_notices: trying again");
                    if !self.rest(self.engine.settings.flush_pause).await {
                        return None;
                    }
                }
            }
        }
    }

    /// Tells of the events of an order, one after the other; how far that came, or `None` if this process ends before.
    pub(super) async fn tell_of(&self, order: OrderId, mut from: EventSeq) -> Option<EventSeq> {
        loop {
            let mut events = match self.events(order, from).await {
                Ok(events) => events,
                Err(failed) if failed.is_outage() => {
                    if !self.rest(self.engine.settings.flush_pause).await {
                        return None;
                    }
                    continue;
                }
                Err(_) => return Some(GONE),
            };
            let Some(last) = events.last().map(|event| event.seq) else { return Some(from) };
            // Only these are kept while others have their turn.
            events.retain(|event| self.kind_of(event).is_some() || matches!(event.kind, EventKind::Ended { .. }));
            for event in events {
                if let Some(kind) = self.kind_of(&event).filter(|kind| !self.is_left_out(order, &event, *kind)) {
                    match self.tell_event(order, &event, kind).await {
                        Done::With => {}
                        Done::WithAll => return Some(GONE),
                        Done::BrokenOff => return None,
                    }
                }
                self.note(order, event.seq).await;
            }
            from = last;
        }
    }

    /// The next events of an order. Reading takes a place, too: with much to tell, those who run orders have the store as well.
    async fn events(&self, order: OrderId, from: EventSeq) -> Result<Vec<Arc<Event>>, StateError> {
        let _place = self.places.acquire().await.map_err(|closed| StateError::Unavailable(closed.into()))?;
        self.engine.answered(self.engine.repository.events(order, from, EVENTS)).await
    }

    /// What the recipient is told of an event as, if it is.
    fn kind_of(&self, event: &Event) -> Option<NoticeKind> {
        NoticeKind::of(&event.kind).filter(|kind| self.recipient.wants(*kind))
    }

    /// Whether an event was too old already when this process began: orders were brought here, or the recipient was away.
    fn is_left_out(&self, order: OrderId, event: &Event, kind: NoticeKind) -> bool {
        let is_old = is_older(event.at, self.since, self.engine.notices.give_up_after);
        if is_old {
            debug!(agent_work_order_id = %order, recipient = self.recipient.name(), kind = %kind, "notice_left_out");
            if !self.leaves_out.swap(true, Ordering::Relaxed) {
                warn!(
                    agent_work_order_id = %order, recipient = self.recipient.name(), happened = %event.at,
                    "notices_left_out: what happened so long before this start is not told any more"
                );
            }
        }
        is_old
    }

    /// Tells of an event until that is done with.
    async fn tell_event(&self, order: OrderId, event: &Event, kind: NoticeKind) -> Done {
        let mut failures = 0;
        loop {
            let wish = match self.try_once(order, event, kind).await {
                Tried::Told => return Done::With,
                Tried::Gone => return Done::WithAll,
                Tried::Failed(wish) => wish,
                Tried::Unread => {
                    if !self.rest(self.engine.settings.flush_pause).await {
                        return Done::BrokenOff;
                    }
                    continue;
                }
            };
            failures += 1;
            if is_given_up(event.at, self.engine.clock.now(), self.engine.notices.give_up_after) {
                figures::notice_tried("given_up");
                error!(
                    agent_work_order_id = %order, recipient = self.recipient.name(), kind = %kind, failures,
                    "notice_given_up: it was tried for as long as it is to be"
                );
                return Done::With;
            }
            if !self.rest(pause(failures, wish, self.engine.moment())).await {
                return Done::BrokenOff;
            }
        }
    }

    /// One try, as soon as there is a place for it. The order is read then and not before: of one that was deleted meanwhile
    /// nobody is told any more. What was read is let go of before the recipient is asked.
    async fn try_once(&self, order: OrderId, event: &Event, kind: NoticeKind) -> Tried {
        let Ok(_place) = self.places.acquire().await else { return Tried::Unread };
        let notice = match self.engine.answered(self.engine.repository.get(order)).await {
            Ok(Some(seen)) => Notice::new(kind, event, &seen.order),
            Err(outage) if outage.is_outage() => return Tried::Unread,
            Ok(None) | Err(_) => return Tried::Gone,
        };
        match self.recipient.tell(&notice, self.engine.clock.now()).await {
            Ok(()) => {
                self.has_told(&notice);
                Tried::Told
            }
            Err(failure) => {
                self.has_failed(&notice, &failure);
                Tried::Failed(failure.until)
            }
        }
    }

    fn has_told(&self, notice: &Notice) {
        figures::notice_tried("told");
        debug!(notice = notice.id, recipient = self.recipient.name(), "notice_told");
        if self.failing.swap(false, Ordering::Relaxed) {
            info!(recipient = self.recipient.name(), "notices_told_again");
        }
    }

    /// One line a change of state, as one recipient may be away for long.
    fn has_failed(&self, notice: &Notice, failure: &Failure) {
        figures::notice_tried("failed");
        if !self.failing.swap(true, Ordering::Relaxed) {
            warn!(
                notice = notice.id, recipient = self.recipient.name(), reason = %failure,
                "notice_not_told: it is tried again"
            );
        }
    }

    async fn note(&self, order: OrderId, seq: EventSeq) {
        let Some(store) = &self.engine.notices.told else { return };
        if let Err(failed) = self.engine.answered(store.note(self.recipient.name(), order, seq)).await {
            warn!(recipient = self.recipient.name(), reason = describe(&failed), "notices_not_kept");
        }
    }
}

/// The pause before the next try: our own, or a longer one that the recipient asked for, within bounds. Pure.
fn pause(failures: u32, wish: Option<Timestamp>, moment: Moment) -> Duration {
    let wish = wish.and_then(|until| Duration::try_from(until.duration_since(moment.now)).ok()).unwrap_or_default();
    back_off(&PAUSES, failures, moment).max(wish.min(LONGEST_WISH))
}

/// Whether something that happened then is too old to be tried again. Pure.
fn is_given_up(happened: Timestamp, now: Timestamp, after: Duration) -> bool {
    Duration::try_from(now.duration_since(happened)).is_ok_and(|age| age >= after)
}

/// Whether something that happened then was older than that at a start. What happens at the start itself is not, so it has
/// its one try even where nothing is tried again. Pure.
fn is_older(happened: Timestamp, start: Timestamp, than: Duration) -> bool {
    Duration::try_from(start.duration_since(happened)).is_ok_and(|age| age > than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_left_alone_as_long_as_it_asks_within_bounds() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let waited = |failures, seconds: Option<i64>| {
            let wish = seconds.map(|seconds| Timestamp::from_second(now.as_second() + seconds).unwrap());
            pause(failures, wish, Moment { now, random: [255; 16] })
        };
        assert_eq!(waited(1, None), Duration::from_secs(1));
        assert_eq!(waited(1, Some(90)), Duration::from_secs(90));
        assert_eq!(waited(1, Some(-90)), Duration::from_secs(1), "it may be told by now");
        assert_eq!(waited(20, Some(90)), Duration::from_mins(5), "we would wait longer");
        assert_eq!(waited(1, Some(1_000_000)), LONGEST_WISH);
    }
}
