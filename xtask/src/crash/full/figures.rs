//! What came of a trial with a full disk, and of all together.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::Then;
use crate::crash::history::Violation;

/// What came of a trial.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) orders: usize,
    /// Results that were read before the disk was full.
    pub(super) acknowledged: usize,
    /// Results that were not stored when there was room again, or when the server ended.
    pub(super) pending: usize,
    /// Of these, results that were spilled when the server ended.
    pub(super) spilled: usize,
    /// Executions that left no result: their steps ran again.
    pub(super) lost: usize,
    /// From room until all was stored, in the same life.
    pub(super) stored: Option<Duration>,
    pub(super) violations: Vec<Violation>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, acknowledged, pending, spilled, lost, .. } = self;
        write!(f, "{orders} orders, {acknowledged} acknowledged, {pending} pending, {spilled} spilled, {lost} lost")
    }
}

/// Sums over trials.
#[derive(Debug, Default)]
pub(super) struct Figures {
    trials: HashMap<Then, usize>,
    orders: usize,
    acknowledged: usize,
    pending: usize,
    spilled: usize,
    lost: usize,
    failures: usize,
    longest: Duration,
}

impl Figures {
    pub(super) fn add(&mut self, then: Then, outcome: &Outcome) {
        *self.trials.entry(then).or_default() += 1;
        self.orders += outcome.orders;
        self.acknowledged += outcome.acknowledged;
        self.pending += outcome.pending;
        self.spilled += outcome.spilled;
        self.lost += outcome.lost;
        self.failures += outcome.violations.len();
        self.longest = self.longest.max(outcome.stored.unwrap_or_default());
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trials, orders, acknowledged, pending, spilled, lost, failures, longest } = self;
        let trials: Vec<_> =
            Then::ALL.iter().map(|then| format!("{then:?} {}", trials.get(then).unwrap_or(&0))).collect();
        write!(f, "crash: full disks ({}), {orders} orders, {acknowledged} acknowledged before, ", trials.join(", "))?;
        write!(f, "{pending} pending at the end of it, {spilled} spilled, {lost} executions without result, ")?;
        write!(f, "all stored within {} ms of room, failures {failures}", longest.as_millis())
    }
}
