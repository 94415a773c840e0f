//! How long an order waits for a worker that has nothing to do.

use anyhow::{Context as _, Result};

use super::super::Bench;
use super::super::row::Sample;
use super::nodes::{Nodes, end, now, small};
use super::sample;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let nodes = Nodes::start(bench, "fleet-claims", &bench.agent)?;
    let worker = nodes.worker(0)?;
    let mut samples = Vec::new();
    for _ in 0..bench.pick(3, 1) {
        let mut waited = Vec::new();
        for _ in 0..bench.pick(50, 5) {
            let posted = now()?;
            let id = nodes.create(&small())?;
            nodes.all_ended()?;
            let claimed = *nodes.claims(&id)?.first().context("an order that has ended was claimed")?;
            waited.push(claimed - posted);
        }
        waited.sort_by(f64::total_cmp);
        for (row, hundredths) in [("fleet-claim-p50", 50), ("fleet-claim-p99", 99)] {
            samples.push(sample(row, waited[(waited.len() * hundredths).div_ceil(100) - 1], None));
        }
    }
    end(&worker)?;
    Ok(samples)
}
