//! A store that is away for ten minutes while several orders do all of their steps.

use std::time::Duration;

use awo_testkit::{Fault, World};
use tokio::time::{Instant, sleep};

use crate::outages::{assert_whole, until, until_async};

const ORDERS: usize = 3;
const STEPS: usize = 7;

fn agents(world: &World) -> usize {
    world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count()
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_outage_lose_nothing_and_stop_nothing() {
    let world = World::gated();
    let gate = world.gate.as_ref().unwrap();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let mut ids = Vec::new();
    for _ in 0..ORDERS {
        ids.push(world.create(&orchestrator).await);
    }
    world.repository.fail_saves([], Fault::Before);
    orchestrator.start();
    let begun = Instant::now();
    for done in 0..STEPS {
        // The next steps are at work although nothing of the ones before is stored.
        until(|| agents(&world) == ORDERS * (done + 1)).await;
        sleep(Duration::from_secs(100)).await;
        // Each result is waited for once, however often it was sent: what is in memory is what the steps gave.
        let health = work_orders.health();
        let degraded = if done == 0 { 0 } else { ORDERS };
        assert_eq!((health.degraded_orders, health.unsaved_results), (degraded, ORDERS * done), "after {done} steps");
        for id in &ids {
            let spilled = world.spills.kept(*id).map_or(0, |spill| spill.results.len());
            assert_eq!(spilled, done, "each result has its second place meanwhile");
        }
        gate.add_permits(ORDERS);
    }
    for id in &ids {
        until_async(async || work_orders.get(*id).await.unwrap().persistence.finishing).await;
        assert_eq!(world.stored(*id).await.history.len(), 0, "the store was away all the time");
    }
    assert!(begun.elapsed() >= Duration::from_mins(10), "virtual time: {:?}", begun.elapsed());
    assert_eq!(work_orders.health().unsaved_results, ORDERS * STEPS);

    world.repository.fail_saves([], Fault::None);
    for id in &ids {
        until_async(async || world.stored(*id).await.order.state.status.is_terminal()).await;
        assert_whole(&world, *id, "ten minutes").await;
    }
    assert_eq!(agents(&world), ORDERS * STEPS, "a step ran twice");
    until(|| !work_orders.health().is_degraded() && ids.iter().all(|id| world.spills.kept(*id).is_none())).await;
    assert_eq!(work_orders.health().unsaved_results, 0);
}
