//! What happens to one order: its stored events in order and without gaps, and in between what is known of the present.

use std::collections::BTreeSet;

use awo_engine::{ActivityHint, EngineError, Hint, OrderView, Persistence, WorkOrders};
use awo_models::{EventKind, EventSeq, OrderId};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use super::{Feed, LOOK_AGAIN, Message, PAGE, TRY_AGAIN, heard, rest};
use crate::api::Api;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::views::{ActivityNewsView, EndView, EventView, OrderStateView, ResetView};

/// How the order is, beyond its events.
const STATE: &str = "state";
/// What the agent of the step in progress does.
const ACTIVITY: &str = "activity";
/// The client's number is not one of this order.
const RESET: &str = "reset";
/// The order has ended and all is sent.
const END: &str = "end";

/// Kinds of messages that a client wants; [`RESET`] and [`END`] are not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kinds(Option<BTreeSet<String>>);

impl Kinds {
    /// Reads lists of words. No list at all means everything.
    pub(crate) fn parse(lists: &[String]) -> Result<Self, String> {
        if lists.is_empty() {
            return Ok(Self::default());
        }
        let known = || EventKind::WORDS.into_iter().chain([STATE, ACTIVITY]);
        let words = lists.iter().flat_map(|list| list.split(',')).map(str::trim);
        let read = words.map(|word| {
            let found = known().find(|known| *known == word).map(str::to_owned);
            found.ok_or_else(|| {
                let hint = nearest(word, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all = known().collect::<Vec<_>>().join(", ");
                format!("has a word that is no kind; there are {all}{hint}")
            })
        });
        Ok(Self(Some(read.collect::<Result<_, _>>()?)))
    }

    fn has(&self, kind: &str) -> bool {
        self.0.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }
}

/// The feed of one order.
#[derive(Debug)]
pub(crate) struct OrderFeed {
    work_orders: WorkOrders,
    closing: CancellationToken,
    id: OrderId,
    kinds: Kinds,
    hints: Receiver<Hint>,
    activity: Receiver<ActivityHint>,
    /// The view that it begins with, until that is told.
    first: Option<OrderView>,
    /// Number of the last event that is sent, or that the client has.
    sent: EventSeq,
    told: Persistence,
    activity_told: u64,
    ended: bool,
}

impl OrderFeed {
    /// Begins after an event that the client has.
    pub(crate) async fn begin(api: &Api, id: OrderId, after: EventSeq, kinds: Kinds) -> Result<Self, Problem> {
        let work_orders = api.work_orders.clone();
        // Before the first look, so that nothing falls in between.
        let (hints, activity) = (work_orders.hints(), work_orders.activity_hints());
        let first = work_orders.get(id).await?;
        Ok(Self {
            closing: api.closing.clone(),
            id,
            kinds,
            hints,
            activity,
            told: first.persistence,
            first: Some(first),
            sent: after,
            activity_told: 0,
            ended: false,
            work_orders,
        })
    }

    /// What there is to say of the order as it is now. An empty list says that there is nothing new.
    async fn look(&mut self) -> Result<Vec<Message>, EngineError> {
        let mut messages = Vec::new();
        let (seen, first) = match self.first.take() {
            Some(first) => (first, true),
            None => (self.work_orders.get(self.id).await?, false),
        };
        if first && self.sent > seen.seq {
            messages.push(Message::passing(RESET, &ResetView::new(self.id, seen.seq)));
            self.sent = EventSeq(0);
        }
        if first || self.told != seen.persistence {
            self.told = seen.persistence;
            if self.kinds.has(STATE) {
                messages.push(Message::passing(STATE, &OrderStateView::of(&seen)));
                self.activity_told = seen.activity.as_ref().map_or(self.activity_told, |activity| activity.count);
            }
        }
        while self.sent < seen.seq && messages.len() < PAGE {
            match self.read(&mut messages).await {
                Ok(()) => {}
                Err(failed) if messages.is_empty() => return Err(failed),
                Err(_) => return Ok(messages), // the next look meets it again
            }
        }
        let news = seen.activity.as_ref().filter(|activity| activity.count != self.activity_told);
        if let Some(activity) = news
            && messages.is_empty()
            && self.kinds.has(ACTIVITY)
        {
            self.activity_told = activity.count;
            messages.push(Message::passing(ACTIVITY, &ActivityNewsView::of(&seen)));
        }
        if seen.order.state.status.is_terminal() && self.sent >= seen.seq {
            messages.push(Message::passing(END, &EndView::of(&seen)));
            self.ended = true;
        }
        Ok(messages)
    }

    /// Reads the next stored events, of which there are some.
    async fn read(&mut self, messages: &mut Vec<Message>) -> Result<(), EngineError> {
        let events = self.work_orders.events(self.id, self.sent, PAGE).await?;
        self.sent = events.last().ok_or(EngineError::NotFound(self.id))?.seq;
        for event in events.iter().filter(|event| self.kinds.has(event.kind.as_str())) {
            let view = EventView::new(self.id, event);
            messages.push(Message::numbered(&event.seq, Some(event.kind.as_str()), &view));
        }
        Ok(())
    }

    /// Waits for something that may be news.
    async fn wait(&mut self) {
        let Self { work_orders, id, sent, told, kinds, hints, activity, closing, .. } = self;
        let does_something = async {
            if !kinds.has(ACTIVITY) {
                return std::future::pending().await;
            }
            heard(activity, |hint: ActivityHint| hint.order == *id).await;
        };
        tokio::select! {
            () = heard(hints, |hint: Hint| hint.order == *id && hint.seq > *sent) => {}
            () = does_something => {}
            () = work_orders.persistence_changes(*id, *told) => {}
            () = rest(closing, LOOK_AGAIN) => {}
        }
    }
}

impl Feed for OrderFeed {
    async fn next(&mut self) -> Option<Vec<Message>> {
        while !self.ended {
            let closing = self.closing.is_cancelled(); // before the look: what was stored by then is still sent
            match self.look().await {
                Ok(messages) if !messages.is_empty() => return Some(messages),
                _ if closing => return None,
                Ok(_) => self.wait().await,
                Err(EngineError::State(outage)) if outage.is_outage() => rest(&self.closing, TRY_AGAIN).await,
                // It is gone or cannot be read: whoever asks again is told.
                Err(_) => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_lists_of_known_words() {
        let kinds = |lists: &[&str]| Kinds::parse(&lists.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(kinds(&[]).unwrap().has("activity"));
        let some = kinds(&["step_started, step_finished", "activity"]).unwrap();
        let had = ["step_started", "step_finished", "activity", "state", "created"].map(|kind| some.has(kind));
        assert_eq!(had, [true, true, true, false, false]);
        assert!(kinds(&["step_finishd"]).unwrap_err().ends_with("did you mean `step_finished`?"));
        assert!(kinds(&[""]).is_err());
    }
}
