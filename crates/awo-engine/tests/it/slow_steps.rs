//! Steps that take longer than is usual, or than is set.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{Orchestrator, RunEnd, SlowPolicy};
use awo_models::{AgentWorkOrderStatus, EventKind, OrderId, SlowAttempt};
use awo_state::{LogQuery, OrderLog as _};
use awo_testkit::{Fault, Play, World};

use crate::outages::{assert_whole, until_async};
use crate::waiting::timed;

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);

fn takes(seconds: u64) -> Play {
    Play { takes: Duration::from_secs(seconds), ..Play::default() }
}

/// An orchestrator over a world with five orders whose steps `implement` took 100 s; it has read them.
async fn experienced(world: &World) -> Orchestrator {
    let first = world.orchestrator();
    for _ in 0..5 {
        world.agent.put("implement", takes(100));
        let id = world.create(&first).await;
        assert_eq!(first.run_order(id).await.unwrap(), COMPLETED);
        assert_eq!(slow(world, id).await, []);
    }
    started(world).await
}

/// A process that has read what is stored.
async fn started(world: &World) -> Orchestrator {
    let next = world.orchestrator();
    assert!(next.work_orders().step_stats(&awo_engine::StatsQuery::default()).await.unwrap().complete);
    next
}

/// What the events of an order say of slow attempts.
async fn slow(world: &World, id: OrderId) -> Vec<SlowAttempt> {
    let events = world.events(id).await;
    let slow = events.iter().filter_map(|event| match &event.kind {
        EventKind::StepSlow(slow) => Some(slow.clone()),
        _ => None,
    });
    slow.collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_much_longer_than_usual_is_slow_once_and_goes_on() {
    let world = timed();
    let orchestrator = experienced(&world).await;
    world.agent.put("implement", takes(1_000));
    world.agent.put("plan", takes(50));
    let id = world.create(&orchestrator).await;
    let running = orchestrator.spawn_order(id);
    let work_orders = orchestrator.work_orders();
    let is_slow = async || work_orders.get(id).await.unwrap().order.slow_attempt().is_some();
    let mut usual = None;
    while !is_slow().await {
        let view = work_orders.get(id).await.unwrap();
        if let Some(activity) = view.activity.filter(|activity| activity.step == "implement") {
            usual = usual.or(activity.usual);
        }
        assert!(!running.is_finished(), "it is told while the step is at work");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let usual = usual.unwrap();
    let seconds = (usual.p50.as_secs(), usual.p95.as_secs(), usual.samples);
    assert_eq!(seconds, (100, 100, 5));
    let view = work_orders.get(id).await.unwrap();
    let current = view.order.state.current_step.as_ref().unwrap();
    let found = view.order.slow_attempt().unwrap();
    assert_eq!((found.slow_after, found.usual), (Duration::from_secs(200), Some(usual)));
    assert_eq!(found.since.duration_since(current.started_at).as_secs(), 200);
    running.await.unwrap();

    let found = slow(&world, id).await;
    let told: Vec<_> = found.iter().map(|slow| (slow.step.as_str(), slow.attempt)).collect();
    assert_eq!(told, [("implement", 1)]);
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, view.order.slow_attempt()), (AgentWorkOrderStatus::Completed, None));
    assert_eq!(view.history.get(4).unwrap().duration, Duration::from_secs(1_000));
    let lines = world.timeline.lines();
    let at = |line: &str| lines.iter().rposition(|it| it == line).unwrap_or_else(|| panic!("{line}: {lines:#?}"));
    let saved = at("store: save 4 [step_slow]");
    assert!(at("agent: implement") < saved && saved < at("store: save 5 [implement✔ +commit]"));
    orchestrator.drain(Duration::from_secs(1), Duration::ZERO).await;
    let lines = world.log.read(id, &LogQuery::default()).await.unwrap().lines;
    let said: Vec<_> = lines.iter().filter(|line| *line.entry.event == *"step_slow").collect();
    assert_eq!((said.len(), said[0].entry.step.as_ref().unwrap().as_str()), (1, "implement"));
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_is_set_holds_without_anything_usual() {
    let mut world = timed();
    world.settings.slow = SlowPolicy { bound: Some(Duration::from_secs(30)), ..SlowPolicy::default() };
    world.agent.put("plan", takes(31));
    world.agent.put("implement", takes(30));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let found = slow(&world, id).await;
    let told: Vec<_> = found.iter().map(|slow| (slow.step.as_str(), slow.slow_after.as_secs(), slow.usual)).collect();
    assert_eq!(told, [("plan", 30, None)]);
}

#[tokio::test(start_paused = true)]
async fn too_few_attempts_or_a_short_time_make_no_step_slow() {
    for (policy, takes_long) in [
        (SlowPolicy { least_samples: 6, ..SlowPolicy::default() }, 100_000),
        (SlowPolicy { percent: 0, ..SlowPolicy::default() }, 100_000),
        (SlowPolicy { least: Duration::from_secs(500), ..SlowPolicy::default() }, 499),
        (SlowPolicy::default(), 199),
    ] {
        let mut world = timed();
        (world.settings.slow, world.settings.step_timeout) = (policy, Duration::from_hours(100));
        let orchestrator = experienced(&world).await;
        world.agent.put("implement", takes(takes_long));
        let id = world.create(&orchestrator).await;
        assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
        assert_eq!(slow(&world, id).await, [], "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_found_slow_and_goes_on_in_the_next_process_is_not_found_again() {
    for dies_waiting in [true, false] {
        let world = timed();
        let orchestrator = experienced(&world).await;
        // It is slow, is told to wait, and takes long again when it goes on.
        let limited = Play { takes: Duration::from_secs(250), ..Play::is_limited(None) };
        world.agent.put("implement", limited);
        world.agent.put("implement", takes(300));
        let id = world.create(&orchestrator).await;
        let end = if dies_waiting {
            tokio::select! {
                biased;
                _ = orchestrator.run_order(id) => panic!("it must not end"),
                () = until_waits(&world, id) => {}
            }
            assert_eq!(slow(&world, id).await.len(), 1);
            started(&world).await.run_order(id).await
        } else {
            orchestrator.run_order(id).await
        };
        assert_eq!(end.unwrap(), COMPLETED);
        assert_eq!(slow(&world, id).await.len(), 1, "dies: {dies_waiting}");
        let view = world.stored(id).await;
        assert_eq!((view.history.len(), view.history.get(4).unwrap().tries.len()), (7, 1));
    }
}

async fn until_waits(world: &World, id: OrderId) {
    for _ in 0..10_000 {
        if crate::waiting::waits(world, id).await {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("it never waits");
}

#[tokio::test(start_paused = true)]
async fn time_at_work_before_an_attempt_was_suspended_counts_and_time_that_it_waited_does_not() {
    let world = timed();
    let orchestrator = experienced(&world).await;
    let limited = Play { takes: Duration::from_secs(150), ..Play::is_limited(None) };
    world.agent.put("implement", limited);
    world.agent.put("implement", takes(60));
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let found = slow(&world, id).await;
    assert_eq!(found.len(), 1, "150 s and 60 s are more than 200 s");
    let result = Arc::clone(world.stored(id).await.history.get(4).unwrap());
    assert_eq!(result.duration, Duration::from_secs(210));
    assert_eq!(result.timestamp.duration_since(found[0].since).as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn another_attempt_of_the_step_is_found_slow_by_itself() {
    let world = timed();
    let orchestrator = experienced(&world).await;
    world.agent.put("implement", Play::hangs());
    let id = world.create(&orchestrator).await;
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = until_async(async || world.timeline.text().ends_with("[step_slow]")) => {}
    }
    world.agent.put("implement", takes(300));
    assert_eq!(started(&world).await.run_order(id).await.unwrap(), COMPLETED);
    let attempts: Vec<_> = slow(&world, id).await.iter().map(|slow| slow.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_told_beside_the_work_and_gets_it_with_the_result_at_the_latest() {
    for (fault, failures) in [(Fault::Before, 3), (Fault::After, 3), (Fault::Hang, 2), (Fault::Before, 100_000)] {
        let world = timed();
        let orchestrator = experienced(&world).await;
        world.agent.put("implement", takes(300));
        // The saves of four results go right; then those fail that tell of the slow step.
        let good = std::iter::repeat_n(Fault::None, 4);
        let id = world.create(&orchestrator).await;
        world.repository.fail_saves(good.chain(std::iter::repeat_n(fault, failures)), Fault::None);
        let running = orchestrator.spawn_order(id);
        let health = || orchestrator.work_orders().health();
        let begun = tokio::time::Instant::now();
        while !running.is_finished() {
            if begun.elapsed() < Duration::from_mins(5) {
                assert!(!health().is_degraded(), "no result is missing");
            } else if failures > 1_000 {
                world.repository.fail_saves([], Fault::None);
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        running.await.unwrap();
        assert_whole(&world, id, &format!("{fault:?}, {failures}")).await;
        assert_eq!(slow(&world, id).await.len(), 1, "{fault:?}, {failures}");
        assert_eq!(world.stored(id).await.history.get(4).unwrap().duration, Duration::from_mins(5));
    }
}

#[tokio::test(start_paused = true)]
async fn who_learns_from_it_that_the_order_is_another_workers_stops() {
    let world = timed();
    let orchestrator = experienced(&world).await;
    world.agent.put("implement", takes(3_000));
    let id = world.create(&orchestrator).await;
    world.repository.fail_saves([Fault::None, Fault::None, Fault::None, Fault::None, Fault::Fenced], Fault::None);
    let begun = tokio::time::Instant::now();
    orchestrator.run_order(id).await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 200, "the agent is stopped");
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 4 [step_slow] (Fenced)");
}
