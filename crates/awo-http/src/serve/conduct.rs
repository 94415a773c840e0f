//! How a client behaves on its connection: what it has asked and not been answered, what of the answers it does not take, and
//! how much it says beside that. Decides when it has been borne with for long enough.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Bytes that a client may send at once which bring nothing on.
const CREDIT: u64 = 1024 * 1024;
/// What it gets back of them in a second.
const A_SECOND: u64 = 16 * 1024;
/// What it gets back for a request that was answered to the end.
const ANSWERED: u64 = 16 * 1024;
/// What it pays for one that it did not want answered any more.
const CANCELLED: u64 = 4 * 1024;
/// A piece of a request's body is worth so many times its size: its frame is no waste.
const OF_BODY: u64 = 2;
/// A byte of what it took of answers is worth this part of one that it sends: it must say what it has taken.
const OF_ANSWER: u64 = 16;
/// A write of so many bytes at once is of an answer, and no sign of life only.
const OF_SUBSTANCE: usize = 1024;

/// What is known of a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Conduct(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Requests under way; since when the client could take more of their answers, and does not.
    requests: BTreeMap<u64, Option<Instant>>,
    next: u64,
    /// Since when nothing was asked and nothing of an answer taken.
    quiet_since: Instant,
    /// Whether something waits to be written, which has a limit of its own.
    writes: bool,
    credit: u64,
    credited: Instant,
}

/// When a connection is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// With nothing asked for so long.
    pub(super) quiet: Duration,
    /// With an answer of which nothing is taken for so long.
    pub(super) untaken: Duration,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Quiet,
    Untaken,
}

impl State {
    /// Why the connection is over; or when that is to be looked at again.
    fn over(&self, now: Instant, bounds: Bounds) -> Result<Over, Instant> {
        let untaken = self.requests.values().flatten().min().map(|since| (*since + bounds.untaken, Over::Untaken));
        let quiet = (self.requests.is_empty() && !self.writes).then(|| (self.quiet_since + bounds.quiet, Over::Quiet));
        match untaken.into_iter().chain(quiet).min_by_key(|(at, _)| *at) {
            Some((at, over)) if at <= now => Ok(over),
            Some((at, _)) => Err(at),
            // Nothing that begins now is over before that.
            None => Err(now + bounds.quiet.min(bounds.untaken)),
        }
    }

    /// Takes bytes off the credit; whether it sufficed.
    fn pay(&mut self, bytes: u64, now: Instant) -> bool {
        let earned = now.duration_since(self.credited).as_millis() * u128::from(A_SECOND) / 1000;
        if earned > 0 {
            self.earn(u64::try_from(earned).unwrap_or(u64::MAX));
            self.credited = now;
        }
        let left = self.credit.checked_sub(bytes);
        self.credit = left.unwrap_or(0);
        left.is_some()
    }

    fn earn(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_add(bytes).min(CREDIT);
    }
}

impl Conduct {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            requests: BTreeMap::new(),
            next: 0,
            quiet_since: now,
            writes: false,
            credit: CREDIT,
            credited: now,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come.
    pub(super) fn begin(&self) -> Ticket {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.requests.insert(id, None);
        Ticket { conduct: self.clone(), id, answered: false }
    }

    /// Bytes were read; false if they are more than can be borne.
    pub(super) fn read(&self, bytes: usize) -> bool {
        self.state().pay(bytes as u64, Instant::now())
    }

    /// Some of what was read is of a request's body.
    pub(super) fn read_body(&self, bytes: usize) {
        self.state().earn(OF_BODY * bytes as u64);
    }

    /// What came of an attempt to write: so many bytes, or it waits.
    pub(super) fn written(&self, attempt: Option<usize>) {
        let mut state = self.state();
        state.writes = attempt.is_none();
        let bytes = attempt.unwrap_or(0);
        state.earn(bytes as u64 / OF_ANSWER);
        if bytes >= OF_SUBSTANCE {
            state.quiet_since = Instant::now();
        }
    }

    /// Waits until the connection is over. Can be dropped and begun again.
    pub(super) async fn over(&self, bounds: Bounds) -> Over {
        loop {
            let looked = self.state().over(Instant::now(), bounds);
            match looked {
                Ok(over) => return over,
                Err(again) => sleep_until(again).await,
            }
        }
    }
}

/// A request that is under way as long as this lives.
#[derive(Debug)]
pub(super) struct Ticket {
    conduct: Conduct,
    id: u64,
    answered: bool,
}

impl Ticket {
    /// There is more of the answer for the client to take, or there is not.
    pub(super) fn offer(&self, more: bool) {
        if let Some(untaken) = self.conduct.state().requests.get_mut(&self.id) {
            *untaken = more.then(Instant::now);
        }
    }

    /// The answer was given to its end.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.conduct.state();
        state.requests.remove(&self.id);
        state.quiet_since = Instant::now();
        if self.answered {
            state.earn(ANSWERED);
        } else {
            let left = state.credit.saturating_sub(CANCELLED);
            state.credit = left;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { quiet: Duration::from_secs(10), untaken: Duration::from_secs(30) };

    async fn after(conduct: &Conduct) -> (Over, u64) {
        let begun = Instant::now();
        (conduct.over(BOUNDS).await, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_asked_is_quiet_and_a_question_is_not() {
        let conduct = Conduct::new();
        assert_eq!(after(&conduct).await, (Over::Quiet, 10));
        let ticket = conduct.begin();
        let asked = tokio::time::timeout(Duration::from_hours(1), conduct.over(BOUNDS));
        assert!(asked.await.is_err(), "an answer may take its time");
        drop(ticket);
        assert_eq!(after(&conduct).await, (Over::Quiet, 10));
        conduct.written(None);
        assert!(tokio::time::timeout(Duration::from_hours(1), conduct.over(BOUNDS)).await.is_err());
        conduct.written(Some(4096));
        assert_eq!(after(&conduct).await, (Over::Quiet, 10));
        conduct.written(Some(17));
        assert_eq!(after(&conduct).await, (Over::Quiet, 0), "a sign of life is no answer");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_given_up() {
        let conduct = Conduct::new();
        let (slow, other) = (conduct.begin(), conduct.begin());
        other.offer(true);
        tokio::time::sleep(Duration::from_secs(20)).await;
        slow.offer(true);
        other.offer(false);
        assert_eq!(after(&conduct).await, (Over::Untaken, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn credit_is_used_up_by_what_brings_nothing_on() {
        let conduct = Conduct::new();
        let bytes = |count: u64| usize::try_from(count).unwrap();
        assert!(conduct.read(bytes(CREDIT)) && !conduct.read(1));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(conduct.read(bytes(2 * A_SECOND)) && !conduct.read(1));
        conduct.read_body(1000);
        assert!(conduct.read(2000) && !conduct.read(1));
        conduct.written(Some(1600));
        assert!(conduct.read(100) && !conduct.read(1));
        let mut ticket = conduct.begin();
        ticket.answered();
        drop(ticket);
        assert!(conduct.read(bytes(ANSWERED)) && !conduct.read(1));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_are_taken_back_use_credit_up() {
        let conduct = Conduct::new();
        for _ in 0..CREDIT / CANCELLED {
            assert!(conduct.read(0));
            drop(conduct.begin());
        }
        assert!(!conduct.read(1));
    }
}
