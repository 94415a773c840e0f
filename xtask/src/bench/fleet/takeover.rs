//! How long an order waits whose worker was killed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::super::Bench;
use super::super::row::Sample;
use super::nodes::{Nodes, end, now, wait};
use super::sample;
use crate::fleet::party::LEASE;

/// An agent that is silent.
const SILENT: &str = "#!/bin/sh\nif [ \"$1\" = --version ]; then exec echo 1; fi\nexec sleep 600\n";

#[expect(clippy::cast_precision_loss, reason = "seconds")]
pub(super) fn measure(bench: &Bench) -> Result<Vec<Sample>> {
    let agent = bench.disk.path().join("silent-agent");
    fs::write(&agent, SILENT)?;
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
    let nodes = Nodes::start(bench, "fleet-takeover", &agent)?;
    let mut samples = Vec::new();
    let mut worker = nodes.worker(0)?;
    let kills = bench.pick(6, 1);
    for n in 0..kills {
        let id = nodes.create(&json!({}))?;
        wait("a claim", || Ok((nodes.claims(&id)?.len() == 1).then_some(())))?;
        let next = nodes.worker(n + 1)?;
        // Leases are renewed every third of their life: at another moment of it each time.
        thread::sleep(Duration::from_secs(LEASE) / 3 * u32::try_from(n)? / u32::try_from(kills)?);
        let killed = now()?;
        worker.kill();
        let claimed = wait("another claim", || Ok(nodes.claims(&id)?.get(1).copied()))?;
        samples.push(sample("fleet-takeover", claimed - killed, Some(LEASE as f64)));
        nodes.post(&id, "cancel")?;
        nodes.all_ended()?;
        worker = next;
    }
    end(&worker)?;
    Ok(samples)
}
