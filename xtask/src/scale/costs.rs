//! What single things cost: as the last benchmarks say, and where they say nothing, as somebody has measured or counted it.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::day::Giving;

/// One cost: its number, and where that is from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cost {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) number: f64,
    pub(super) source: String,
}

/// What is known before there are benchmarks of it.
struct Known {
    what: &'static str,
    unit: &'static str,
    /// The row of the benchmarks.
    row: Option<&'static str>,
    number: f64,
    source: &'static str,
}

const SAVES: Known = Known {
    what: "saves a second that a database of two processors takes from sixteen writers",
    unit: "/s",
    row: Some("postgres-writers-16"),
    number: 2_000.0,
    source: "an update of a row and an insert of 8 KiB by 16 clients of `pgbench`, which made 1,800 to 4,000 as the machine was busy",
};
const GIVEN: Known = Known {
    what: "an order is given to a worker, where little else waits or runs",
    unit: "s",
    row: Some("postgres-acquire-p50"),
    number: 0.001_5,
    source: "`acquire` by `psql` beside few orders",
};
const GIVEN_BESIDE: Known = Known {
    what: "the same, more for each order that has not ended",
    unit: "s",
    row: None,
    number: 0.000_000_001,
    source: "`acquire` in the database, where 200 orders of 50 busy repositories wait: 1.11 ms beside 100 orders that run, 1.18 ms beside 70,000",
};
const QUESTION: Known = Known {
    what: "a worker asks for an order where there is none to give",
    unit: "s",
    row: None,
    number: 0.000_04,
    source: "`acquire` in the database: 0.034 ms beside 100 orders that run, 0.040 ms beside 70,000",
};
const LOOK: Known = Known {
    what: "a process looks for changes, for each order that has not ended",
    unit: "s",
    row: None,
    number: 0.000_002_2,
    source: "`VERSIONS` by `EXPLAIN ANALYZE`: 57 ms of 20,000, 156 ms of 70,000; 125 ms of processor time",
};

/// All costs.
#[derive(Debug)]
pub(super) struct Costs {
    saves: Cost,
    given: Cost,
    given_beside: Cost,
    question: Cost,
    look: Cost,
}

impl Costs {
    /// From the file of the benchmarks.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self::of(&serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))?))
    }

    pub(super) fn of(benchmarks: &Value) -> Self {
        let cost = |known: &Known| known.cost(benchmarks);
        Self {
            saves: cost(&SAVES),
            given: cost(&GIVEN),
            given_beside: cost(&GIVEN_BESIDE),
            question: cost(&QUESTION),
            look: cost(&LOOK),
        }
    }

    /// Commits a second that the database takes.
    pub(super) fn commits(&self) -> f64 {
        self.saves.number
    }

    /// What giving an order away takes.
    pub(super) fn giving(&self) -> Giving {
        Giving { fixed: self.given.number, for_each_unended: self.given_beside.number }
    }

    /// Seconds of the database that a question takes to which there is nothing to give.
    pub(super) fn question(&self) -> f64 {
        self.question.number
    }

    /// Seconds of the database that a look takes for each order that has not ended.
    pub(super) fn look(&self) -> f64 {
        self.look.number
    }

    /// All, for the page.
    pub(super) fn all(&self) -> [&Cost; 5] {
        [&self.saves, &self.given, &self.given_beside, &self.question, &self.look]
    }
}

impl Known {
    fn cost(&self, benchmarks: &Value) -> Cost {
        let rows = benchmarks["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let row = self.row.and_then(|id| rows.iter().find(|row| row["id"] == id));
        let measured = row.and_then(|row| row["measured"]["middle"].as_f64());
        let source = match (measured, self.row) {
            (Some(_), Some(row)) => format!("[benchmarks](benchmarks.md), `{row}`"),
            _ => format!("measured by hand: {}", self.source),
        };
        Cost { what: self.what, unit: self.unit, number: measured.unwrap_or(self.number), source }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn benchmarks_come_before_what_was_measured_by_hand() {
        let none = Costs::of(&json!({}));
        assert!(none.all().iter().all(|cost| cost.source.starts_with("measured by hand")));
        let row = json!({"id": "postgres-writers-16", "measured": {"low": 1.0, "middle": 3_500.0, "high": 9.0}});
        let some = Costs::of(&json!({"rows": [row]}));
        assert!((some.commits() - 3_500.0).abs() < 1e-9 && some.saves.source.contains("postgres-writers-16"));
        assert_eq!(some.look, none.look);
    }
}
