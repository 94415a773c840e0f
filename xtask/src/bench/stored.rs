//! What saves, leases and lists cost in PostgreSQL beside all that is stored, and beside all that waits.

use anyhow::{Context as _, Result};

use super::Bench;
use super::database::Database;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::postgres::missing;

pub(super) const FAMILY: Family = Family {
    name: "stored",
    title: "PostgreSQL with 1,000, 100,000 and 1,000,000 orders",
    how: "A database is filled with copies of one order that has ended, with one result and its events (six rows for each order in\n\
          all), by `INSERT … SELECT`, then vacuumed as it would be by itself. Beside them an order is saved with answers of\n\
          8 KiB, orders are created and given to a worker one by one, and pages of 200 are read: the newest, those of a status\n\
          that no order has, and those with words that no order has, for which all must be looked at. Each page comes with the\n\
          number of all that match. Before that, 10, 1,000 and 10,000 orders of ten repositories wait in line, and the first is\n\
          given and given back. The bound is the same with the fewest.",
    rows: &[
        row("stored-save-1000", "a save beside 1,000 orders, p50", None),
        row("stored-save-100000", "a save beside 100,000 orders, p50", FEWEST),
        row("stored-save-1000000", "a save beside 1,000,000 orders, p50", FEWEST),
        row("stored-acquire-1000", "an order is given beside 1,000, p50", None),
        row("stored-acquire-100000", "an order is given beside 100,000, p50", FEWEST),
        row("stored-acquire-1000000", "an order is given beside 1,000,000, p50", FEWEST),
        row("stored-list-1000", "a page of 1,000 orders, p50", None),
        row("stored-list-100000", "a page of 100,000 orders, p50", FEWEST),
        row("stored-list-1000000", "a page of 1,000,000 orders, p50", FEWEST),
        row("stored-failed-1000", "a page of those that failed, of 1,000, p50", None),
        row("stored-failed-100000", "a page of those that failed, of 100,000, p50", FEWEST),
        row("stored-failed-1000000", "a page of those that failed, of 1,000,000, p50", FEWEST),
        row("stored-words-1000", "a page with some words, of 1,000 orders, p50", None),
        row("stored-words-100000", "a page with some words, of 100,000 orders, p50", FEWEST),
        row("stored-words-1000000", "a page with some words, of 1,000,000 orders, p50", FEWEST),
        row("line-10", "an order is given of 10 that wait, p50", None),
        row("line-1000", "an order is given of 1,000 that wait, p50", Some("of 10")),
        row("line-10000", "an order is given of 10,000 that wait, p50", Some("of 10")),
    ],
    missing,
    measure,
};

const FEWEST: Option<&str> = Some("beside 1,000");

const fn row(id: &'static str, what: &'static str, bound: Option<&'static str>) -> Row {
    Row { id, what, unit: Unit::Seconds, bound, goal: Goal::Watched }
}

/// Copies of the order that has ended, older than what is measured with, so that this is on the first page.
const ENDED: &str = "
    SET search_path TO awo;
    SET synchronous_commit = off;
    CREATE TEMPORARY TABLE copies AS
        SELECT 'wo-' || lpad(to_hex(1600000000000 + n), 12, '0') || substr(pattern.id, 16) AS id, pattern.id AS of
        FROM (SELECT id FROM orders WHERE status = 'completed' ORDER BY id LIMIT 1) AS pattern,
            generate_series({from}::bigint, {to}::bigint) AS n;
    INSERT INTO orders (id, format, seq, epoch, head, spec, created_at, state, status, held, repository, agent, searched,
            branch, bytes)
        SELECT copies.id, format, seq, epoch, head, spec, created_at, state, status, held, repository, agent, searched,
            branch, bytes
        FROM copies JOIN orders ON orders.id = of;
    INSERT INTO steps SELECT copies.id, number, document FROM copies JOIN steps ON order_id = of;
    INSERT INTO events SELECT copies.id, number, document FROM copies JOIN events ON order_id = of;
    DROP TABLE copies;
    VACUUM ANALYZE orders, steps, events";

/// Copies of the order that waits, of ten repositories.
const WAITING: &str = "
    SET search_path TO awo;
    INSERT INTO orders (id, format, seq, epoch, head, spec, created_at, state, status, held, repository, agent, searched,
            branch, bytes)
        SELECT 'wo-' || lpad(to_hex(1800000000000 + n), 12, '0') || substr(id, 16), format, seq, epoch, head, spec,
            created_at, state, status, held, repository || (n % 10)::text::bytea, agent, searched, branch, bytes
        FROM (SELECT * FROM orders WHERE status = 'pending' ORDER BY id LIMIT 1) AS pattern,
            generate_series({from}::bigint, {to}::bigint) AS n;
    VACUUM ANALYZE orders, in_line";

/// None waits any more.
const NONE_WAITS: &str = "
    SET search_path TO awo;
    DELETE FROM orders WHERE status = 'pending';
    DELETE FROM events WHERE NOT EXISTS (SELECT FROM orders WHERE id = order_id);
    VACUUM ANALYZE orders, events, in_line";

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let database = Database::start(bench, "stored")?;
    database.measure(bench, "postgres-patterns", 1, 1)?;
    let (size, repeats) = (bench.pick(200, 20), bench.pick(3, 1));
    let mut curve = Curve::default();

    let line = [("10", 10), ("1000", bench.pick(1_000, 100)), ("10000", bench.pick(10_000, 1_000))];
    let mut there = 1;
    for (name, orders) in line {
        fill(&database, WAITING, there, orders)?;
        there = orders;
        for repeat in 0..repeats {
            for sample in database.measure(bench, "postgres-line", size, 1)? {
                curve.add(&format!("line-{name}"), "line-10", repeat, sample.measured);
            }
        }
    }
    database.sql(NONE_WAITS)?;

    let ended = [("1000", 1_000), ("100000", bench.pick(100_000, 5_000)), ("1000000", bench.pick(1_000_000, 20_000))];
    let (mut there, mut first) = (1, MEASURED);
    for (name, orders) in ended {
        fill(&database, ENDED, there, orders)?;
        there = orders;
        for repeat in 0..repeats {
            for Sample { row, measured, .. } in database.measure(bench, "postgres-stored", size, first)? {
                curve.add(&format!("stored-{row}-{name}"), &format!("stored-{row}-1000"), repeat, measured);
            }
            first += MEASURED;
        }
    }
    Ok(curve.0)
}

/// More orders than are made while something is measured once.
const MEASURED: usize = 1_000;

/// Fills in those that are missing; `there` counts those that are there, with the pattern.
fn fill(database: &Database, script: &str, there: usize, orders: usize) -> Result<()> {
    let script = script.replace("{from}", &there.to_string()).replace("{to}", &(orders - 1).to_string());
    database.sql(&script).map(drop).context("the database cannot be filled")
}

/// What was measured, each beside the same repeat of what it is compared with.
#[derive(Debug, Default)]
struct Curve(Vec<Sample>);

impl Curve {
    fn add(&mut self, row: &str, fewest: &str, repeat: usize, measured: f64) {
        let bound = self.0.iter().filter(|sample| sample.row == fewest && row != fewest).nth(repeat);
        self.0.push(Sample { row: row.to_owned(), measured, bound: bound.map(|sample| sample.measured) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_repeat_is_beside_its_own_with_the_fewest() {
        let mut curve = Curve::default();
        for (row, repeat, measured) in [("few", 0, 1.0), ("few", 1, 2.0), ("many", 0, 3.0), ("many", 1, 4.0)] {
            curve.add(row, "few", repeat, measured);
        }
        let bounds: Vec<_> = curve.0.iter().map(|sample| sample.bound).collect();
        assert_eq!(bounds, [None, None, Some(1.0), Some(2.0)]);
    }
}
