//! What is measured: rows, in families, and what is expected of each.

use anyhow::Result;

use super::Bench;

/// Rows that are measured together.
#[derive(Debug)]
pub(super) struct Family {
    /// What it is called on the command line.
    pub(super) name: &'static str,
    /// What it is called on the page.
    pub(super) title: &'static str,
    /// How it is measured.
    pub(super) how: &'static str,
    pub(super) rows: &'static [Row],
    /// Why it cannot be measured here, if it cannot.
    pub(super) missing: fn() -> Result<Option<String>>,
    pub(super) measure: fn(&Bench) -> Result<Vec<Sample>>,
}

/// One thing that is measured.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called in the figures of a run. It stays, so that runs can be compared.
    pub(super) id: &'static str,
    /// What is measured.
    pub(super) what: &'static str,
    pub(super) unit: Unit,
    /// What it is compared with, if there is something.
    pub(super) bound: Option<&'static str>,
    pub(super) goal: Goal,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    SavesPerSecond,
    PerSecond,
    /// What is done although nothing is to be done.
    StatementsPerSecond,
    Bytes,
}

/// What is expected of the middle of all repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// At most so many times the bound.
    TimesAtMost(f64),
    /// At least so many times the bound.
    TimesAtLeast(f64),
    /// Less than this.
    Below(f64),
    /// Less than the bound and so much.
    Beyond(f64),
    /// Nothing: it is there to be compared with the next run.
    Watched,
}

/// What one repeat gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Id of the row.
    pub(super) row: String,
    pub(super) measured: f64,
    pub(super) bound: Option<f64>,
}

impl Unit {
    /// Whether a larger number is a better one.
    pub(super) fn counts_what_is_done(self) -> bool {
        matches!(self, Self::SavesPerSecond | Self::PerSecond)
    }

    /// A number as people read it.
    pub(super) fn show(self, number: f64) -> String {
        let scaled = |number: f64, unit: &str| match number {
            n if n >= 100.0 => format!("{n:.0} {unit}"),
            n if n >= 10.0 => format!("{n:.1} {unit}"),
            n => format!("{n:.2} {unit}"),
        };
        match self {
            Self::Seconds if number >= 1.0 => scaled(number, "s"),
            Self::Seconds if number >= 1e-3 => scaled(number * 1e3, "ms"),
            Self::Seconds => scaled(number * 1e6, "µs"),
            Self::SavesPerSecond | Self::PerSecond | Self::StatementsPerSecond if number < 100.0 => {
                scaled(number, "").replace(' ', "/s")
            }
            Self::SavesPerSecond | Self::PerSecond | Self::StatementsPerSecond => format!("{number:.0}/s"),
            Self::Bytes if number < 1e5 => scaled(number / 1e3, "kB"),
            Self::Bytes => scaled(number / 1e6, "MB"),
        }
    }
}

impl Goal {
    pub(super) fn show(self, unit: Unit) -> String {
        match self {
            Self::TimesAtMost(times) => format!("≤ {times} ×"),
            Self::TimesAtLeast(times) => format!("≥ {times} ×"),
            Self::Below(number) => format!("< {}", round(unit, number)),
            Self::Beyond(number) => format!("< bound + {}", round(unit, number)),
            Self::Watched => "–".to_owned(),
        }
    }

    /// Whether it is met; `None` if nothing is expected, or it cannot be told.
    pub(super) fn is_met(self, measured: f64, bound: Option<f64>, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::TimesAtMost(times) => ratio.map(|ratio| ratio <= times),
            Self::TimesAtLeast(times) => ratio.map(|ratio| ratio >= times),
            Self::Below(number) => Some(measured < number),
            Self::Beyond(number) => bound.map(|bound| measured < bound + number),
            Self::Watched => None,
        }
    }
}

/// A number that somebody chose, without zeros at its end.
fn round(unit: Unit, number: f64) -> String {
    unit.show(number).replace(".00", "").replace(".0", "").replace(".50", ".5")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_three_digits() {
        let shown = [0.000_000_4, 0.001_234, 0.012_34, 0.123_4, 1.234].map(|n| Unit::Seconds.show(n));
        assert_eq!(shown, ["0.40 µs", "1.23 ms", "12.3 ms", "123 ms", "1.23 s"]);
        assert_eq!(Unit::Bytes.show(20e6), "20.0 MB");
        assert_eq!(Unit::SavesPerSecond.show(1234.5), "1234/s");
        assert_eq!([1.234, 12.34].map(|n| Unit::PerSecond.show(n)), ["1.23/s", "12.3/s"]);
        assert_eq!(Goal::Below(2.0).show(Unit::Seconds), "< 2 s");
        assert_eq!(Goal::Below(0.05).show(Unit::Seconds), "< 50 ms");
        assert_eq!(Goal::Beyond(0.0015).show(Unit::Seconds), "< bound + 1.5 ms");
        assert_eq!(Goal::TimesAtMost(1.3).show(Unit::Seconds), "≤ 1.3 ×");
    }

    #[test]
    fn a_goal_is_about_the_ratio_or_about_the_number() {
        assert_eq!(Goal::TimesAtMost(1.3).is_met(9.0, Some(1.0), Some(1.3)), Some(true));
        assert_eq!(Goal::TimesAtMost(1.3).is_met(9.0, Some(1.0), Some(1.4)), Some(false));
        assert_eq!(Goal::TimesAtLeast(0.8).is_met(9.0, Some(1.0), Some(0.7)), Some(false));
        assert_eq!(Goal::Below(2.0).is_met(2.0, Some(1.0), Some(0.1)), Some(false));
        assert_eq!(Goal::Beyond(2.0).is_met(2.9, Some(1.0), Some(2.9)), Some(true));
        assert_eq!(Goal::Beyond(2.0).is_met(3.0, Some(1.0), Some(3.0)), Some(false));
        assert_eq!(Goal::Beyond(2.0).is_met(3.0, None, None), None);
        assert_eq!(Goal::Watched.is_met(2.0, Some(1.0), Some(0.1)), None);
    }
}
