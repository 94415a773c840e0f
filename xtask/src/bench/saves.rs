//! What a save costs that is durable when it is answered.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "saves",
    title: "One save, in files",
    how: "One order whose steps each end with an answer of 8 KiB. After each save, as many bytes as the journal grew by are\n\
          appended to an open file in the same directory and synced (`fdatasync`). 500 saves in a repeat.",
    rows: &[
        Row {
            id: "save-p50",
            what: "a save, p50",
            unit: Unit::Seconds,
            bound: Some("append and sync"),
            goal: Goal::TimesAtMost(1.3),
        },
        Row {
            id: "save-p99",
            what: "a save, p99",
            unit: Unit::Seconds,
            bound: Some("append and sync"),
            goal: Goal::TimesAtMost(3.0),
        },
    ],
    missing: || Ok(None),
    measure: |bench| bench.measure("saves", bench.disk.path(), bench.pick(7, 3), bench.pick(500, 100)),
};
