//! What saves of many orders at once cost each other.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "writers",
    title: "Sixteen orders at once, in files",
    how: "Sixteen orders are saved at once, 300 times each; before or after that, sixteen threads append as many bytes and\n\
          sync, each to a file of its own. The second row compares the same saves with appends that sixteen tasks hand to\n\
          threads that may wait, as whoever writes files in an asynchronous program must: what remains is what the store\n\
          itself adds. Where a device syncs in a fraction of a millisecond, most of the rest goes into switches between\n\
          threads, in the kernel; the program's own code is a small part of a profile.",
    rows: &[
        Row {
            id: "writers-16",
            what: "saves of all orders together",
            unit: Unit::SavesPerSecond,
            bound: Some("appends of all threads"),
            goal: Goal::TimesAtLeast(0.8),
        },
        Row {
            id: "writers-16-handed",
            what: "the same saves",
            unit: Unit::SavesPerSecond,
            bound: Some("appends of all tasks"),
            goal: Goal::Watched,
        },
    ],
    missing: || Ok(None),
    measure: |bench| bench.measure("writers", bench.disk.path(), bench.pick(8, 2), bench.pick(300, 30)),
};
