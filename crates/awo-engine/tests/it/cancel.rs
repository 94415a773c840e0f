//! Cancel and shutdown.

use std::time::Duration;

use awo_engine::{EngineError, RunEnd};
use awo_models::{AgentWorkOrderStatus, FailureCode};
use awo_testkit::{Play, World};

use crate::outages::until_async;

#[tokio::test]
async fn a_pending_order_is_cancelled_at_once() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let view = orchestrator.work_orders().cancel(id).await.unwrap();
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Cancelled);
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::NothingToDo);
    assert!(!world.timeline.text().contains("agent:"));
}

#[tokio::test(start_paused = true)]
async fn cancelled_during_a_step_its_result_and_the_end_are_one_save() {
    let world = World::new();
    world.agent.put("find_plan", Play::hangs());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("agent: find_plan")).await;
    let view = orchestrator.work_orders().cancel(id).await.unwrap();
    assert!(view.order.state.cancel_requested);
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Cancelled);
    assert_eq!(view.order.state.error_code, Some(FailureCode::Cancelled));
    assert_eq!(view.history.last().unwrap().error_code, Some(FailureCode::Cancelled));
    let saves: Vec<_> = world.timeline.lines().into_iter().filter(|line| line.starts_with("store: save")).collect();
    assert_eq!(saves.len(), 3, "{saves:?}");
    assert_eq!(saves[2], "store: save 3 [find_plan✘ cancelled]");
    assert!(world.sandboxes.has(id), "the checkout of a cancelled order is kept");
}

#[tokio::test]
async fn an_ended_order_cannot_be_cancelled() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    let refused = orchestrator.work_orders().cancel(id).await;
    assert!(matches!(refused, Err(EngineError::NotAllowed { status: AgentWorkOrderStatus::Completed, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_during_the_last_step_ends_the_order() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    gate.add_permits(6);
    until_async(async || world.timeline.text().contains("agent: create_pr")).await;
    let work_ends = async { gate.add_permits(1) };
    let (whole, ()) = tokio::join!(orchestrator.drain(Duration::from_secs(5), Duration::from_secs(5)), work_ends);
    assert!(whole);
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
    assert_eq!(world.timeline.lines().iter().filter(|line| line.contains("handed_over")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_the_step_end_and_hands_the_order_over() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    gate.add_permits(1);
    until_async(async || world.timeline.text().contains("agent: plan")).await;
    let (drained, ()) = tokio::join!(orchestrator.drain(Duration::from_secs(10), Duration::from_secs(10)), async {
        gate.add_permits(1);
    });
    assert!(drained);
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, view.history.len()), (AgentWorkOrderStatus::Pending, 2));
    assert!(view.history.iter().all(|result| result.success));
    assert_eq!(view.order.state.current_step, None);
    assert!(matches!(
        orchestrator.work_orders().create(awo_engine::NewOrder::new("https://x.example/a/b", "y")).await,
        Err(EngineError::ShuttingDown)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_stops_an_agent_after_the_grace_and_hands_the_order_over() {
    let world = World::new();
    world.agent.put("plan", Play::hangs());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("agent: plan")).await;
    assert!(orchestrator.drain(Duration::from_secs(10), Duration::from_secs(10)).await);
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Pending);
    assert_eq!(view.history.last().unwrap().error_code, Some(FailureCode::Interrupted));
    assert!(world.timeline.lines().last().unwrap().contains("[plan✘ handed_over]"), "one commit");

    // The next process goes on with the second attempt of the step.
    let next = world.orchestrator();
    assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let view = world.stored(id).await;
    assert_eq!(view.history.len(), 8);
    assert_eq!((view.history.get(2).unwrap().attempt, view.epoch.0), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn asking_twice_to_cancel_changes_nothing_the_second_time() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    // Nobody runs it here, so that the request stays.
    let running = crate::recovery::die_after(&world, 0).await;
    work_orders.cancel(running.1).await.unwrap();
    let before = world.events(running.1).await.len();
    work_orders.cancel(running.1).await.unwrap();
    assert_eq!(world.events(running.1).await.len(), before);
}

#[tokio::test(start_paused = true)]
async fn cancel_reaches_work_of_the_engine_itself() {
    let world = World::new();
    world.sandboxes.hang_on_push();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("sandbox: push")).await;
    orchestrator.work_orders().cancel(id).await.unwrap();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Cancelled);
    assert_eq!(view.history.last().unwrap().error_code, Some(FailureCode::Cancelled));
    assert!(!world.timeline.text().contains("forge: open"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_with_the_cancel_has_no_effect_outside() {
    let world = World::new();
    world.agent.put("commit", Play { answers_when_stopped: true, ..Play::default() });
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("agent: commit")).await;
    orchestrator.work_orders().cancel(id).await.unwrap();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Cancelled);
    assert!(!world.timeline.text().contains("sandbox: commit"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_its_request_is_stored_has_cancelled() {
    let world = World::new();
    world.agent.put("find_plan", Play::hangs());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || world.timeline.text().contains("agent: find_plan")).await;
    let work_orders = orchestrator.work_orders();
    tokio::select! {
        biased;
        _ = work_orders.cancel(id) => panic!("nothing is waited for"),
        () = std::future::ready(()) => {}
    }
    until_async(async || world.stored(id).await.order.state.status == AgentWorkOrderStatus::Cancelled).await;
}
