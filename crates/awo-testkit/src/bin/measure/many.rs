//! Many orders at once in one process: what each of them needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use awo_testkit::instant::{Gate, Stage, Stores};
use tokio::sync::Semaphore;

use crate::options::Options;
use crate::{Outcome, tell};

/// The step in which all of them wait: five results are stored by then.
const STEP: &str = "commit";

pub(crate) async fn run(options: &Options) -> Outcome {
    let gate = Arc::new(Gate { step: STEP, permits: Semaphore::new(0), came: AtomicUsize::new(0) });
    let stage = Stage::new(Stores::memory(), |agent| Ok(agent.at_gate(Arc::clone(&gate))))?;
    // Some before, so that what is only needed once does not count.
    let few = options.size.div_ceil(10);
    let mut running = begin(&stage, few).await?;
    gate.permits.add_permits(few);
    for order in running.drain(..) {
        order.await?;
    }
    let none = resident()?;
    let mut seen = None;
    for (row, orders) in [("many-few", few), ("many", options.size)] {
        running.extend(begin(&stage, orders - running.len()).await?);
        while gate.came.load(Ordering::SeqCst) < few + orders {
            tokio::task::yield_now().await;
        }
        let each = (resident()? - none) / count(orders);
        tell(row, each, seen.replace(each))?;
    }
    gate.permits.add_permits(running.len());
    for order in running {
        order.await?;
    }
    Ok(())
}

/// Has so many orders run.
async fn begin(stage: &Stage, orders: usize) -> Outcome<Vec<tokio::task::JoinHandle<()>>> {
    let mut running = Vec::with_capacity(orders);
    for _ in 0..orders {
        running.push(stage.spawn(stage.create().await?));
    }
    Ok(running)
}

/// Bytes of memory that this process has now.
fn resident() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn count(orders: usize) -> f64 {
    orders as f64
}
