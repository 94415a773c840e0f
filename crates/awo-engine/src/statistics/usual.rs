//! How long a step usually takes, found out from orders that are passed in, newest first. Pure.

use std::time::Duration;

use awo_models::{StepName, UsualDuration};

use super::attempts::{CountedOrder, counted_step};
use super::summary;

/// Attempts that say what is usual at most: the newest.
const TELLING: usize = crate::slowness::SlowPolicy::MOST_SAMPLES;

/// How long the newest successful attempts of a step took: those by one agent, and those by any.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    step: &'a StepName,
    agent: &'a str,
    own: Vec<Duration>,
    any: Vec<Duration>,
}

impl<'a> Telling<'a> {
    pub(super) fn of(step: &'a StepName, agent: &'a str) -> Self {
        Self { step: counted_step(step), agent, own: Vec::new(), any: Vec::new() }
    }

    /// Looks at an order that is older than all before.
    pub(super) fn look_at(&mut self, order: &CountedOrder) {
        for attempt in order.attempts.iter().rev().filter(|it| it.error.is_none() && it.step == *self.step) {
            if self.any.len() < TELLING {
                self.any.push(attempt.took);
            }
            if *attempt.agent == *self.agent && self.own.len() < TELLING {
                self.own.push(attempt.took);
            }
        }
    }

    /// Whether older orders change nothing any more.
    pub(super) fn is_done(&self) -> bool {
        self.own.len() == TELLING
    }

    /// What is usual by the agent, or, if too few attempts tell, by any.
    pub(super) fn usual(self, least: usize) -> Option<UsualDuration> {
        summary::usual(self.own, least).or_else(|| summary::usual(self.any, least))
    }
}
