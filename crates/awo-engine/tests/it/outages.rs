//! A store that fails: the work goes on, nothing is lost, nothing is repeated.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::RunEnd;
use awo_models::{AgentWorkOrderStatus, EventKind, EventSeq, OrderId};
use awo_state::{StateError, StateRepository as _};
use awo_testkit::{Fault, World};

async fn run(world: &World) -> (OrderId, Result<RunEnd, StateError>) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let end = orchestrator.run_order(id).await;
    (id, end)
}

fn agents(world: &World) -> usize {
    world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count()
}

/// What must hold after every run to the end: events without gaps, each step started, finished and saved once.
pub(crate) async fn assert_whole(world: &World, id: OrderId, case: &str) {
    let events = world.events(id).await;
    assert!(events.iter().zip(1..).all(|(event, n)| event.seq == EventSeq(n)), "{case}: gaps");
    let count = |pick: fn(&EventKind) -> bool| events.iter().filter(|event| pick(&event.kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::StepStarted(_))), 7, "{case}");
    assert_eq!(count(|kind| matches!(kind, EventKind::StepFinished { .. })), 7, "{case}");
    assert_eq!(count(|kind| matches!(kind, EventKind::Ended { .. })), 1, "{case}");
    let finished: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepFinished { index, .. } => Some(*index),
            _ => None,
        })
        .collect();
    assert_eq!(finished, (0..7).collect::<Vec<_>>(), "{case}: order of results");
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.status), (7, AgentWorkOrderStatus::Completed), "{case}");
}

#[tokio::test(start_paused = true)]
async fn any_run_of_failing_saves_loses_and_repeats_nothing() {
    // 24 saves are more than the eight and their repetitions: every run of failures is met in every phase.
    for fault in [Fault::Before, Fault::After] {
        for from in 0..8 {
            for length in [1, 2, 3, 5, 8, 13, 24] {
                let world = World::new();
                let good = std::iter::repeat_n(Fault::None, from);
                world.repository.fail_saves(good.chain(std::iter::repeat_n(fault, length)), Fault::None);
                let (id, end) = run(&world).await;
                let case = format!("{fault:?}, {length} from {from}");
                assert_eq!(end.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed), "{case}");
                assert_whole(&world, id, &case).await;
                let executed = world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count();
                assert_eq!(executed, 7, "{case}: a step ran twice");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_that_hangs_delays_the_work_by_its_budget_only() {
    let world = World::new();
    world.repository.fail_saves([Fault::Hang, Fault::None], Fault::None);
    let begun = tokio::time::Instant::now();
    let (id, end) = run(&world).await;
    assert_eq!(end.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert_whole(&world, id, "hang").await;
    assert!(begun.elapsed() < Duration::from_secs(4), "virtual time: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_ever_does_not_stop_the_work_and_nothing_is_said_to_be_completed() {
    let world = World::new();
    world.repository.fail_saves([], Fault::Before);
    let orchestrator = Arc::new(world.orchestrator());
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    // All seven agents work although nothing is stored.
    until(|| world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count() == 7).await;
    let work_orders = orchestrator.work_orders();
    until_async(async || work_orders.get(id).await.unwrap().persistence.finishing).await;
    let view = work_orders.get(id).await.unwrap();
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Running, "what is not stored is not said");
    assert_eq!((view.history.len(), view.persistence.pending_steps), (0, 7));
    assert!(view.persistence.degraded);
    assert!(work_orders.health().is_degraded());
    // The store comes back: everything is there.
    world.repository.fail_saves([], Fault::None);
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_whole(&world, id, "for ever, then back").await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_at_once_does_not_hold_a_step_longer_than_one_that_hangs() {
    let world = World::new();
    world.repository.fail_saves([], Fault::Before);
    let orchestrator = world.orchestrator();
    world.create(&orchestrator).await;
    orchestrator.start();
    until(|| agents(&world) == 1).await;
    let begun = tokio::time::Instant::now();
    until(|| agents(&world) == 2).await;
    assert!(begun.elapsed() < Duration::from_millis(2_100), "virtual time: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_unsaved_is_counted_over_all_orders() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let unsaved = || {
        let health = orchestrator.work_orders().health();
        (health.degraded_orders, health.unsaved_results)
    };
    let (first, second) = (world.create(&orchestrator).await, world.create(&orchestrator).await);
    orchestrator.start();
    world.gate.as_ref().unwrap().add_permits(2);
    until(|| agents(&world) == 4).await;
    assert_eq!(unsaved(), (0, 0));
    world.repository.fail_saves([], Fault::Before);
    world.gate.as_ref().unwrap().add_permits(4);
    until(|| unsaved() == (2, 4)).await;
    world.repository.fail_saves([], Fault::None);
    until(|| unsaved() == (0, 0)).await;
    assert_eq!(world.stored(first).await.history.len() + world.stored(second).await.history.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_until_the_end_of_the_process_is_not_waited_for() {
    let world = World::new();
    world.repository.fail_saves([], Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing).await;
    assert!(orchestrator.drain(Duration::from_secs(5), Duration::from_secs(5)).await, "the drain is bounded");
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Running, "the next start finds it");
}

#[tokio::test(start_paused = true)]
async fn the_flusher_saves_while_a_step_is_at_work() {
    let world = World::gated();
    world.repository.fail_saves(std::iter::repeat_n(Fault::Before, 8), Fault::None);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    world.gate.as_ref().unwrap().add_permits(1); // classify ends; plan waits at the gate
    until_async(async || world.stored(id).await.history.len() == 1).await;
    assert!(world.timeline.text().contains("agent: plan"), "saved beside the next step, not before it");
    world.gate.as_ref().unwrap().add_permits(6);
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_whole(&world, id, "flusher").await;
}

#[tokio::test(start_paused = true)]
async fn a_fenced_owner_stops_at_once_and_touches_nothing() {
    let world = World::new();
    world.repository.fail_saves([Fault::None, Fault::None, Fault::Fenced], Fault::None);
    let (id, end) = run(&world).await;
    assert!(matches!(end, Err(StateError::Fenced { .. })), "{end:?}");
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.status), (2, AgentWorkOrderStatus::Running));
    let lines = world.timeline.lines();
    assert!(lines.last().unwrap().contains("Fenced"), "nothing after it: {lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_fenced_while_its_agent_works_stops_the_agent() {
    let world = World::gated();
    world.repository.fail_saves(std::iter::repeat_n(Fault::Before, 8).chain([Fault::Fenced]), Fault::None);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.gate.as_ref().unwrap().add_permits(1);
    // Plan would wait at the gate for ever: that this ends shows that it was stopped.
    let end = orchestrator.run_order(id).await;
    assert!(matches!(end, Err(StateError::Fenced { .. })), "{end:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_says_so() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.repository.fail_reads(true);
    let answer = orchestrator.work_orders().get(id).await;
    assert!(matches!(answer, Err(awo_engine::EngineError::State(StateError::Unavailable(_)))), "{answer:?}");
    assert!(world.store.get(id).await.unwrap().is_some());
}

/// Lets (virtual) time pass until something is so.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    until_async(async || so()).await;
}

/// The same for something that is asked for.
pub(crate) async fn until_async(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..100_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never became so");
}
