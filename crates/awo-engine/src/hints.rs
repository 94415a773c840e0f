//! Hints that an order has changed. The truth is in the repository; a hint may be lost, never wrong.
//!
//! Hints are numbered and the last ones of each order are remembered, so that who was away for a while learns which orders
//! to look at again. The numbers are those of this process: another one begins anew, under another name.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use awo_models::{EventSeq, OrderId};
use tokio::sync::{Notify, broadcast};

/// Orders whose last hint is remembered.
const REMEMBERED: usize = 4_096;

/// "This order is at least at this version now." Sent after the write was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The order.
    pub order: OrderId,
    /// Its version, or a larger one by now.
    pub seq: EventSeq,
    /// Who changed it.
    pub origin: Origin,
}

/// Who changed an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This process.
    Here,
    /// Another one that shares the store.
    Elsewhere,
}

/// A place among the hints of one process. Opaque to whoever keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HintCursor {
    process: u64,
    number: u64,
}

impl fmt::Display for HintCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.number)
    }
}

/// The text is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a cursor: use the id of an earlier message")]
pub struct ParseHintCursorError(String);

impl FromStr for HintCursor {
    type Err = ParseHintCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (process, number) = text.split_once('-')?;
            Some(Self { process: u64::from_str_radix(process, 16).ok()?, number: number.parse().ok()? })
        };
        let cursor = parse().filter(|cursor| cursor.to_string() == text);
        cursor.ok_or_else(|| ParseHintCursorError(text.chars().take(64).collect()))
    }
}

/// The orders that have changed since a cursor, each once, with the cursor after its hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintsSince {
    /// In the order of their last hints.
    pub hints: Vec<(HintCursor, Hint)>,
    /// Where the next question begins.
    pub next: HintCursor,
}

#[derive(Debug)]
pub(crate) struct Hints {
    sender: broadcast::Sender<Hint>,
    process: u64,
    board: Mutex<Board>,
    /// What others are to be told, if there are others.
    outbox: Option<Outbox>,
}

/// The newest versions of orders that this process changed, until others are told.
#[derive(Debug, Default)]
struct Outbox {
    changed: Mutex<HashMap<OrderId, EventSeq>>,
    filled: Notify,
}

/// The last hint of each order, by its number.
#[derive(Debug, Default)]
struct Board {
    last: u64,
    /// Hints up to this number are forgotten, those of orders that had later ones apart.
    forgotten: u64,
    by_number: BTreeMap<u64, Hint>,
    numbers: HashMap<OrderId, u64>,
}

impl Board {
    /// The version that was hinted at last.
    fn newest(&self, order: OrderId) -> Option<EventSeq> {
        Some(self.by_number.get(self.numbers.get(&order)?)?.seq)
    }

    fn post(&mut self, hint: Hint) {
        self.last += 1;
        if let Some(before) = self.numbers.insert(hint.order, self.last) {
            self.by_number.remove(&before);
        }
        self.by_number.insert(self.last, hint);
        if self.by_number.len() > REMEMBERED
            && let Some((number, hint)) = self.by_number.pop_first()
        {
            self.forgotten = number;
            self.numbers.remove(&hint.order);
        }
    }
}

impl Hints {
    /// `shared` says whether others have the store, too, who are told what is sent here.
    pub(crate) fn new(capacity: usize, shared: bool) -> Self {
        // Unique is enough: nobody gains anything by guessing it.
        let process = RandomState::new().hash_one(capacity);
        let outbox = shared.then(Outbox::default);
        Self { sender: broadcast::Sender::new(capacity), process, board: Mutex::default(), outbox }
    }

    /// Hints at what this process changed.
    pub(crate) fn send(&self, order: OrderId, seq: EventSeq) {
        self.post(Hint { order, seq, origin: Origin::Here });
        if let Some(outbox) = &self.outbox {
            let mut changed = outbox.changed.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = changed.entry(order).or_insert(seq);
            *newest = seq.max(*newest);
            outbox.filled.notify_one();
        }
    }

    /// Hints at what another process changed, unless that is known; whether it was not.
    pub(crate) fn send_on(&self, order: OrderId, seq: EventSeq) -> bool {
        let is_news = self.board().newest(order).is_none_or(|known| known < seq);
        if is_news {
            self.post(Hint { order, seq, origin: Origin::Elsewhere });
        }
        is_news
    }

    fn post(&self, hint: Hint) {
        self.board().post(hint); // before it is told: who hears it finds it
        let _ = self.sender.send(hint); // nobody listens: nobody needs it
    }

    /// Waits until there is something that others are to be told; for ever if there are none.
    pub(crate) async fn outbox_filled(&self) {
        match &self.outbox {
            Some(outbox) => outbox.filled.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Takes what others are to be told.
    pub(crate) fn empty_outbox(&self) -> HashMap<OrderId, EventSeq> {
        let changed = self.outbox.as_ref().map(|outbox| outbox.changed.lock().unwrap_or_else(PoisonError::into_inner));
        changed.map(|mut changed| std::mem::take(&mut *changed)).unwrap_or_default()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }

    /// Where the hints are now.
    pub(crate) fn now(&self) -> HintCursor {
        self.at(self.board().last)
    }

    /// The newest hints after a cursor, at most so many; `None` if that is not known any more, or was never.
    pub(crate) fn since(&self, cursor: HintCursor, limit: usize) -> Option<HintsSince> {
        let board = self.board();
        if cursor.process != self.process || cursor.number < board.forgotten || cursor.number > board.last {
            return None;
        }
        let later = board.by_number.range(cursor.number + 1..);
        let hints: Vec<_> = later.take(limit).map(|(number, hint)| (self.at(*number), *hint)).collect();
        let next = if hints.len() < limit { self.at(board.last) } else { hints.last().map_or(cursor, |(at, _)| *at) };
        Some(HintsSince { hints, next })
    }

    fn at(&self, number: u64) -> HintCursor {
        HintCursor { process: self.process, number }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u64) -> OrderId {
        OrderId::new(1_700_000_000_000 + number, [7; 10])
    }

    fn told(since: &HintsSince) -> Vec<(u64, OrderId, u64)> {
        since.hints.iter().map(|(at, hint)| (at.number, hint.order, hint.seq.0)).collect()
    }

    #[test]
    fn who_was_away_learns_each_changed_order_once() {
        let hints = Hints::new(4, false);
        let away = hints.now();
        for (number, seq) in [(1, 1), (2, 1), (1, 2), (1, 3)] {
            hints.send(order(number), EventSeq(seq));
        }
        let since = hints.since(away, 10).unwrap();
        assert_eq!(told(&since), [(2, order(2), 1), (4, order(1), 3)]);
        assert_eq!(told(&hints.since(since.hints[0].0, 10).unwrap()), [(4, order(1), 3)]);
        assert_eq!(told(&hints.since(since.next, 10).unwrap()), []);
        let page = hints.since(away, 1).unwrap();
        assert_eq!((told(&page), page.next.number), (vec![(2, order(2), 1)], 2));
    }

    #[test]
    fn what_is_forgotten_or_of_another_process_is_not_known() {
        let hints = Hints::new(4, false);
        let first = hints.now();
        for number in 0..=REMEMBERED as u64 {
            hints.send(order(number), EventSeq(1));
        }
        assert_eq!(hints.since(first, 10), None);
        assert_eq!(hints.board().by_number.len(), REMEMBERED);
        assert_eq!(hints.board().numbers.len(), REMEMBERED);
        assert_eq!(hints.since(HintCursor { process: hints.process ^ 1, number: REMEMBERED as u64 }, 10), None);
        assert_eq!(hints.since(HintCursor { number: u64::MAX, ..first }, 10), None);
        assert!(hints.since(HintCursor { number: 1, ..first }, 10).is_some());
    }

    #[test]
    fn what_others_changed_is_hinted_at_once_and_not_told_them_again() {
        let hints = Hints::new(4, true);
        let mut heard = hints.subscribe();
        hints.send(order(1), EventSeq(2));
        let sent = [(1, 2), (1, 1), (1, 3), (2, 1), (1, 3)].map(|(n, seq)| hints.send_on(order(n), EventSeq(seq)));
        assert_eq!(sent, [false, false, true, true, false]);
        hints.send(order(1), EventSeq(4));
        let all: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        let [here, elsewhere] = [Origin::Here, Origin::Elsewhere];
        let told: Vec<_> = all.iter().map(|hint| (hint.order, hint.seq.0, hint.origin)).collect();
        assert_eq!(
            told,
            [(order(1), 2, here), (order(1), 3, elsewhere), (order(2), 1, elsewhere), (order(1), 4, here)]
        );
        assert_eq!(hints.empty_outbox(), HashMap::from([(order(1), EventSeq(4))]));
        assert_eq!(hints.empty_outbox(), HashMap::new());
    }

    #[test]
    fn a_cursor_is_its_text() {
        let cursor = HintCursor { process: 0xabc, number: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "7", "abc-7", "0000000000000abc-07", "0000000000000abc--7", "0000000000000abc-7 "] {
            assert!(wrong.parse::<HintCursor>().is_err(), "{wrong}");
        }
    }
}
