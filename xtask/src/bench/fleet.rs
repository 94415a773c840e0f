//! What a server and workers of their own need, and what they wait for, who share orders by PostgreSQL.

mod claims;
mod far;
mod idle;
mod nodes;
mod rate;
mod takeover;

use anyhow::{Context as _, Result};

use super::Bench;
use super::row::{Family, Goal, Row, Sample, Unit};
use crate::fleet::party::LEASE;
use crate::postgres::missing;

#[expect(clippy::cast_precision_loss, reason = "seconds")]
pub(super) const FAMILY: Family = Family {
    name: "fleet",
    title: "A server and workers on PostgreSQL",
    how: "A server that runs nothing, workers that run one order at once, and PostgreSQL, all on the same machine. A wait for a\n\
          claim is from before the order is posted until the moment that the claim tells, with one worker that has nothing to\n\
          do. Orders a second are of 24 that are posted at once and have one step, `create-branch`, with the scripted agent: what\n\
          they cost is git and processes, so that two processors are enough for two workers at most. The bound of one worker is\n\
          a server that keeps the same orders in files. Nodes that have nothing to do are watched for 20 s; statements are those\n\
          that `pg_stat_statements` counts. A worker that runs an order is killed at different moments in the life of its lease\n\
          of 3 s, until another one that waited has claimed the order. Events are those of orders with seven steps that run at a\n\
          worker, from when they happened, before they are saved, until a client of the server has them.",
    rows: &[
        row("fleet-claim-p50", "from a post to the claim, p50", Unit::Seconds, None, Goal::Watched),
        row("fleet-claim-p99", "from a post to the claim, p99", Unit::Seconds, None, Goal::Watched),
        row("fleet-orders-1", "orders of one worker", Unit::PerSecond, Some("in files"), Goal::Watched),
        row("fleet-orders-2", "orders of two workers", Unit::PerSecond, ONE_WORKER, Goal::Watched),
        row("fleet-orders-4", "orders of four workers", Unit::PerSecond, ONE_WORKER, Goal::Watched),
        row("fleet-idle-server", "an idle server", Unit::StatementsPerSecond, None, Goal::Watched),
        row("fleet-idle-worker", "an idle worker", Unit::StatementsPerSecond, None, Goal::Watched),
        row(
            "fleet-takeover",
            "from a kill to the next claim",
            Unit::Seconds,
            Some("the lease"),
            Goal::Below(LEASE as f64 + 2.0),
        ),
        row("fleet-event-p50", "an event at another node, p50", Unit::Seconds, None, Goal::Watched),
        row("fleet-event-most", "the slowest event of an order at another node", Unit::Seconds, None, Goal::Watched),
    ],
    missing,
    measure,
};

const ONE_WORKER: Option<&str> = Some("one worker");

const fn row(id: &'static str, what: &'static str, unit: Unit, bound: Option<&'static str>, goal: Goal) -> Row {
    Row { id, what, unit, bound, goal }
}

/// What is measured on nodes of its own.
type Part = fn(&Bench) -> Result<Vec<Sample>>;

fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let parts: [(&str, Part); 5] = [
        ("claims", claims::measure),
        ("rates", rate::measure),
        ("idle nodes", idle::measure),
        ("take-overs", takeover::measure),
        ("events", far::measure),
    ];
    for (name, part) in parts {
        eprintln!("measuring: {name}");
        samples.extend(part(bench).with_context(|| format!("cannot measure {name}"))?);
    }
    Ok(samples)
}

fn sample(row: &str, measured: f64, bound: Option<f64>) -> Sample {
    Sample { row: row.to_owned(), measured, bound }
}
