//! A person at a terminal, or one who reads a file later: each step as it settles, and one moving line for the one at work
//! where a line can move.

use std::time::Instant;

use awo_client::{CurrentStep, StepHistory as Steps};
use awo_engine::ports::{Clock as _, SystemClock};
use awo_models::EventKind;

use super::{Audience, Seen};
use crate::render::{duration, idle_line, running_line, step_line, waiting};
use crate::terminal::moving::MovingLine;
use crate::terminal::{moves, output, say};

/// A person, and what was told already.
#[derive(Debug)]
pub(crate) struct Person {
    line: Option<MovingLine>,
    /// Results that were told.
    told: usize,
    is_degraded: bool,
    /// What the order waits for, and since when it was seen to.
    waits: Option<(String, Instant)>,
    current: Option<CurrentStep>,
}

impl Person {
    pub(crate) fn new() -> Self {
        let line = moves().then(MovingLine::default);
        Self { line, told: 0, is_degraded: false, waits: None, current: None }
    }

    /// Prints something above the moving line.
    fn settle(&mut self, print: impl FnOnce()) {
        if let Some(line) = &mut self.line {
            line.clear();
        }
        print();
    }

    fn tell_store(&mut self, steps: &Steps) {
        let is_degraded = steps.persistence == "degraded";
        if std::mem::replace(&mut self.is_degraded, is_degraded) == is_degraded {
            return;
        }
        let unsaved = steps.pending_steps;
        self.settle(|| {
            if is_degraded {
                say!("  · the store does not take saves; the work goes on, {unsaved} unsaved");
            } else {
                say!("  · the store takes saves again; nothing is missing");
            }
        });
    }

    fn tell_waiting(&mut self, steps: &Steps) {
        let waits = waiting(steps.waiting_for.as_deref(), steps.waiting_until);
        if waits.as_ref() == self.waits.as_ref().map(|(told, _)| told) {
            return;
        }
        if let Some(waits) = &waits {
            self.settle(|| say!("  · waits {waits}"));
        }
        self.waits = waits.map(|waits| (waits, Instant::now()));
    }
}

impl Audience for Person {
    /// Without a line that moves, what agents do is of no use.
    fn kinds(&self) -> Vec<&'static str> {
        match self.line {
            Some(_) => Vec::new(),
            None => std::iter::once("state").chain(EventKind::WORDS).collect(),
        }
    }

    fn take(&mut self, seen: &Seen) {
        let steps = &seen.steps;
        for step in steps.steps.iter().skip(self.told) {
            self.settle(|| output::line(&step_line(step)));
        }
        self.told = steps.steps.len();
        self.tell_store(steps);
        self.tell_waiting(steps);
        self.works(steps.current_step.clone());
    }

    fn works(&mut self, current: Option<CurrentStep>) {
        self.current = current;
        self.moment();
    }

    fn lost(&mut self) {
        self.settle(|| say!("  · the server does not answer; still trying"));
    }

    fn done(&mut self) {
        self.line = None;
    }

    fn moves(&self) -> bool {
        self.line.is_some()
    }

    fn moment(&mut self) {
        let Some(line) = &mut self.line else { return };
        let sign = line.sign();
        let picture = match (&self.current, &self.waits) {
            (Some(current), _) => running_line(current, sign, SystemClock::default().now()),
            (None, Some((waits, since))) => idle_line(Some(waits), sign, &duration(since.elapsed().as_secs_f64())),
            (None, None) => idle_line(None, sign, ""),
        };
        line.draw(&picture);
    }
}
