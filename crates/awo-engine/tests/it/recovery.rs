//! A process that dies, and the next one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use awo_engine::{LogQuery, Orchestrator, OrderLog as _, RunEnd};
use awo_models::{AgentWorkOrderStatus, EventKind, Failure, FailureCode, OrderId, StepName};
use awo_testkit::{Fault, World};
use tokio::time::Instant;

/// Runs an order until its agent has ended `steps` steps and works at the next; then the process is gone.
pub(crate) async fn die_after(world: &World, steps: usize) -> (Orchestrator, OrderId) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let before = agents(world);
    world.gate.as_ref().unwrap().add_permits(steps);
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| agents(world) == before + steps + 1) => {}
    }
    (orchestrator, id)
}

pub(crate) fn agents(world: &World) -> usize {
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
    world.sandboxes.lose_all(id);
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::WorkspaceLost));
    assert!(view.order.state.error_message.as_deref().unwrap().contains("its checkout was gone or broken"));
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 4 [claimed generate_branch✘ failed]");
}

/// An order whose process is gone and whose checkout has to be made anew, while the remote is out of reach so many times.
async fn out_of_reach(times: usize) -> (World, OrderId) {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 3).await;
    world.sandboxes.lose(id);
    world.sandboxes.unreachable.store(times, Ordering::Relaxed);
    world.gate.as_ref().unwrap().add_permits(7);
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_is_away_for_a_minute_ends_no_order() {
    let (world, id) = out_of_reach(6).await;
    let begun = Instant::now();
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert!(begun.elapsed() > Duration::from_mins(1));
    let log = world.log.read(id, &LogQuery { text: Some("workspace_not_found".into()), ..LogQuery::default() }).await;
    assert_eq!(log.unwrap().total, 6, "people are told");
}

#[tokio::test(start_paused = true)]
async fn a_checkout_that_cannot_be_used_for_a_minute_ends_no_order() {
    let world = World::gated();
    let (_dead, id) = die_after(&world, 3).await;
    world.sandboxes.busy.store(6, Ordering::Relaxed);
    world.gate.as_ref().unwrap().add_permits(7);
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert!(!world.timeline.text().contains("sandbox: rebuild"), "it is there");
    let log = world.log.read(id, &LogQuery { text: Some("workspace_not_found".into()), ..LogQuery::default() }).await;
    assert_eq!(log.unwrap().total, 6, "people are told");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_away_for_long_fails_it_and_a_retry_finds_it() {
    let (world, id) = out_of_reach(100).await;
    let orchestrator = world.orchestrator();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
    assert_eq!(world.stored(id).await.order.state.error_code, Some(FailureCode::WorkspaceFailed));
    world.sandboxes.unreachable.store(0, Ordering::Relaxed);
    orchestrator.work_orders().retry(id, None).await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_waits_for_its_remote_can_be_cancelled_and_ends_no_shutdown() {
    let (world, id) = out_of_reach(100).await;
    let orchestrator = world.orchestrator();
    let running = orchestrator.spawn_order(id);
    crate::outages::until(|| world.timeline.text().contains("sandbox: rebuild")).await;
    orchestrator.work_orders().cancel(id).await.unwrap();
    running.await.unwrap();
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Cancelled);

    let (world, id) = out_of_reach(100).await;
    let orchestrator = world.orchestrator();
    let running = orchestrator.spawn_order(id);
    crate::outages::until(|| world.timeline.text().contains("sandbox: rebuild")).await;
    assert!(orchestrator.drain(Duration::ZERO, Duration::from_secs(15)).await);
    running.await.unwrap();
    assert_eq!(
        world.stored(id).await.order.state.status,
        AgentWorkOrderStatus::Running,
        "the next start goes on with it"
    );
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

#[tokio::test(start_paused = true)]
async fn a_checkout_that_is_lost_is_made_anew_as_the_last_finished_step_left_it() {
    for steps in 1..7 {
        let world = World::gated();
        let (_dead, id) = die_after(&world, steps).await;
        world.sandboxes.write(id, "half-done.txt", "from the attempt that was cut");
        world.sandboxes.lose(id);
        world.gate.as_ref().unwrap().add_permits(7);
        let end = world.orchestrator().run_order(id).await.unwrap();
        assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed), "{steps}");
        let view = world.stored(id).await;
        assert_eq!((view.history.len(), agents(&world)), (8, 8), "no finished step runs again");
        assert_eq!(view.order.state.git_commit_count, 1, "the work of the lost checkout is in the end");
        let told =
            world.events(id).await.iter().any(
                |event| matches!(&event.kind, EventKind::Warning { message, .. } if message.contains("made anew")),
            );
        assert!(told, "people see that it was made anew");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_step_left_is_kept_before_its_result_is_stored() {
    let world = World::new();
    world.repository.fail_saves([Fault::None], Fault::Hang); // the result of plan is on its way
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    tokio::select! {
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| world.timeline.text().contains("plan✔ +find_plan] (Hang)")) => {}
    }
    let kept = world.sandboxes.kept(id);
    assert!(kept.last().unwrap().tree.contains("specs/"), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_cannot_be_kept_is_said_and_stops_nothing() {
    let world = World::new();
    *world.sandboxes.keeps_nothing.lock().unwrap() = Some(Failure::new(FailureCode::WorkspaceFailed, "disk full"));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let events = world.events(id).await;
    let told = events.iter().filter(|event| matches!(event.kind, EventKind::Warning { .. })).count();
    assert_eq!(told, 7);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ends_its_worker_again_and_again_is_failed() {
    let mut world = World::gated();
    world.settings.max_interruptions = 3;
    let (_dead, id) = die_after(&world, 2).await;
    for life in 2..=3 {
        let next = world.orchestrator();
        let before = agents(&world);
        tokio::select! {
            biased;
            _ = next.run_order(id) => panic!("it must not end in life {life}"),
            () = crate::outages::until(|| agents(&world) == before + 1) => {}
        }
    }
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::WorkerLost));
    assert_eq!((view.history.len(), agents(&world)), (2 + 3, 2 + 3), "every attempt can be seen");
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 5 [claimed find_plan✘ failed]");
    // Somebody found the cause: a retry begins to count anew.
    let retrying = world.orchestrator();
    retrying.work_orders().retry(id, None).await.unwrap();
    world.gate.as_ref().unwrap().add_permits(9);
    assert_eq!(retrying.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_ends_by_itself_forgives_the_interruptions_before_it() {
    let mut world = World::gated();
    world.settings.max_interruptions = 2;
    let (_dead, id) = die_after(&world, 0).await;
    for step in 1..6 {
        let next = world.orchestrator();
        let before = agents(&world);
        world.gate.as_ref().unwrap().add_permits(1);
        tokio::select! {
            biased;
            end = next.run_order(id) => panic!("it must not end: {end:?} at {step}"),
            () = crate::outages::until(|| agents(&world) == before + 2) => {}
        }
        assert_eq!(world.stored(id).await.order.state.interruptions, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_removes_the_checkout_that_a_kill_left_of_a_delivered_order() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    world.sandboxes.hang_on_remove(true);
    tokio::select! {
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = crate::outages::until(|| world.timeline.text().contains("sandbox: remove")) => {}
    }
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
    assert!(world.sandboxes.has(id));
    world.sandboxes.hang_on_remove(false);
    let next = world.orchestrator();
    next.start();
    crate::outages::until(|| !world.sandboxes.has(id)).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_keeps_the_checkouts_of_all_other_orders() {
    let world = World::new();
    world.agent.put("commit", awo_testkit::Play::fails(FailureCode::AgentAuth));
    let orchestrator = world.orchestrator();
    let failed = world.create(&orchestrator).await;
    orchestrator.run_order(failed).await.unwrap();
    world.agent.put("commit", awo_testkit::Play::fails(FailureCode::AgentAuth));
    let unknown = world.create(&orchestrator).await;
    orchestrator.run_order(unknown).await.unwrap();
    let at = world.stored(unknown).await.seq;
    awo_state::StateRepository::delete(&world.store, unknown, at).await.unwrap();
    let next = world.orchestrator();
    next.start();
    let last = world.create(&next).await;
    crate::outages::until_async(async || world.stored(last).await.order.state.status.is_terminal()).await;
    assert!(next.drain(std::time::Duration::from_secs(1), std::time::Duration::from_secs(1)).await);
    assert!(world.sandboxes.has(failed) && world.sandboxes.has(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_checkout_from_which_nothing_was_delivered_is_kept() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let mut request = awo_engine::NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    request.selected_commands = Some(["create-branch", "planning"].map(StepName::known).to_vec());
    let planned = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    assert_eq!(orchestrator.run_order(planned).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert_eq!(world.stored(planned).await.order.state.git_commit_count, 0);
    let next = world.orchestrator();
    next.start();
    let last = world.create(&next).await;
    crate::outages::until(|| !world.sandboxes.has(last) && world.timeline.text().contains("sandbox: remove")).await;
    assert!(next.drain(std::time::Duration::from_secs(1), std::time::Duration::from_secs(1)).await);
    assert!(world.sandboxes.has(planned));
}

#[tokio::test(start_paused = true)]
async fn an_order_takes_from_its_first_claim_to_its_end() {
    let minute = std::time::Duration::from_mins(1);
    let world = World::gated();
    world.clock.advance(minute);
    let (_dead, id) = die_after(&world, 2).await;
    let begun = world.stored(id).await.order.state.started_at;
    assert_eq!(begun, Some(world.stored(id).await.order.created_at), "the clock stands still");
    world.clock.advance(minute);
    world.gate.as_ref().unwrap().add_permits(7);
    world.orchestrator().run_order(id).await.unwrap();
    let state = &world.stored(id).await.order.state;
    assert_eq!((state.started_at, state.completed_at), (begun, begun.map(|begun| begun + minute)));
}

#[tokio::test(start_paused = true)]
async fn what_the_next_start_would_do_is_foretold_and_changes_nothing() {
    use awo_engine::Foreseen;
    use awo_engine::ports::Standing;

    let world = World::gated();
    let (_dead, sound) = die_after(&world, 2).await;
    let (_dead, lost) = die_after(&world, 2).await;
    world.sandboxes.lose(lost);
    let (_dead, cancelled) = die_after(&world, 1).await;
    let fresh = world.create(&world.orchestrator()).await;
    world.orchestrator().work_orders().cancel(cancelled).await.unwrap();
    let before = world.timeline.text();
    let forecast = world.orchestrator().forecast().await.unwrap();
    let of = |id| {
        let found = forecast.orders.iter().find(|foreseen| foreseen.order.agent_work_order_id == id);
        found.map(|foreseen| foreseen.then.clone()).unwrap()
    };
    let goes_on = |checkout| Foreseen::Continue { step: StepName::known("find_plan"), attempt: 2, checkout };
    assert_eq!(of(sound), goes_on(Standing::Sound));
    assert_eq!(of(lost), goes_on(Standing::Rebuildable));
    assert_eq!(of(cancelled), Foreseen::End { status: AgentWorkOrderStatus::Cancelled });
    assert_eq!(of(fresh), Foreseen::Begin { step: StepName::known("classify") });
    assert_eq!(world.timeline.text(), before);
}
