//! The load: users who have orders done one after the other, and visitors who look at whatever is there.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::kind::Kind;
use super::place::Place;
use super::{life, visits};
use crate::random::Random;

/// Users, each with one order at a time.
pub(super) const USERS: usize = 4;
/// Visitors.
const VISITORS: usize = 3;
/// Milliseconds that a user thinks at most before the next order, and a visitor before the next look.
const THOUGHT: usize = 1_500;
const LOOK: usize = 400;
/// Ids that visitors choose from.
const KNOWN: usize = 30;

/// What all clients share.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) place: &'a Place,
    pub(super) address: String,
    /// Whether no new order begins.
    closing: AtomicBool,
    /// Whether something is so wrong that nobody waits any more.
    pub(super) give_up: AtomicBool,
    counts: Mutex<Counts>,
    violations: Mutex<Vec<String>>,
    known: Mutex<VecDeque<String>>,
}

/// What the clients did.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    orders: BTreeMap<Kind, usize>,
    pub(super) events: usize,
    pub(super) prompts: usize,
    pub(super) deleted: usize,
    pub(super) streams: usize,
    pub(super) drops: usize,
    pub(super) polls: usize,
    pub(super) not_modified: usize,
    pub(super) visits: usize,
}

impl<'a> Load<'a> {
    pub(super) fn new(place: &'a Place, address: String) -> Self {
        Self {
            place,
            address,
            closing: AtomicBool::new(false),
            give_up: AtomicBool::new(false),
            counts: Mutex::default(),
            violations: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// One order of each kind, a few at a time.
    pub(super) fn lap(&self, random: &mut Random) {
        for few in Kind::ALL.chunks(USERS) {
            thread::scope(|scope| {
                for kind in few {
                    let random = Random(random.next());
                    scope.spawn(move || self.order(*kind, &format!("lap-{kind:?}").to_lowercase(), random));
                }
            });
        }
    }

    /// Starts users and visitors.
    pub(super) fn start<'scope>(&'scope self, scope: &'scope thread::Scope<'scope, '_>, random: &mut Random) {
        for user in 0..USERS {
            let mut random = Random(random.next());
            scope.spawn(move || {
                for number in 1.. {
                    if self.is_closing() {
                        break;
                    }
                    let own = Random(random.next());
                    self.order(Kind::by(&mut random), &format!("user-{user}-{number}"), own);
                    thread::sleep(Duration::from_millis(random.below(THOUGHT) as u64));
                }
            });
        }
        for _ in 0..VISITORS {
            let mut random = Random(random.next());
            scope.spawn(move || {
                while !self.is_closing() {
                    if let Err(wrong) = visits::visit(self, &mut random) {
                        self.say(wrong);
                    }
                    self.count(|counts| counts.visits += 1);
                    thread::sleep(Duration::from_millis(random.below(LOOK) as u64));
                }
            });
        }
    }

    fn order(&self, kind: Kind, name: &str, random: Random) {
        match life::live(self, kind, name, random) {
            Ok(()) => self.count(|counts| *counts.orders.entry(kind).or_default() += 1),
            Err(error) => self.say(format!("{kind:?} order {name}: {error:#}")),
        }
    }

    /// Lets no new order begin.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Notes what must not be. After that nothing new begins: what comes later may come of it.
    pub(super) fn say(&self, violation: String) {
        eprintln!("error: {violation}");
        lock(&self.violations).push(violation);
        self.close();
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.counts));
    }

    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Tells visitors of an order.
    pub(super) fn announce(&self, id: &str) {
        let mut known = lock(&self.known);
        known.push_back(id.to_owned());
        if known.len() > KNOWN {
            known.pop_front();
        }
    }

    /// One of the orders that were announced last.
    pub(super) fn some_order(&self, random: &mut Random) -> Option<String> {
        let known = lock(&self.known);
        if known.is_empty() { None } else { known.get(random.below(known.len())).cloned() }
    }

    pub(super) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, events, prompts, deleted, streams, drops, polls, not_modified, visits } = self;
        let all: usize = orders.values().sum();
        let kinds: Vec<_> = orders.iter().map(|(kind, count)| format!("{count} {kind:?}").to_lowercase()).collect();
        write!(
            f,
            "{all} orders ({}) with {events} events and {prompts} prompts, {deleted} deleted by clients; {streams} streams \
             whose clients lost {drops} connections; {polls} polls, {not_modified} of them answered with nothing new; \
             {visits} visits",
            kinds.join(", ")
        )
    }
}
