//! What the engine costs a step whose agent takes no time: alone, and with a program that is started for each step.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use awo_adapters::Keeper;
use awo_models::OrderId;
use awo_testkit::instant::{InstantAgent, Stage, Stores, WORD, program};
use awo_testkit::journal;

use crate::bare::Appender;
use crate::options::Options;
use crate::{Outcome, tell};

/// Steps of an order.
const STEPS: usize = 7;

pub(crate) async fn run(options: &Options, keeper: Option<&Keeper>) -> Outcome {
    for _ in 0..options.repeats {
        let place = tempfile::tempdir_in(&options.dir)?;
        let agents = place.path().join("agents");
        std::fs::create_dir(&agents)?;
        let started = |agent: InstantAgent, keeper: Option<&Keeper>| agent.with_program(keeper.cloned(), &agents);

        let (alone, _) = steps(&Stage::new(Stores::memory(), Ok)?, options.size).await?;
        tell("engine-memory", alone, None)?;
        let data = place.path().join("alone");
        let (alone, orders) = steps(&Stage::new(Stores::files(&data)?, Ok)?, options.size).await?;
        tell("engine-files", alone, Some(appends(&data, &orders)?))?;

        let bare = spawns(options.size * STEPS)?;
        let in_group = Stage::new(Stores::memory(), |agent| started(agent, None))?;
        tell("engine-group", steps(&in_group, options.size).await?.0, Some(bare))?;
        if let Some(keeper) = keeper {
            tell("engine-keeper", keepers(keeper, options.size).await?, Some(bare))?;
        }
        let kept = Stage::new(Stores::memory(), |agent| started(agent, keeper))?;
        tell("engine-program", steps(&kept, options.size).await?.0, Some(bare))?;
        let filed = Stage::new(Stores::files(&place.path().join("kept"))?, |agent| started(agent, keeper))?;
        tell("engine-program-files", steps(&filed, options.size).await?.0, Some(bare))?;
    }
    Ok(())
}

/// Runs so many orders one after the other; seconds of a step, with its part of what the order needs besides.
async fn steps(stage: &Stage, orders: usize) -> Outcome<(f64, Vec<OrderId>)> {
    // One before, so that what is only needed once does not count.
    stage.run(stage.create().await?).await?;
    let mut ran = Vec::with_capacity(orders);
    let begun = Instant::now();
    for _ in 0..orders {
        let order = stage.create().await?;
        stage.run(order).await?;
        ran.push(order);
    }
    Ok((each(begun.elapsed(), orders * STEPS), ran))
}

/// The least that a step could cost there: as many bytes as its order has in its journal for it, appended and synced once.
fn appends(data: &Path, orders: &[OrderId]) -> Outcome<f64> {
    let mut bytes = 0;
    for order in orders {
        bytes += usize::try_from(std::fs::metadata(journal(data, *order))?.len())?;
    }
    let count = orders.len() * STEPS;
    let part = vec![b'x'; bytes / count];
    let mut appender = Appender::new(&data.join("bare"))?;
    let begun = Instant::now();
    for _ in 0..count {
        appender.append(&part)?;
    }
    Ok(each(begun.elapsed(), count))
}

/// Keepers that find nothing to start, one after the other; seconds of one.
async fn keepers(keeper: &Keeper, count: usize) -> Outcome<f64> {
    let begun = Instant::now();
    for _ in 0..count {
        keeper.check().await?;
    }
    Ok(each(begun.elapsed(), count))
}

/// The program by itself, started and awaited so many times; seconds of one.
fn spawns(count: usize) -> Outcome<f64> {
    let program = program()?;
    let begun = Instant::now();
    for _ in 0..count {
        let output = Command::new(&program).arg(WORD).env_clear().output()?;
        if !output.status.success() {
            return Err(format!("{} ended with {}", program.display(), output.status).into());
        }
    }
    Ok(each(begun.elapsed(), count))
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn each(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() / count as f64
}
