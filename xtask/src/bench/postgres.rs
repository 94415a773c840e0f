//! What saves and leases cost in PostgreSQL, beside bare statements.

use anyhow::{Context as _, Result};

use super::Bench;
use super::database::Database;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::postgres::missing;

pub(super) const FAMILY: Family = Family {
    name: "postgres",
    title: "Saves and leases in PostgreSQL",
    how: "A server on the same machine, at a socket, that syncs each commit. One order whose steps each end with an answer of 8 KiB\n\
          is saved, then sixteen orders at once, as many on each. Before or after that, `pgbench` changes a row by head and\n\
          fields and inserts a row with the same answer, prepared, in a transaction; then both in one statement, as a save is\n\
          one. A save inserts an event, too, and looks for a lease and for damage. Then orders are created and given to a\n\
          worker, one by one, where nothing else waits; the bound takes one row by `FOR UPDATE SKIP LOCKED`, which knows no\n\
          limits, no fairness and no priorities.\n\n\
          Where the time of a save goes: the server executes it in 0.14 ms (half of 300, by `log_min_duration_statement`,\n\
          without the sync). The rest is the sync, and the way between two processes, which was not measured apart: the driver\n\
          waits for many connections at once and is woken, where `pgbench` with one client sleeps in its only read.",
    rows: &[
        row("postgres-save-p50", "a save, p50", Unit::Seconds, IN_A_TRANSACTION, Goal::TimesAtMost(1.3)),
        row("postgres-save-p99", "a save, p99", Unit::Seconds, IN_A_TRANSACTION, Goal::Watched),
        row("postgres-save-one", "the same saves, p50", Unit::Seconds, "both in one statement", Goal::Watched),
        row(
            "postgres-writers-16",
            "saves of sixteen orders together",
            Unit::SavesPerSecond,
            "sixteen clients with the two statements",
            Goal::Watched,
        ),
        row("postgres-acquire-p50", "an order is given, p50", Unit::Seconds, SKIP_LOCKED, Goal::Watched),
        row("postgres-acquire-p99", "an order is given, p99", Unit::Seconds, SKIP_LOCKED, Goal::Watched),
    ],
    missing,
    measure,
};

const IN_A_TRANSACTION: &str = "two bare statements in a transaction";
const SKIP_LOCKED: &str = "one bare row by SKIP LOCKED";

const fn row(id: &'static str, what: &'static str, unit: Unit, bound: &'static str, goal: Goal) -> Row {
    Row { id, what, unit, bound: Some(bound), goal }
}

const AT_ONCE: usize = 16;

/// What bare statements work on.
const BARE: &str = "
    DROP SCHEMA IF EXISTS bare CASCADE;
    CREATE SCHEMA bare;
    CREATE TABLE bare.orders (id bigint PRIMARY KEY, seq bigint NOT NULL, head json, state json) WITH (fillfactor = 80);
    INSERT INTO bare.orders SELECT n, 0 FROM generate_series(0, 15) AS n;
    CREATE TABLE bare.steps (order_id bigint, number bigint, document json NOT NULL, PRIMARY KEY (order_id, number));
    CREATE TABLE bare.line (id bigint PRIMARY KEY, worker text, until timestamptz);
    CREATE INDEX ON bare.line (id) WHERE worker IS NULL;
    INSERT INTO bare.line SELECT n FROM generate_series(1, 10000) AS n;
    VACUUM ANALYZE";

const TWO: &str = r"\set number :number + 1
BEGIN;
UPDATE bare.orders SET seq = seq + 1, head = :head::json, state = :state::json WHERE id = :client_id;
INSERT INTO bare.steps (order_id, number, document) VALUES (:client_id, :number, :document::json);
COMMIT;
";

const ONE: &str = r"\set number :number + 1
WITH moved AS (
    UPDATE bare.orders SET seq = seq + 1, head = :head::json, state = :state::json WHERE id = :client_id RETURNING id
)
INSERT INTO bare.steps (order_id, number, document) SELECT id, :number, :document::json FROM moved;
";

const TAKE: &str =
    "UPDATE bare.line SET worker = 'worker-1', until = clock_timestamp() + interval '1 hour' WHERE id = (
    SELECT id FROM bare.line WHERE worker IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
);
";

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let database = Database::start(bench, "postgres")?;
    let mut samples = Vec::new();
    for n in 0..bench.pick(7, 2) {
        let round = Round { bench, database: &database, bare_first: n % 2 == 1 };
        samples.extend(round.saves(bench.pick(1_000, 100))?);
        samples.extend(round.writers(bench.pick(300, 30))?);
        samples.extend(round.claims(bench.pick(300, 30))?);
    }
    Ok(samples)
}

/// One repeat. Which of the two comes first changes, as one leaves the device busy for the other.
struct Round<'a> {
    bench: &'a Bench,
    database: &'a Database,
    bare_first: bool,
}

impl Round<'_> {
    fn saves(&self, size: usize) -> Result<Vec<Sample>> {
        let payload = self.fresh()?;
        let bare = |script| {
            self.bare_tables()?;
            self.database.bare(script, 1, size, &payload)
        };
        let (mut samples, (two, one)) = self.in_turn("postgres-saves", size, || Ok((bare(TWO)?, bare(ONE)?)))?;
        let p50 = measured(&samples, "postgres-save-p50")?;
        bound(&mut samples, "postgres-save-p50", two.percentile(50));
        bound(&mut samples, "postgres-save-p99", two.percentile(99));
        samples.push(Sample { row: "postgres-save-one".into(), measured: p50, bound: Some(one.percentile(50)) });
        Ok(samples)
    }

    fn writers(&self, each: usize) -> Result<Vec<Sample>> {
        let payload = self.fresh()?;
        let bare = || self.database.bare(TWO, AT_ONCE, each, &payload);
        let (mut samples, bare) = self.in_turn("postgres-writers", each, bare)?;
        bound(&mut samples, "postgres-writers-16", bare.rate);
        Ok(samples)
    }

    fn claims(&self, size: usize) -> Result<Vec<Sample>> {
        self.fresh()?;
        let (mut samples, bare) = self.in_turn("postgres-claims", size, || self.database.bare(TAKE, 1, size, &[]))?;
        bound(&mut samples, "postgres-acquire-p50", bare.percentile(50));
        bound(&mut samples, "postgres-acquire-p99", bare.percentile(99));
        Ok(samples)
    }

    /// Takes away what was measured on before; what a real save writes, for `pgbench` to write the same.
    fn fresh(&self) -> Result<Vec<(&'static str, String)>> {
        let none = || self.database.sql("SET client_min_messages = warning; DROP SCHEMA IF EXISTS awo CASCADE");
        none()?;
        self.database.measure(self.bench, "postgres-patterns", 1, 1)?;
        let one = |what: &str| self.database.sql(&format!("SELECT {what} LIMIT 1"));
        let payload = vec![
            ("number", "0".to_owned()),
            ("head", one("head FROM awo.orders")?),
            ("state", one("state FROM awo.orders")?),
            ("document", one("document FROM awo.steps")?),
        ];
        none()?;
        self.bare_tables()?;
        Ok(payload)
    }

    /// Makes the tables that `pgbench` works on anew.
    fn bare_tables(&self) -> Result<()> {
        self.database.sql(&format!("SET client_min_messages = warning; {BARE}")).map(drop)
    }

    fn in_turn<T>(&self, family: &str, size: usize, bare: impl FnOnce() -> Result<T>) -> Result<(Vec<Sample>, T)> {
        let ours = || self.database.measure(self.bench, family, size, 1);
        if self.bare_first {
            let bare = bare()?;
            Ok((ours()?, bare))
        } else {
            Ok((ours()?, bare()?))
        }
    }
}

fn measured(samples: &[Sample], row: &str) -> Result<f64> {
    let sample = samples.iter().find(|sample| sample.row == row);
    Ok(sample.with_context(|| format!("`measure` told nothing of {row}"))?.measured)
}

fn bound(samples: &mut [Sample], row: &str, number: f64) {
    for sample in samples.iter_mut().filter(|sample| sample.row == row) {
        sample.bound = Some(number);
    }
}
