//! A process that ends, or dies, while the store fails: the next one finds what the store did not take.

use std::time::Duration;

use awo_engine::ports::Spill;
use awo_engine::{Foreseen, Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, EventKind, EventSeq, OrderId};
use awo_testkit::{Fault, World};

use crate::outages::{until, until_async};

fn agents(world: &World) -> usize {
    world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count()
}

/// Runs an order while the store takes `good` saves and then no more, until `steps` agents have ended.
async fn run_into_an_outage(world: &World, good: usize, steps: usize) -> (Orchestrator, OrderId) {
    world.repository.fail_saves(std::iter::repeat_n(Fault::None, good), Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.gate.as_ref().unwrap().add_permits(steps);
    orchestrator.start();
    until(|| agents(world) == steps + 1).await;
    (orchestrator, id)
}

/// The next process, with a store that works again: the order ends, and no agent runs twice but the one that was cut.
async fn goes_on(world: &World, id: OrderId, cut: usize) {
    world.repository.fail_saves([], Fault::None);
    world.gate.as_ref().unwrap().add_permits(9);
    let next = world.orchestrator();
    next.start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Completed);
    assert_eq!((view.history.len(), agents(world)), (7 + cut, 7 + cut));
    assert_eq!(view.history.iter().filter(|result| result.success).count(), 7);
    let events = world.events(id).await;
    assert!(events.iter().zip(1..).all(|(event, n)| event.seq == EventSeq(n)), "gaps");
    let finished = events.iter().filter(|event| matches!(event.kind, EventKind::StepFinished { .. })).count();
    assert_eq!(finished, 7 + cut);
    until(|| world.spills.kept(id).is_none()).await; // what is stored is not kept twice
    assert!(world.spills.aside().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_an_outage_loses_no_result() {
    for steps in 1..=6 {
        let world = World::gated();
        let (orchestrator, id) = run_into_an_outage(&world, 1, steps).await;
        assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
        assert_eq!(world.stored(id).await.history.len(), 1, "the store was dead to the end");
        let spill = world.spills.kept(id).unwrap();
        assert_eq!((spill.acknowledged, spill.results.len()), (1, steps), "the stopped attempt is among them");
        let forecast = world.orchestrator().forecast().await.unwrap();
        assert_eq!((forecast.orders.len(), forecast.orders[0].spilled_results), (1, steps));
        let Foreseen::Continue { attempt, .. } = forecast.orders[0].then else { panic!("{forecast:?}") };
        assert_eq!(attempt, 2, "the stopped attempt is over");
        goes_on(&world, id, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_in_an_outage_loses_no_result() {
    for steps in 1..=6 {
        let world = World::gated();
        world.repository.fail_saves([], Fault::Before);
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        world.gate.as_ref().unwrap().add_permits(steps);
        tokio::select! {
            biased;
            _ = orchestrator.run_order(id) => panic!("it must not end"),
            () = until(|| agents(&world) == steps + 1) => {}
        }
        drop(orchestrator);
        goes_on(&world, id, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_not_stored_is_stored_by_the_next_process() {
    let world = World::gated();
    world.repository.fail_saves([Fault::None], Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.gate.as_ref().unwrap().add_permits(7);
    orchestrator.start();
    until_async(async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    goes_on(&world, id, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_end_was_not_stored_is_foretold_and_stored_as_one() {
    let world = World::gated();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 2).await;
    orchestrator.work_orders().cancel(id).await.unwrap(); // only saves fail
    until_async(async || orchestrator.work_orders().get(id).await.unwrap().persistence.finishing).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let cancelled = AgentWorkOrderStatus::Cancelled;
    let next = world.orchestrator();
    assert_eq!(next.forecast().await.unwrap().orders[0].then, Foreseen::End { status: cancelled });
    world.repository.fail_saves([], Fault::None);
    next.start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(world.stored(id).await.order.state.status, cancelled);
}

#[tokio::test(start_paused = true)]
async fn results_that_were_stored_while_their_answers_were_lost_are_not_stored_twice() {
    let world = World::gated();
    world.repository.fail_saves([Fault::None], Fault::After);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.gate.as_ref().unwrap().add_permits(7);
    orchestrator.start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    assert!(world.spills.kept(id).is_some(), "nobody heard that it is stored");
    goes_on(&world, id, 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_owner_has_fenced_off_is_set_aside_and_not_lost() {
    let world = World::gated();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let spill = world.spills.kept(id).unwrap();
    // Another owner, who knows nothing of it, takes the order and dies.
    world.repository.fail_saves([], Fault::None);
    world.spills.forget(id);
    let before = agents(&world);
    let other = world.orchestrator();
    tokio::select! {
        biased;
        _ = other.run_order(id) => panic!("it must not end"),
        () = until(|| agents(&world) == before + 1) => {}
    }
    drop(other);
    world.spills.put_back(spill.clone());
    world.gate.as_ref().unwrap().add_permits(9);
    let next = world.orchestrator();
    assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert_eq!(world.spills.aside(), [spill]);
    assert!(world.spills.kept(id).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_still_fails_at_the_next_start_is_waited_for() {
    let world = World::gated();
    let saves = || world.timeline.lines().iter().filter(|line| line.starts_with("store: save")).count();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let (spill, agents_before, saves_before) = (world.spills.kept(id), agents(&world), saves());
    let next = world.orchestrator();
    next.start();
    until(|| saves() == saves_before + 4).await;
    assert!(next.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    assert_eq!(world.spills.kept(id), spill, "it is for the next one");
    assert!(world.spills.aside().is_empty() && agents(&world) == agents_before);
    world.repository.fail_saves(std::iter::repeat_n(Fault::Before, 4), Fault::None);
    world.gate.as_ref().unwrap().add_permits(9);
    world.orchestrator().start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!((world.stored(id).await.history.len(), agents(&world)), (8, 8));
    assert!(world.spills.aside().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_leaves_what_was_spilled_of_an_order_that_runs_to_its_owner() {
    let world = World::gated();
    let (orchestrator, old) = run_into_an_outage(&world, 1, 3).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let spill = world.spills.kept(old).unwrap();
    world.repository.fail_saves([], Fault::None);
    world.spills.forget(old);
    // It runs here already when the others are looked for, one of which waits.
    let next = world.orchestrator();
    let before = agents(&world);
    next.spawn_order(old);
    until(|| agents(&world) == before + 1).await;
    world.spills.put_back(spill);
    let waiting = world.create(&next).await;
    next.start();
    until(|| agents(&world) == before + 2).await; // so all that was spilled was looked at
    assert!(world.spills.kept(old).is_some() && world.spills.aside().is_empty());
    assert_eq!(world.stored(waiting).await.order.state.status, AgentWorkOrderStatus::Running);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_makes_the_spill_needless() {
    let world = World::gated();
    let (_orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    until(|| world.spills.kept(id).is_some_and(|spill| spill.results.len() == 2)).await;
    world.repository.fail_saves([], Fault::None);
    until(|| world.spills.kept(id).is_none()).await;
    assert_eq!(world.stored(id).await.history.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_spill_that_fails_too_stops_nothing() {
    let world = World::gated();
    *world.spills.is_full.lock().unwrap() = true;
    let (_orchestrator, id) = run_into_an_outage(&world, 1, 6).await;
    world.repository.fail_saves([], Fault::None);
    world.gate.as_ref().unwrap().add_permits(1);
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!((world.stored(id).await.history.len(), agents(&world)), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_spill_that_cannot_be_read_is_waited_for_and_holds_no_other_order_up() {
    let world = World::gated();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    world.repository.fail_saves([], Fault::None);
    world.spills.unreadable.lock().unwrap().push(id);
    let next = world.orchestrator();
    let other = world.create(&next).await;
    world.gate.as_ref().unwrap().add_permits(20);
    let before = agents(&world);
    next.start();
    until_async(async || world.stored(other).await.order.state.status.is_terminal()).await;
    assert_eq!(agents(&world), before + 7, "nothing of the first order ran without what is kept of it");
    world.spills.unreadable.lock().unwrap().clear();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(agents(&world), before + 7 + 4, "its finished steps did not run again");
    assert!(world.spills.aside().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_spill_that_could_not_be_removed_in_time_is_recognised_as_stored() {
    let world = World::gated();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    until(|| world.spills.kept(id).is_some_and(|spill| spill.results.len() == 2)).await;
    *world.spills.is_read_only.lock().unwrap() = true;
    world.repository.fail_saves([], Fault::None);
    world.gate.as_ref().unwrap().add_permits(1); // one more step is saved after it
    until_async(async || world.stored(id).await.history.len() == 4).await;
    orchestrator.drain(Duration::ZERO, Duration::from_secs(5)).await;
    *world.spills.is_read_only.lock().unwrap() = false;
    world.gate.as_ref().unwrap().add_permits(9);
    let next = world.orchestrator();
    next.start();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    until(|| world.spills.kept(id).is_none()).await;
    assert!(world.spills.aside().is_empty(), "nothing of it was missing");
    assert_eq!(world.stored(id).await.history.iter().filter(|result| result.success).count(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_an_order_that_is_not_known_here_is_left_alone() {
    let world = World::gated();
    let (orchestrator, id) = run_into_an_outage(&world, 1, 3).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(5)).await);
    let elsewhere = World::new();
    let stranger = OrderId::new(1, [9; 10]);
    elsewhere.spills.put_back(Spill { order: stranger, ..world.spills.kept(id).unwrap() });
    let next = elsewhere.orchestrator();
    next.start();
    let own = elsewhere.create(&next).await;
    until_async(async || elsewhere.stored(own).await.order.state.status.is_terminal()).await;
    assert!(next.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
    assert!(elsewhere.spills.kept(stranger).is_some() && elsewhere.spills.aside().is_empty());
}
