//! A process that dies, and the next one.

use awo_engine::{Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, EventKind, FailureCode, OrderId};
use awo_testkit::{Fault, World};

/// Runs an order until its agent has ended `steps` steps and works at the next; then the process is gone.
pub(crate) async fn die_after(world: &World, steps: usize) -> (Orchestrator, OrderId) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.gate.as_ref().unwrap().add_permits(steps);
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| agents(world) == steps + 1) => {}
    }
    (orchestrator, id)
}

fn agents(world: &World) -> usize {
    world.timeline.lines().iter().filter(|line| line.starts_with("agent:")).count()
}

#[tokio::test(start_paused = true)]
async fn killed_after_every_step_the_order_goes_on_from_there() {
    for steps in 0..7 {
        let world = World::gated();
        let (_dead, id) = die_after(&world, steps).await;
        assert_eq!(world.stored(id).await.history.len(), steps, "every finished step is stored");
        world.gate.as_ref().unwrap().add_permits(7);
        let next = world.orchestrator();
        assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed), "{steps}");
        let view = world.stored(id).await;
        let cut = view.history.get(steps).unwrap();
        assert_eq!((cut.error_code, cut.attempt), (Some(FailureCode::Interrupted), 1));
        assert_eq!(view.history.get(steps + 1).unwrap().attempt, 2, "the cut step runs again");
        assert_eq!((view.history.len(), view.epoch.0), (8, 2));
        assert_eq!(agents(&world), 8, "no finished step runs again");
    }
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_cut_attempt_rides_on_the_claim() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 1).await;
    world.gate.as_ref().unwrap().add_permits(7);
    world.orchestrator().run_order(id).await.unwrap();
    assert!(
        world.timeline.lines().contains(&"store: save 2 [claimed plan✘ +plan]".to_owned()),
        "{}",
        world.timeline.text()
    );
    let ended = world.timeline.lines().iter().position(|l| l == "sandbox: end processes").unwrap();
    let claimed = world.timeline.lines().iter().position(|l| l.contains("[claimed plan✘")).unwrap();
    assert!(ended < claimed, "left-over processes end before the claim");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_workspace_is_gone_fails_in_one_commit_that_says_so() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 3).await;
    world.sandboxes.lose(id);
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::Interrupted));
    assert!(view.order.state.error_message.as_deref().unwrap().contains("its workspace is not there any more"));
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 4 [claimed generate_branch✘ failed]");
}

#[tokio::test(start_paused = true)]
async fn an_order_cut_before_its_first_result_begins_afresh() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 0).await;
    world.sandboxes.lose(id);
    world.gate.as_ref().unwrap().add_permits(7);
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_saved_without_its_end_is_ended_not_run_again() {
    let world = World::new();
    world.agent.put("plan", awo_testkit::Play::fails(FailureCode::AgentAuth));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    // The result of plan is stored, the end is not: the process dies while it finishes.
    let faults = [Fault::None, Fault::None];
    world.repository.fail_saves(faults, Fault::Hang);
    tokio::select! {
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| world.timeline.text().contains("[failed] (Hang)")) => {}
    }
    world.repository.fail_saves([], Fault::None);
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.error_code), (2, Some(FailureCode::AgentAuth)));
    assert_eq!(agents(&world), 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_finds_what_an_earlier_life_left() {
    let world = World::gated();
    let (_dead, cut) = die_after(&world, 2).await;
    let waiting = world.create(&world.orchestrator()).await;
    world.gate.as_ref().unwrap().add_permits(20);
    let next = world.orchestrator();
    next.start();
    for id in [cut, waiting] {
        crate::outages::until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
        assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
    }
    let claims = world.events(cut).await.iter().filter(|e| matches!(e.kind, EventKind::Claimed { .. })).count();
    assert_eq!(claims, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_came_while_nobody_ran_the_order_is_heard() {
    let world = World::gated();
    let (dead, id) = die_after(&world, 2).await;
    drop(dead);
    // Another process takes the request; it does not run the order.
    world.orchestrator().work_orders().cancel(id).await.unwrap();
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Cancelled));
    assert_eq!(agents(&world), 3, "no agent begins any more");
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 3 [claimed find_plan✘ cancelled]");
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_attempt_left_is_gone_before_the_step_runs_again() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 4).await;
    world.sandboxes.write(id, "half-done.txt", "from the attempt that was cut");
    world.gate.as_ref().unwrap().add_permits(7);
    world.orchestrator().run_order(id).await.unwrap();
    let view = world.stored(id).await;
    let second = view.history.iter().find(|r| r.step == "implement" && r.success).unwrap();
    let changed: Vec<_> = second.evidence.changes.as_ref().unwrap().files.iter().map(ToString::to_string).collect();
    assert_eq!(changed, ["src/greeting.txt"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_at_the_start_is_waited_for() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.repository.fail_reads(true);
    orchestrator.start();
    crate::outages::until(|| orchestrator.work_orders().health().running == 1).await;
    world.repository.fail_reads(false);
    crate::outages::until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn saves_that_are_refused_twice_fail_the_order() {
    for (refusals, status) in [(1, AgentWorkOrderStatus::Completed), (2, AgentWorkOrderStatus::Failed)] {
        let world = World::new();
        // The second claim is a save too: it brings the interrupted result.
        let faults =
            [Fault::None, Fault::Conflict, Fault::None, if refusals == 2 { Fault::Conflict } else { Fault::None }];
        world.repository.fail_saves(faults, Fault::None);
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        orchestrator.start();
        crate::outages::until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
        assert_eq!(world.stored(id).await.order.state.status, status, "{refusals}: {}", world.timeline.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_heard_also_when_the_workspace_is_gone() {
    let world = World::gated();
    let (dead, id) = die_after(&world, 2).await;
    drop(dead);
    world.sandboxes.lose(id);
    world.orchestrator().work_orders().cancel(id).await.unwrap();
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn an_order_with_nothing_left_to_run_needs_no_workspace() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    // All seven results are stored, the end is not.
    world.repository.fail_saves(std::iter::repeat_n(Fault::None, 7), Fault::Hang);
    tokio::select! {
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| world.timeline.text().contains("[completed] (Hang)")) => {}
    }
    world.repository.fail_saves([], Fault::None);
    world.sandboxes.lose(id);
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_during_the_first_step_costs_nothing_but_the_attempt() {
    let world = World::new();
    let hangs = awo_testkit::Play { writes: vec![("half.txt".into(), "half".into())], ..awo_testkit::Play::hangs() };
    world.agent.put("classify", hangs);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    crate::outages::until(|| agents(&world) == 1).await;
    assert!(orchestrator.drain(std::time::Duration::ZERO, std::time::Duration::from_secs(5)).await);
    let next = world.orchestrator();
    assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let second = world.stored(id).await.history.get(1).unwrap().evidence.before.clone().unwrap();
    assert_eq!(&*second.tree, "{}", "the second attempt begins with the checkout that it works in");
}
