//! What orders need that run at once.

use anyhow::Result;

use super::Bench;
use super::row::{Family, Goal, Row, Sample, Unit};

pub(super) const FAMILY: Family = Family {
    name: "many",
    title: "A thousand orders at once",
    how: "A hundred orders and then a thousand run at once in one process, whose agents are functions that wait in the sixth\n\
          step; five results are stored of each, in memory. What an order needs is what the process has grown by since none\n\
          ran, for each of them. The checkouts are fakes in memory, and what those need counts, too.",
    rows: &[
        Row {
            id: "many-few",
            what: "memory of an order, of 100",
            unit: Unit::Bytes,
            bound: None,
            goal: Goal::Below(65_536.0),
        },
        Row {
            id: "many",
            what: "memory of an order, of 1,000",
            unit: Unit::Bytes,
            bound: Some("of 100"),
            goal: Goal::TimesAtMost(1.2),
        },
    ],
    missing: || Ok(None),
    measure,
};

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    // A process of its own each time: one that had many keeps some of the memory for the next.
    let repeats = (0..bench.pick(7, 2)).map(|_| bench.measure("many", bench.memory.path(), 1, 1_000));
    Ok(repeats.collect::<Result<Vec<_>>>()?.concat())
}
