//! What the engine counts of finished attempts: across starts, as results are saved, and when orders are deleted.

use std::time::Duration;

use awo_engine::{Orchestrator, StatsQuery, StatsWindow, StepStats};
use awo_models::{FailureCode, OrderId};
use awo_testkit::{Fault, Play, World};

use crate::outages::until_async;
use crate::recovery::die_after;
use crate::waiting::timed;

async fn stats(orchestrator: &Orchestrator) -> StepStats {
    let ever = StatsWindow::Between { since: None, until: None };
    orchestrator.work_orders().step_stats(&StatsQuery { window: ever, ..StatsQuery::default() }).await.unwrap()
}

/// Runs an order whose step `plan` takes so long.
async fn run(world: &World, orchestrator: &Orchestrator, plan: u64) -> OrderId {
    world.agent.put("plan", Play { takes: Duration::from_secs(plan), ..Play::default() });
    let id = world.create(orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    id
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_as_it_is_saved_is_what_the_next_process_reads() {
    let world = timed();
    let first = world.orchestrator();
    assert_eq!(stats(&first).await.summary.total.attempts, 0);
    let slow = run(&world, &first, 300).await;
    run(&world, &first, 100).await;
    world.agent.put("plan", Play::fails(FailureCode::AgentCrashed));
    run(&world, &first, 1).await;
    let seen = stats(&first).await;
    assert!(seen.complete && seen.reaches_back_to.is_none() && seen.unreadable_orders == 0);
    let summary = &seen.summary;
    assert_eq!((summary.total.orders, summary.total.attempts, summary.total.failed()), (3, 16, 1));
    assert_eq!(summary.total.failures[&FailureCode::AgentCrashed], 1);
    let plan = &summary.groups[0];
    assert_eq!((plan.common.step.as_ref().unwrap().as_str(), plan.common.agent.as_deref()), ("plan", Some("fake")));
    let figures = &plan.figures;
    let seconds = |time: Option<Duration>| time.unwrap().as_secs();
    assert_eq!((seconds(figures.p50), seconds(figures.p95), seconds(figures.max)), (100, 300, 300));
    assert_eq!(summary.slowest_orders[0].order, slow);
    assert_eq!(stats(&world.orchestrator()).await, seen, "read from what is stored");
}

#[tokio::test(start_paused = true)]
async fn a_result_counts_once_it_is_stored_and_an_order_until_it_is_deleted() {
    let world = timed();
    let orchestrator = world.orchestrator();
    stats(&orchestrator).await;
    world.repository.fail_saves([], Fault::Before);
    world.agent.put("plan", Play::hangs());
    let id = world.create(&orchestrator).await;
    let running = orchestrator.spawn_order(id);
    until_async(async || world.timeline.text().contains("agent: plan")).await;
    assert_eq!(stats(&orchestrator).await.summary.total.attempts, 0, "the store does not take it");
    world.repository.fail_saves([], Fault::None);
    until_async(async || world.stored(id).await.history.len() == 1).await;
    assert_eq!(stats(&orchestrator).await.summary.total.attempts, 1);
    orchestrator.work_orders().cancel(id).await.unwrap();
    running.await.unwrap();
    let counted = stats(&orchestrator).await.summary.total;
    assert_eq!((counted.attempts, counted.failures[&FailureCode::Cancelled]), (2, 1));
    orchestrator.work_orders().delete(id).await.unwrap();
    assert_eq!(stats(&orchestrator).await.summary.total.attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cut_attempt_counts_from_the_claim_on() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 1).await;
    let next = world.orchestrator();
    assert_eq!(stats(&next).await.summary.total.attempts, 1);
    let running = next.spawn_order(id);
    until_async(async || world.stored(id).await.history.len() == 2).await;
    assert_eq!(stats(&next).await.summary.total.failures[&FailureCode::Interrupted], 1);
    world.gate.as_ref().unwrap().add_permits(9);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_the_store_does_not_answer_the_figures_say_that_they_are_not_whole() {
    let world = timed();
    run(&world, &world.orchestrator(), 1).await;
    world.repository.fail_reads(true);
    let orchestrator = world.orchestrator();
    let seen = stats(&orchestrator).await;
    assert_eq!((seen.complete, seen.summary.total.attempts), (false, 0));
    world.repository.fail_reads(false);
    let seen = stats(&orchestrator).await;
    assert_eq!((seen.complete, seen.summary.total.attempts), (true, 7));
}
