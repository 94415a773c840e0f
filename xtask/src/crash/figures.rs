//! What all trials together come to, and the line that says it.

use std::fmt;
use std::time::Duration;

use super::history::Kind;
use super::trial::Outcome;

/// Sums over trials.
#[derive(Debug, Default)]
pub(super) struct Figures {
    trials: usize,
    orders: usize,
    kills: usize,
    acknowledged: usize,
    lost: usize,
    repeated: usize,
    other: usize,
    damages: usize,
    rebuilt: usize,
    recoveries: Vec<Duration>,
}

impl Figures {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.trials += 1;
        self.orders += outcome.orders;
        self.kills += outcome.kills;
        self.acknowledged += outcome.acknowledged;
        self.damages += outcome.damages;
        self.rebuilt += outcome.rebuilt;
        self.recoveries.extend(&outcome.recoveries);
        for violation in &outcome.violations {
            *match violation.kind {
                Kind::Lost => &mut self.lost,
                Kind::Repeated => &mut self.repeated,
                Kind::Other => &mut self.other,
            } += 1;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trials, orders, kills, acknowledged, lost, repeated, other, damages, rebuilt, recoveries } = self;
        write!(f, "crash: {trials} trials, {orders} orders, {kills} kills, {acknowledged} acknowledged results, ")?;
        write!(f, "lost {lost}, repeated {repeated}, other failures {other}; ")?;
        write!(f, "{damages} checkouts or clones damaged between lives, {rebuilt} checkouts made anew")?;
        let mut sorted = recoveries.clone();
        sorted.sort_unstable();
        if let (Some(middle), Some(longest)) = (sorted.get(sorted.len() / 2), sorted.last()) {
            let (p50, max) = (middle.as_millis(), longest.as_millis());
            write!(f, "; {} recoveries, p50 {p50} ms, max {max} ms", sorted.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Violation;
    use super::*;

    #[test]
    fn the_line_sums_up() {
        let mut figures = Figures::default();
        let lost = Violation { kind: Kind::Lost, what: String::new() };
        let mut outcome = Outcome { orders: 2, kills: 3, acknowledged: 5, damages: 1, ..Outcome::default() };
        outcome.recoveries = [30, 10, 20].map(Duration::from_millis).to_vec();
        figures.add(&outcome);
        outcome.violations = vec![lost.clone(), lost];
        outcome.recoveries.clear();
        figures.add(&outcome);
        let line = "crash: 2 trials, 4 orders, 6 kills, 10 acknowledged results, lost 2, repeated 0, other failures 0; \
                    2 checkouts or clones damaged between lives, 0 checkouts made anew; 3 recoveries, p50 20 ms, max 30 ms";
        assert_eq!(figures.to_string(), line);
    }
}
