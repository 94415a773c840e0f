//! What a long run is judged by: how much each quantity may grow while the load stays the same, and what must be as it was
//! once nothing runs. Pure: samples in, verdicts out.

use std::fmt::{self, Write as _};

use super::sample::Sample;
use super::trend::{middle, slope};

/// So many of the first samples are not judged: the program takes its memory then.
const WARM_UP: f64 = 0.25;

/// What is written behind a number.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Megabytes,
    Number,
    Milliseconds,
}

/// Something that is sampled.
struct Quantity {
    name: &'static str,
    unit: Unit,
    of: fn(&Sample) -> f64,
    /// Growth that is allowed, or it is only told.
    allowed: Option<Growth>,
}

/// So much of itself in an hour, and so much in any run.
struct Growth {
    share_an_hour: f64,
    in_any_run: f64,
}

const QUANTITIES: &[Quantity] = &[
    Quantity {
        name: "memory (RSS)",
        unit: Unit::Megabytes,
        of: |sample| sample.memory,
        allowed: Some(Growth { share_an_hour: 0.02, in_any_run: 2e6 }),
    },
    Quantity {
        name: "descriptors",
        unit: Unit::Number,
        of: |sample| sample.descriptors,
        allowed: Some(Growth { share_an_hour: 0.0, in_any_run: 4.0 }),
    },
    Quantity {
        name: "threads",
        unit: Unit::Number,
        of: |sample| sample.threads,
        allowed: Some(Growth { share_an_hour: 0.0, in_any_run: 3.0 }),
    },
    Quantity {
        name: "child processes",
        unit: Unit::Number,
        of: |sample| sample.children,
        allowed: Some(Growth { share_an_hour: 0.0, in_any_run: 3.0 }),
    },
    Quantity {
        name: "data directory",
        unit: Unit::Megabytes,
        of: |sample| sample.disk,
        allowed: Some(Growth { share_an_hour: 0.02, in_any_run: 5e6 }),
    },
    Quantity { name: "database", unit: Unit::Megabytes, of: |sample| sample.database, allowed: None },
    // Told only: what else the machine does is in them.
    Quantity { name: "probe, p50", unit: Unit::Milliseconds, of: |sample| sample.p50, allowed: None },
    Quantity { name: "probe, p99", unit: Unit::Milliseconds, of: |sample| sample.p99, allowed: None },
];

/// What came of a quantity.
#[derive(Debug)]
pub(super) struct Verdict {
    name: &'static str,
    unit: Unit,
    /// The middle of the first and of the last quarter of what is judged.
    first: f64,
    last: f64,
    lowest: f64,
    highest: f64,
    /// By the slope, in the time that is judged.
    growth: f64,
    allowed: Option<f64>,
}

impl Verdict {
    /// Whether it grew no more than it may.
    pub(super) fn holds(&self) -> bool {
        self.allowed.is_none_or(|allowed| self.growth <= allowed)
    }
}

/// Judges samples under load, of which the first are left out. Empty if they are too few to say anything.
pub(super) fn judge(samples: &[Sample]) -> Vec<Verdict> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
    let warm = (samples.len() as f64 * WARM_UP) as usize;
    let judged = &samples[warm..];
    let (Some(begin), Some(end)) = (judged.first(), judged.last()) else { return Vec::new() };
    let hours = (end.at - begin.at) / 3600.0;
    QUANTITIES.iter().filter_map(|quantity| quantity.judge(judged, hours)).collect()
}

impl Quantity {
    fn judge(&self, judged: &[Sample], hours: f64) -> Option<Verdict> {
        let points: Vec<_> = judged.iter().map(|sample| (sample.at / 3600.0, (self.of)(sample))).collect();
        let numbers = |part: &[(f64, f64)]| part.iter().map(|(_, number)| *number).collect::<Vec<_>>();
        let quarter = points.len().div_ceil(4);
        let first = middle(numbers(&points[..quarter]))?;
        let all = numbers(&points);
        Some(Verdict {
            name: self.name,
            unit: self.unit,
            first,
            last: middle(numbers(&points[points.len() - quarter..]))?,
            lowest: all.iter().copied().fold(f64::INFINITY, f64::min),
            highest: all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            growth: slope(&points)? * hours,
            allowed: self.allowed.as_ref().map(|may| may.in_any_run + may.share_an_hour * first * hours),
        })
    }
}

/// What holds more at rest than it did at rest before the load; descriptors and threads that pools keep are few.
pub(super) fn left_at_rest(before: &Sample, after: &Sample) -> Vec<String> {
    const POOLED: f64 = 14.0;
    let mut left = Vec::new();
    for (name, before, after, more) in [
        ("descriptors", before.descriptors, after.descriptors, POOLED),
        ("threads", before.threads, after.threads, POOLED),
        ("child processes", 0.0, after.children, 0.0),
    ] {
        if after > before + more {
            left.push(format!("at rest there were {before} {name} before the load, and {after} are there afterwards"));
        }
    }
    left
}

/// The verdicts as rows for a page; in a short run only what was seen.
pub(super) fn table(verdicts: &[Verdict], judged: bool) -> String {
    let mut text = "| | first quarter | last quarter | lowest | highest | growth by slope | allowed | |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for verdict in verdicts.iter().filter(|verdict| verdict.highest > 0.0) {
        let Verdict { name, unit, first, last, lowest, highest, growth, allowed } = verdict;
        let allowed = allowed.map_or("–".to_owned(), |allowed| unit.show(allowed));
        let [first, last, lowest, highest, growth] =
            [first, last, lowest, highest, growth].map(|number| unit.show(*number));
        let word = match (judged, verdict.holds()) {
            (false, _) => "not judged",
            (true, true) => "",
            (true, false) => "FAILED",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {first} | {last} | {lowest} | {highest} | {growth} | {allowed} | {word} |");
    }
    text
}

impl Unit {
    fn show(self, number: f64) -> String {
        match self {
            Self::Megabytes => format!("{:.1} MB", number / 1e6),
            Self::Number => format!("{number:.1}"),
            Self::Milliseconds => format!("{:.1} ms", number * 1e3),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (growth, allowed) = (self.unit.show(self.growth), self.unit.show(self.allowed.unwrap_or_default()));
        write!(f, "{} grew by {growth}, and may by {allowed}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of a server in which nothing grows, a sample every ten seconds, each changed.
    fn hour(change: impl Fn(f64, &mut Sample)) -> Vec<Sample> {
        let sample = |number: i32| {
            let at = f64::from(number) * 10.0;
            let wave = f64::from(number % 7);
            let mut sample = Sample {
                at,
                memory: 60e6 + wave * 3e5,
                descriptors: 60.0 + wave,
                threads: 20.0 + wave,
                children: 4.0,
                disk: 30e6 + wave * 1e6,
                database: 0.0,
                p50: 0.002,
                p99: 0.02,
            };
            change(at / 3600.0, &mut sample);
            sample
        };
        (0..360).map(sample).collect()
    }

    fn failed(samples: &[Sample]) -> Vec<&'static str> {
        judge(samples).iter().filter(|verdict| !verdict.holds()).map(|verdict| verdict.name).collect()
    }

    #[test]
    fn what_stays_as_it_is_holds() {
        assert_eq!(failed(&hour(|_, _| {})), [""; 0]);
    }

    #[test]
    fn each_thing_that_grows_is_named() {
        assert_eq!(failed(&hour(|hours, sample| sample.memory += hours * 8e6)), ["memory (RSS)"]);
        assert_eq!(failed(&hour(|hours, sample| sample.descriptors += hours * 20.0)), ["descriptors"]);
        assert_eq!(failed(&hour(|hours, sample| sample.threads += hours * 12.0)), ["threads"]);
        assert_eq!(failed(&hour(|hours, sample| sample.children += hours * 12.0)), ["child processes"]);
        assert_eq!(failed(&hour(|hours, sample| sample.disk += hours * 30e6)), ["data directory"]);
    }

    #[test]
    fn what_the_program_takes_in_the_beginning_is_no_growth() {
        let warm = |hours: f64, sample: &mut Sample| sample.memory -= 30e6 * (1.0 - hours * 8.0).max(0.0);
        assert_eq!(failed(&hour(warm)), [""; 0]);
    }

    #[test]
    fn a_few_wild_samples_are_no_growth() {
        let wild = |hours: f64, sample: &mut Sample| {
            if hours > 0.9 && hours < 0.96 {
                sample.memory *= 3.0;
            }
        };
        assert_eq!(failed(&hour(wild)), [""; 0]);
    }

    #[test]
    fn nothing_is_judged_by_nothing() {
        assert!(judge(&[]).is_empty());
        assert!(judge(&hour(|_, _| {})[..1]).is_empty(), "one sample has no slope");
    }

    #[test]
    fn what_is_left_at_rest_is_named() {
        let before = hour(|_, _| {}).swap_remove(0);
        let rest = Sample { children: 0.0, ..before };
        assert!(left_at_rest(&before, &rest).is_empty());
        assert_eq!(left_at_rest(&rest, &Sample { children: 1.0, ..rest }).len(), 1);
        assert_eq!(left_at_rest(&rest, &Sample { descriptors: rest.descriptors + 40.0, ..rest }).len(), 1);
        assert_eq!(left_at_rest(&rest, &Sample { threads: rest.threads + 40.0, ..rest }).len(), 1);
    }

    #[test]
    fn the_table_says_what_failed() {
        let text = table(&judge(&hour(|hours, sample| sample.descriptors += hours * 20.0)), true);
        assert!(text.contains("| descriptors |") && text.contains("FAILED"), "{text}");
        assert!(!text.contains("database"), "there is none: {text}");
    }
}
