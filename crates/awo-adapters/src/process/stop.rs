//! Owns the decision when a run is stopped, and with what.

use std::time::Duration;

use tokio::time::Instant;

use super::{EndCause, RunLimits};

/// Far enough to mean never.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// What a run is told, gentle first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    Interrupt,
    Terminate,
    Kill,
}

/// A stop in progress.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) cause: EndCause,
    /// When it is time for the next rung.
    pub(super) until: Instant,
    rung: Rung,
}

impl Stop {
    /// When a run that nobody cancels is stopped at the latest, and why.
    pub(super) fn due(started: Instant, last_sign: Instant, limits: &RunLimits) -> (Instant, EndCause) {
        let wall = (after(started, limits.wall), EndCause::WallTimeout);
        match limits.silence {
            Some(silence) if after(last_sign, silence) < wall.0 => {
                (after(last_sign, silence), EndCause::SilenceTimeout)
            }
            _ => wall,
        }
    }

    /// A stop whose interrupt is sent now.
    pub(super) fn begin(cause: EndCause, now: Instant, limits: &RunLimits) -> Self {
        Self { cause, until: after(now, limits.interrupt_grace), rung: Rung::Interrupt }
    }

    /// The next rung, to be told now.
    pub(super) fn climb(&mut self, now: Instant, limits: &RunLimits) -> Rung {
        self.rung = match self.rung {
            Rung::Interrupt => Rung::Terminate,
            Rung::Terminate | Rung::Kill => Rung::Kill,
        };
        self.until = after(now, limits.terminate_grace);
        self.rung
    }
}

fn after(start: Instant, time: Duration) -> Instant {
    start + time.min(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_limit_is_the_cause_and_signs_of_life_move_only_the_silence() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let limits = RunLimits { wall: 10 * second, silence: Some(4 * second), ..RunLimits::default() };
        assert_eq!(Stop::due(start, start, &limits), (start + 4 * second, EndCause::SilenceTimeout));
        assert_eq!(Stop::due(start, start + 7 * second, &limits), (start + 10 * second, EndCause::WallTimeout));
        let endless = RunLimits { wall: Duration::MAX, silence: None, ..limits };
        assert_eq!(Stop::due(start, start, &endless).0, start + NEVER);
    }

    #[test]
    fn the_ladder_has_three_rungs_with_a_grace_between() {
        let limits = RunLimits::default();
        let now = Instant::now();
        let mut stop = Stop::begin(EndCause::Cancelled, now, &limits);
        assert_eq!(stop.until, now + limits.interrupt_grace);
        assert_eq!(stop.climb(stop.until, &limits), Rung::Terminate);
        assert_eq!(stop.until, now + limits.interrupt_grace + limits.terminate_grace);
        assert_eq!(stop.climb(stop.until, &limits), Rung::Kill);
    }
}
