//! How costs grow: with the length of an answer, with orders that are saved at once, with orders that are there.

use super::row::{Family, Goal, Row, Unit};

pub(super) const FAMILY: Family = Family {
    name: "curves",
    title: "How costs grow",
    how: "A save in files with answers of several lengths, beside an append and sync of as many bytes; saves of several orders\n\
          at once, beside as many threads that append and sync; and opening directories of several sizes in the page cache,\n\
          beside reading them. A ratio that stays the same means that awo's own part grows as the bytes do. How a save grows\n\
          with the history, and how answers do with connections, is in families of their own.",
    rows: &[
        save("curve-answer-1", "a save, answer of 1 KiB, p50"),
        save("curve-answer-8", "a save, answer of 8 KiB, p50"),
        save("curve-answer-64", "a save, answer of 64 KiB, p50"),
        save("curve-answer-512", "a save, answer of 512 KiB, p50"),
        writers("curve-writers-1", "saves of 1 order"),
        writers("curve-writers-4", "saves of 4 orders together"),
        writers("curve-writers-16", "saves of 16 orders together"),
        writers("curve-writers-64", "saves of 64 orders together"),
        opening("curve-orders-100", "opening 100 orders"),
        opening("curve-orders-1000", "opening 1,000 orders"),
    ],
    missing: || Ok(None),
    measure: |bench| bench.measure("curves", bench.disk.path(), bench.pick(5, 2), bench.pick(100, 20)),
};

const fn save(id: &'static str, what: &'static str) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: Some("append and sync"), goal: Goal::Watched }
}

const fn writers(id: &'static str, what: &'static str) -> Row {
    Row { id, what, unit: Unit::SavesPerSecond, bound: Some("appends of as many threads"), goal: Goal::Watched }
}

const fn opening(id: &'static str, what: &'static str) -> Row {
    Row { id, what, unit: Unit::Seconds, bound: Some("reading the bytes"), goal: Goal::Watched }
}
