//! Agents at work in other processes that share the orders, for people who watch here; and those at work here, for who
//! watches there.
//!
//! What an agent does is never stored. A process in which somebody looks at an order that runs elsewhere asks for it, and the
//! one that runs the order passes on what its agent does: once a second at most, in one short note, and for as long as it is
//! asked. What nobody watches nobody is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::OrderId;
use awo_state::{ChangeFeed, NOTE_BYTES};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::activity::{ActivityHint, StepActivity};
use crate::engine::Engine;
use crate::neighbours::all_left;
use crate::recorder::describe;

/// Between two notes about one order, and between two times that it is asked for.
const PAUSE: Duration = Duration::from_secs(1);
const ASK_AGAIN: Duration = Duration::from_secs(20);
/// For so long after it was asked for an order is told of.
const ASKED_FOR: Duration = Duration::from_mins(1);
/// Orders that are watched here at once; of more it is not known what their agents do.
const WATCHED: usize = 1_024;
/// Orders that are asked for in one note.
const ASKED_AT_ONCE: usize = 100;

/// What one process passes on to the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Note {
    /// Somebody watches these orders.
    Watch(Vec<OrderId>),
    /// What the agent of an order does.
    Activity(OrderId, Box<StepActivity>),
}

/// Who watches what.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    table: Mutex<Table>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Orders that run elsewhere and are watched here.
    here: HashMap<OrderId, Watched>,
    /// Orders that run here and are watched elsewhere, and when that was said last.
    elsewhere: HashMap<OrderId, Instant>,
    /// What the others are to be told next: what is watched here, and of which orders there is news.
    asks: BTreeSet<OrderId>,
    news: BTreeSet<OrderId>,
}

#[derive(Debug)]
struct Watched {
    asked: Instant,
    looked: Instant,
    activity: Option<StepActivity>,
}

impl Table {
    /// Notes that somebody looks at an order; what is known of its agent.
    fn look(&mut self, order: OrderId, now: Instant) -> Option<StepActivity> {
        if let Some(watched) = self.here.get_mut(&order) {
            watched.looked = now;
            if now.duration_since(watched.asked) >= ASK_AGAIN {
                watched.asked = now;
                self.asks.insert(order);
            }
            return watched.activity.clone();
        }
        if self.here.len() >= WATCHED {
            self.here.retain(|_, watched| now.duration_since(watched.looked) < ASKED_FOR);
        }
        if self.here.len() < WATCHED {
            self.here.insert(order, Watched { asked: now, looked: now, activity: None });
            self.asks.insert(order);
        }
        None
    }

    /// Takes what the agent of an order does; whether anybody watches it.
    fn take(&mut self, order: OrderId, activity: StepActivity) -> bool {
        let Some(watched) = self.here.get_mut(&order) else { return false };
        watched.activity = Some(activity);
        true
    }

    fn is_watched_elsewhere(&self, order: OrderId, now: Instant) -> bool {
        self.elsewhere.get(&order).is_some_and(|said| now.duration_since(*said) < ASKED_FOR)
    }
}

impl Watching {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the agent of an order that runs elsewhere. From now on it is asked for, for a while.
    pub(crate) fn look(&self, order: OrderId) -> Option<StepActivity> {
        let mut table = self.table();
        let known = table.look(order, Instant::now());
        if !table.asks.is_empty() {
            self.woken.notify_one();
        }
        known
    }

    /// Something was done by the agent of an order that runs here.
    fn news_of(&self, order: OrderId) {
        let mut table = self.table();
        if table.is_watched_elsewhere(order, Instant::now()) {
            table.news.insert(order);
        }
    }

    /// The same of all of them.
    fn news_of_all(&self) {
        let table = &mut *self.table();
        table.news.extend(table.elsewhere.keys());
    }

    fn is_due(&self) -> bool {
        let table = self.table();
        !table.asks.is_empty() || !table.news.is_empty()
    }

    /// Takes what the others are to be told.
    fn due(&self, engine: &Engine) -> Vec<Note> {
        let mut table = self.table();
        let now = Instant::now();
        table.elsewhere.retain(|_, said| now.duration_since(*said) < ASKED_FOR);
        let (asks, news) = (std::mem::take(&mut table.asks), std::mem::take(&mut table.news));
        drop(table);
        let asks: Vec<_> = asks.into_iter().collect();
        let asks = asks.chunks(ASKED_AT_ONCE).map(|part| Note::Watch(part.to_vec()));
        let news =
            news.into_iter().filter_map(|order| Some(Note::Activity(order, engine.live.activity(order)?.into())));
        asks.chain(news).collect()
    }
}

/// Passes on what is watched here, and what is done here by agents that are watched elsewhere, until this process has no more
/// to say.
pub(crate) async fn pass_on(engine: Arc<Engine>, feed: Arc<dyn ChangeFeed>) {
    let mut hints = engine.activity_hints.subscribe();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            hint = hints.recv() => match hint {
                Ok(ActivityHint { order }) => engine.watching.news_of(order),
                Err(RecvError::Lagged(_)) => engine.watching.news_of_all(),
                Err(RecvError::Closed) => return,
            },
            () = engine.watching.woken.notified() => {}
            () = sleep_until(next), if engine.watching.is_due() => {
                for note in engine.watching.due(&engine) {
                    // What is lost is made up for by the next one.
                    if let Err(failed) = engine.answered(feed.pass_on(&text(note))).await {
                        debug!(reason = describe(&failed), "activity_not_passed_on");
                    }
                }
                next = Instant::now() + PAUSE;
            }
            () = all_left(&engine) => return,
        }
    }
}

/// Takes what another process passed on.
pub(crate) fn take(engine: &Engine, note: &str) {
    match serde_json::from_str(note) {
        Ok(Note::Watch(orders)) => {
            for order in orders.into_iter().filter(|order| engine.live.runs(*order)) {
                let mut table = engine.watching.table();
                table.elsewhere.insert(order, Instant::now());
                table.news.insert(order);
                engine.watching.woken.notify_one();
            }
        }
        // What runs here is known better here.
        Ok(Note::Activity(order, _)) if engine.live.runs(order) => {}
        Ok(Note::Activity(order, activity)) => {
            if engine.watching.table().take(order, *activity) {
                engine.activity_hints.send(order);
            }
        }
        Err(unknown) => debug!(%unknown, "note_not_understood"), // a newer version passed it on
    }
}

/// A note as it is passed on: of an agent that says much only the last things.
fn text(mut note: Note) -> String {
    loop {
        let text = serde_json::to_string(&note).unwrap_or_default();
        match &mut note {
            Note::Activity(_, activity) if text.len() > NOTE_BYTES && !activity.entries.is_empty() => {
                activity.entries.remove(0);
            }
            _ => return text,
        }
    }
}

#[cfg(test)]
mod tests;
