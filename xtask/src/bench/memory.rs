//! What a save costs that nothing but memory keeps.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "memory",
    title: "One save, in memory",
    how: "The same orders in the repository that keeps them in memory, up to 10,000 results of 8 KiB.",
    rows: &[
        Row {
            id: "save-memory",
            what: "saves 1 to 1,000, p50",
            unit: Unit::Seconds,
            bound: None,
            goal: Goal::Below(2e-6),
        },
        Row {
            id: "flat-memory",
            what: "saves 9,001 to 10,000, p50",
            unit: Unit::Seconds,
            bound: Some("saves 1 to 1,000"),
            goal: Goal::TimesAtMost(1.2),
        },
    ],
    missing: || Ok(None),
    measure: |bench| bench.measure("memory", bench.memory.path(), bench.pick(7, 3), bench.pick(10_000, 2_000)),
};
