//! How often what happened.

use std::collections::BTreeMap;
use std::fmt;

/// Numbers, each with what it counts.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    /// Counts one more.
    pub(super) fn one(&mut self, what: &'static str) {
        self.more(what, 1);
    }

    pub(super) fn more(&mut self, what: &'static str, count: usize) {
        *self.0.entry(what).or_default() += count;
    }

    pub(super) fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.more(what, *count);
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().filter(|(_, count)| **count > 0).collect();
        f.write_str(&all.iter().map(|(what, count)| format!("{what}: {count}")).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_told_without_nothing() {
        let (mut all, mut round) = (Counts::default(), Counts::default());
        round.one("workers killed");
        round.more("events", 0);
        all.add(&round);
        all.add(&round);
        assert_eq!((all.of("workers killed"), all.of("events"), all.of("orders")), (2, 0, 0));
        assert_eq!(all.to_string(), "workers killed: 2");
    }
}
