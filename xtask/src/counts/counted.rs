//! Counts of instructions, with what they depend on, and how those of two runs differ.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::process;

/// A count has moved if it differs by more than so many hundredths. Random seeds of tables and the order in which threads
/// are run make up for less than one.
const MARGIN: u64 = 3;

/// What was counted, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    /// The compiler.
    pub(super) rustc: String,
    /// The library of C, which copies memory and hands it out.
    pub(super) libc: String,
    /// Instructions of doing a thing once.
    pub(super) counts: BTreeMap<String, u64>,
}

/// A thing whose count is another than it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) thing: String,
    /// What is written down; `None` if nothing is.
    then: Option<u64>,
    /// What was counted; `None` if there is no such thing any more.
    now: Option<u64>,
}

impl Counted {
    /// Nothing yet, by what this machine has.
    pub(super) fn of_this_machine() -> Result<Self> {
        let first = |program: &str, argument: &str| {
            let version = process::version_of(program, &[argument]);
            version.with_context(|| format!("{program} does not say its version"))
        };
        let host = process::output(Command::new("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
        Ok(Self {
            rustc: format!("{} for {host}", first("rustc", "--version")?),
            libc: first("ldd", "--version")?,
            counts: BTreeMap::new(),
        })
    }

    pub(super) fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let field = |name: &str| value[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        let counts = value["counts"].as_object().context("no counts")?;
        let count = |(thing, count): (&String, &Value)| {
            Ok((thing.clone(), count.as_u64().with_context(|| format!("{thing} is no number"))?))
        };
        Ok(Self {
            rustc: field("rustc")?,
            libc: field("libc")?,
            counts: counts.iter().map(count).collect::<Result<_>>()?,
        })
    }

    pub(super) fn to_json(&self) -> Result<String> {
        let all = json!({"rustc": self.rustc, "libc": self.libc, "counts": self.counts});
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }

    /// Why the counts of another run say nothing about these, if so.
    pub(super) fn is_other_than(&self, now: &Self) -> Option<String> {
        let differ = [(&self.rustc, &now.rustc), (&self.libc, &now.libc)].into_iter().find(|(then, now)| then != now);
        differ.map(|(then, now)| format!("what is written down was counted with {then}, and this is {now}"))
    }

    /// What differs by more than the margin; with `all`, also what was not counted any more.
    pub(super) fn moved(&self, now: &Self, all: bool) -> Vec<Moved> {
        let gone = self.counts.keys().filter(|thing| all && !now.counts.contains_key(*thing));
        now.counts
            .keys()
            .chain(gone)
            .map(|thing| Moved {
                thing: thing.clone(),
                then: self.counts.get(thing).copied(),
                now: now.counts.get(thing).copied(),
            })
            .filter(|moved| {
                moved.then.zip(moved.now).is_none_or(|(then, now)| then.abs_diff(now) * 100 > then * MARGIN)
            })
            .collect()
    }
}

impl Moved {
    /// Whether it is to be looked at: it costs more, or what is written down is not about it.
    pub(super) fn is_worse(&self) -> bool {
        self.then.zip(self.now).is_none_or(|(then, now)| now > then)
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thing = &self.thing;
        match (self.then, self.now) {
            (Some(then), Some(now)) => {
                let (more, sign) = if now > then { (now - then, '+') } else { (then - now, '-') };
                let tenths = more * 1000 / then.max(1);
                let verdict = if now > then { "worse" } else { "better: `cargo xtask counts --write` keeps it so" };
                write!(f, "{thing}: {then} → {now} instructions ({sign}{}.{} %, {verdict})", tenths / 10, tenths % 10)
            }
            (None, Some(now)) => write!(f, "{thing}: {now} instructions, and nothing is written down"),
            (_, None) => write!(f, "{thing}: is written down, and there is no such thing"),
        }
    }
}

/// The number of all instructions, as valgrind tells it at the end.
pub(super) fn total(said: &str) -> Option<u64> {
    let refs = said.lines().filter_map(|line| line.split_once("refs:"));
    let (_, number) = refs.into_iter().find(|(name, _)| name.trim_end().ends_with(" I"))?;
    number.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counts: &[(&str, u64)]) -> Counted {
        let counts = counts.iter().map(|(thing, count)| ((*thing).to_owned(), *count)).collect();
        Counted { rustc: "rustc 1".into(), libc: "libc 2".into(), counts }
    }

    fn moved(then: &[(&str, u64)], now: &[(&str, u64)]) -> Vec<String> {
        counted(then).moved(&counted(now), true).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_count_is_what_valgrind_says_last() {
        for line in ["==9== I refs:        1,234,567", "==9== I   refs:      1,234,567"] {
            let said = format!("==9== Cachegrind, a profiler\n==9== \n==9== D refs: 3\n{line}\n");
            assert_eq!(total(&said), Some(1_234_567), "{line}");
        }
        assert_eq!(total("==9== terminated"), None);
    }

    #[test]
    fn what_differs_by_more_than_the_margin_has_moved() {
        assert_eq!(moved(&[("save", 1000)], &[("save", 1030)]), Vec::<String>::new());
        assert_eq!(moved(&[("save", 1000)], &[("save", 1031)]), ["save: 1000 → 1031 instructions (+3.1 %, worse)"]);
        assert_eq!(
            moved(&[("save", 1000)], &[("save", 900)]),
            ["save: 1000 → 900 instructions (-10.0 %, better: `cargo xtask counts --write` keeps it so)"]
        );
    }

    #[test]
    fn what_is_not_on_both_sides_is_to_be_looked_at() {
        let (then, now) = (counted(&[("old", 1)]), counted(&[("new", 2)]));
        let both = then.moved(&now, true);
        assert!(both.iter().all(Moved::is_worse), "{both:?}");
        let told: Vec<String> = both.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["new: 2 instructions, and nothing is written down", "old: is written down, and there is no such thing"]
        );
        assert_eq!(then.moved(&now, false).len(), 1, "nothing is missed of what was not asked for");
    }

    #[test]
    fn what_gets_better_is_told_and_no_error() {
        assert!(!counted(&[("save", 1000)]).moved(&counted(&[("save", 500)]), true)[0].is_worse());
        assert!(counted(&[("save", 1000)]).moved(&counted(&[("save", 2000)]), true)[0].is_worse());
    }

    #[test]
    fn counts_are_read_as_they_were_written_and_know_their_compiler() {
        let one = counted(&[("save", 1000)]);
        assert_eq!(Counted::from_json(&one.to_json().unwrap()).unwrap(), one);
        assert_eq!(one.is_other_than(&one), None);
        let other = Counted { rustc: "rustc 3".into(), ..one.clone() };
        let said = one.is_other_than(&other).unwrap();
        assert_eq!(said, "what is written down was counted with rustc 1, and this is rustc 3");
    }
}
