//! What one recipient is told by: reads what happened, tries, waits, and notes what was taken.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use awo_models::{
    Event, EventKind, EventSeq, Failure, FailureCode, Notice, NoticeKind, OrderId, RetryPolicy, Timestamp,
};
use awo_state::OrderQuery;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::engine::Engine;
use crate::figures;
use crate::ports::{Recipient, Told};
use crate::recorder::describe;
use crate::waiting::back_off;

/// Orders that one recipient is told of at once.
const AT_ONCE: usize = 4;
/// Events and rows that are read at once.
const EVENTS: usize = 256;
const ROWS: usize = 1_000;
/// Pauses between tries.
const PAUSES: RetryPolicy =
    RetryPolicy { max_attempts: 1, first_pause: Duration::from_secs(1), longest_pause: Duration::from_mins(5) };
/// When the process ends: time for a try, and between two looks whether all orders have come to their end.
const LAST_TRY: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How far a recipient is told of an order that is not there any more, or cannot be read.
const GONE: EventSeq = EventSeq(u64::MAX);

/// What one recipient is told by.
#[derive(Debug)]
pub(super) struct Post {
    engine: Arc<Engine>,
    recipient: Arc<dyn Recipient>,
    places: Semaphore,
    failing: AtomicBool,
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
    pub(super) fn new(engine: Arc<Engine>, recipient: Arc<dyn Recipient>) -> Self {
        Self { engine, recipient, places: Semaphore::new(AT_ONCE), failing: AtomicBool::new(false) }
    }

    /// Resolves when this process ends and no order runs in it any more.
    pub(super) async fn all_left(&self) {
        self.engine.draining.cancelled().await;
        while self.engine.live.count() > 0 {
            sleep(LOOK_AGAIN).await;
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

    /// How far the recipient was told. One that is new is told of what comes, and not of what was. `None` if this process
    /// ends.
    pub(super) async fn begin(&self, since: Timestamp) -> Option<Told> {
        let Some(store) = &self.engine.notices.told else { return self.present().await.map(|now| now.before(since)) };
        let name = self.recipient.name();
        let found = loop {
            match self.bounded(store.find(name)).await {
                Ok(found) => break found,
                Err(failure) => warn!(recipient = name, reason = %failure, "notices_not_begun: trying again"),
            }
            if !self.rest(PAUSES.longest_pause).await {
                return None;
            }
        };
        let present = self.present().await?;
        let told = match found {
            Some(found) => present.of(found),
            None => present.before(since),
        };
        if let Err(failure) = self.bounded(store.replace(name, &told)).await {
            warn!(recipient = name, reason = %failure, "notices_not_kept");
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
            let events = match self.engine.answered(self.engine.repository.events(order, from, EVENTS)).await {
                Ok(events) if events.is_empty() => return Some(from),
                Ok(events) => events,
                Err(failed) if failed.is_outage() => {
                    if !self.rest(self.engine.settings.flush_pause).await {
                        return None;
                    }
                    continue;
                }
                Err(_) => return Some(GONE),
            };
            for event in events {
                let kind = NoticeKind::of(&event.kind).filter(|kind| self.recipient.wants(*kind));
                if let Some(kind) = kind {
                    match self.tell_event(order, &event, kind).await {
                        Done::With => {}
                        Done::WithAll => return Some(GONE),
                        Done::BrokenOff => return None,
                    }
                }
                from = event.seq;
                if kind.is_some() || matches!(event.kind, EventKind::Ended { .. }) {
                    self.note(order, from).await;
                }
            }
        }
    }

    /// Tells of an event until that is done with.
    async fn tell_event(&self, order: OrderId, event: &Event, kind: NoticeKind) -> Done {
        let mut failures = 0;
        loop {
            // Anew each time: of an order that was deleted meanwhile nobody is told any more.
            let seen = match self.engine.answered(self.engine.repository.get(order)).await {
                Ok(Some(seen)) => seen,
                Err(outage) if outage.is_outage() => {
                    if !self.rest(self.engine.settings.flush_pause).await {
                        return Done::BrokenOff;
                    }
                    continue;
                }
                Ok(None) | Err(_) => return Done::WithAll,
            };
            let notice = Notice::new(kind, event, &seen.order);
            let failure = match self.try_once(&notice).await {
                Some(Ok(())) => {
                    self.has_told(&notice);
                    return Done::With;
                }
                Some(Err(failure)) => failure,
                None => return Done::BrokenOff,
            };
            failures += 1;
            self.has_failed(&notice, &failure);
            if is_given_up(event.at, self.engine.clock.now(), self.engine.notices.give_up_after) {
                figures::notice_tried("given_up");
                error!(
                    agent_work_order_id = %order, recipient = self.recipient.name(), kind = %kind, failures,
                    "notice_given_up: it was tried for as long as it is to be"
                );
                return Done::With;
            }
            if !self.rest(back_off(&PAUSES, failures, self.engine.moment())).await {
                return Done::BrokenOff;
            }
        }
    }

    /// One try; `None` if this process ends before it was done.
    async fn try_once(&self, notice: &Notice) -> Option<Result<(), Failure>> {
        let Ok(_place) = self.places.acquire().await else { return None };
        let ending = async {
            self.engine.draining.cancelled().await;
            sleep(LAST_TRY).await;
        };
        tokio::select! {
            told = self.recipient.tell(notice, self.engine.clock.now()) => Some(told),
            () = ending => None,
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
        if let Err(failure) = self.bounded(store.note(self.recipient.name(), order, seq)).await {
            warn!(recipient = self.recipient.name(), reason = %failure, "notices_not_kept");
        }
    }

    async fn bounded<T>(&self, asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let time = self.engine.settings.answer_time;
        let late = |_| Err(Failure::new(FailureCode::StoreUnavailable, format!("no answer within {time:?}")));
        timeout(time, asking).await.unwrap_or_else(late)
    }
}

/// Whether something that happened then is too old to be tried again. Pure.
fn is_given_up(happened: Timestamp, now: Timestamp, after: Duration) -> bool {
    Duration::try_from(now.duration_since(happened)).is_ok_and(|age| age >= after)
}
