//! What nodes ask of the database that have nothing to do.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::super::Bench;
use super::super::database::Database;
use super::super::row::Sample;
use super::nodes::{Nodes, end};
use super::sample;

/// Nodes have settled by then.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut database = Database::start(bench, "fleet-idle")?;
    database.count_statements()?;
    let nodes = Nodes::on(database, bench, &bench.agent)?;
    let mut samples = Vec::new();
    let mut watch = |row: &str, database: &Database| -> Result<()> {
        thread::sleep(SETTLED);
        for _ in 0..bench.pick(3, 1) {
            samples.push(sample(row, statements(database, Duration::from_secs(bench.pick(20, 3) as u64))?, None));
        }
        Ok(())
    };
    watch("fleet-idle-server", &nodes.database)?;
    let worker = nodes.worker(0)?;
    nodes.end_server()?;
    watch("fleet-idle-worker", &nodes.database)?;
    end(&worker)?;
    Ok(samples)
}

/// Statements a second, those apart that ask for this.
fn statements(database: &Database, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    database.sql("SELECT pg_stat_statements_reset()")?;
    thread::sleep(time);
    let told = database.sql(
        "SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
    )?;
    Ok(told.parse::<f64>().with_context(|| format!("the number of statements is {told:?}"))?
        / begun.elapsed().as_secs_f64())
}
