//! Decides when the store is asked for orders because there is a new one elsewhere. Asking is serial for all workers: where much
//! is going on, each of those that are idle asks little more often than it does anyway.

use std::time::Duration;

use tokio::time::Instant;

/// So many times in a row at once; then once in the time of a poll.
const AT_ONCE: u32 = 5;
/// Workers that hear the same word do not all ask in the same moment.
const SPREAD: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Pace {
    poll: Duration,
    /// When the last of those in a row would have been due, had each taken its time.
    used_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(poll: Duration) -> Self {
        Self { poll, used_until: None }
    }

    /// When to ask because of word that came now, with `chance`.
    pub(super) fn due(&mut self, now: Instant, chance: u8) -> Instant {
        let begun = self.used_until.map_or(now, |used_until| used_until.max(now)) + self.poll;
        self.used_until = Some(begun);
        let soonest = begun.checked_sub(self.poll * AT_ONCE).unwrap_or(now);
        soonest.max(now) + SPREAD * u32::from(chance) / 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_times_at_once_and_then_once_in_a_poll() {
        let (poll, start) = (Duration::from_secs(1), Instant::now());
        let mut pace = Pace::new(poll);
        let mut now = start;
        // There is word all the time.
        for _ in 0..1000 {
            now = pace.due(now, 0);
        }
        assert_eq!(now, start + poll * (1000 - AT_ONCE));
        now += poll * AT_ONCE;
        let at_once: Vec<_> = (0..=AT_ONCE).map(|_| pace.due(now, 0) - now).collect();
        assert_eq!(at_once[..AT_ONCE as usize], [Duration::ZERO; AT_ONCE as usize], "after some quiet");
        assert_eq!(at_once[AT_ONCE as usize], poll);
    }

    #[test]
    fn those_who_hear_the_same_do_not_ask_in_the_same_moment() {
        let now = Instant::now();
        let due = |chance| Pace::new(Duration::from_secs(1)).due(now, chance) - now;
        assert_eq!(due(0), Duration::ZERO);
        assert!(due(128) < due(255) && due(255) < SPREAD);
    }
}
