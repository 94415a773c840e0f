//! Whether the saves of an order get dearer the longer it is.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "flatness",
    title: "The ten-thousandth save",
    how: "One order is saved 10,000 times, with an answer of 8 KiB each, in a directory in memory: without a device below it,\n\
          what the program itself does is nearly all there is. The last thousand saves beside the first.",
    rows: &[Row {
        id: "flat-files",
        what: "saves 9,001 to 10,000, p50",
        unit: Unit::Seconds,
        bound: Some("saves 1 to 1,000"),
        goal: Goal::TimesAtMost(1.2),
    }],
    missing: || Ok(None),
    measure: |bench| bench.measure("flatness", bench.memory.path(), bench.pick(5, 2), bench.pick(10_000, 2_000)),
};
