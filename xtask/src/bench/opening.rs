//! What it costs to find out what is stored, after whatever happened.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "opening",
    title: "Opening 10,000 orders",
    how: "A data directory with 10,000 orders of seven results of 8 KiB, in the page cache. Opening it verifies every record\n\
          of every journal and parses what a list shows, on all processors. The bound reads the same files, one after the\n\
          other.",
    rows: &[Row {
        id: "open-10000",
        what: "opening the repository",
        unit: Unit::Seconds,
        bound: Some("reading the bytes"),
        goal: Goal::Below(2.0),
    }],
    missing: || Ok(None),
    measure: |bench| bench.measure("opening", &bench.filled()?.dir, bench.pick(7, 2), 1),
};
