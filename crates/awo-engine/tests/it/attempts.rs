//! Steps that are attempted more than once.

use std::time::Duration;

use awo_engine::ports::Clock as _;
use awo_engine::{NewOrder, Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, OrderId, RetryPolicy, StepName};
use awo_testkit::{Play, World};

use crate::outages::until_async;
use crate::waiting::{timed, waits};

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);
const FAILED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Failed);

/// A world whose steps are attempted three times.
fn patient() -> World {
    let mut world = timed();
    world.settings.retry = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    world
}

/// The agent leaves a file and fails.
fn crashes(world: &World, step: &str) {
    let writes = vec![("half.txt".into(), "half".into())];
    world.agent.put(step, Play { writes, ..Play::fails(FailureCode::AgentCrashed) });
}

async fn run(world: &World) -> (OrderId, RunEnd) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let end = orchestrator.run_order(id).await.unwrap();
    (id, end)
}

async fn until_it_waits(world: &World, orchestrator: &Orchestrator, id: OrderId) {
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = until_async(async || waits(world, id).await) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_followed_by_another_after_a_pause() {
    let world = patient();
    crashes(&world, "implement");
    let begun = world.clock.now();
    let (id, end) = run(&world).await;
    assert_eq!(end, COMPLETED);
    insta::assert_snapshot!(world.timeline.text());
    let view = world.stored(id).await;
    let (first, second) = (view.history.get(4).unwrap(), view.history.get(5).unwrap());
    assert_eq!((first.error_code, first.attempt), (Some(FailureCode::AgentCrashed), 1));
    assert_eq!((second.success, second.attempt), (true, 2));
    assert_eq!(second.evidence.changes.as_ref().unwrap().files_changed, 1, "it began as the first one did");
    assert!(view.order.superseded(&view.history, 4));
    let pause = world.clock.now().duration_since(begun).as_secs();
    assert!((5..=10).contains(&pause), "{pause}");
}

#[tokio::test(start_paused = true)]
async fn the_pause_can_be_seen_and_is_kept_to_by_the_next_process() {
    for shuts_down in [false, true] {
        let world = patient();
        crashes(&world, "plan");
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        if shuts_down {
            orchestrator.start();
            until_async(async || waits(&world, id).await).await;
            assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
        } else {
            until_it_waits(&world, &orchestrator, id).await;
        }
        let state = world.stored(id).await.order.state.clone();
        assert_eq!((&state.current_step, &state.suspended), (&None, &None));
        assert_eq!(state.waiting_for.as_deref(), Some("attempt 2 of step `plan`"));
        assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
        assert!(world.clock.now() >= state.waiting_until.unwrap());
        let attempts: Vec<_> = world.stored(id).await.history.iter().map(|result| result.attempt).collect();
        assert_eq!(attempts, [1, 1, 2, 1, 1, 1, 1, 1], "no attempt is lost or cut");
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_in_the_pause_it_ends_at_once() {
    let world = patient();
    crashes(&world, "plan");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, id).await).await;
    orchestrator.work_orders().cancel(id).await.unwrap();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, view.history.len()), (AgentWorkOrderStatus::Cancelled, 2));
    let message = view.order.state.error_message.as_deref().unwrap();
    assert_eq!(message, "cancelled on request while it waited for attempt 2 of step `plan`");
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_and_what_no_attempt_can_mend_end_the_order() {
    let world = patient();
    for _ in 0..3 {
        crashes(&world, "implement");
    }
    let (id, end) = run(&world).await;
    assert_eq!((end, world.stored(id).await.history.len()), (FAILED, 4 + 3));

    let world = patient();
    world.agent.put("implement", Play::fails(FailureCode::AgentAuth));
    let (id, end) = run(&world).await;
    assert_eq!((end, world.stored(id).await.history.len()), (FAILED, 4 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_first_step_that_fails_begins_again_with_a_fresh_checkout() {
    let world = patient();
    crashes(&world, "classify");
    let (id, end) = run(&world).await;
    assert_eq!(end, COMPLETED);
    let view = world.stored(id).await;
    assert_eq!(&*view.history.get(1).unwrap().evidence.before.as_ref().unwrap().tree, "{}");
    assert_eq!(view.order.state.git_files_changed, 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_by_a_failed_attempt_is_found_by_the_next_one() {
    let world = patient();
    *world.forge.refuses.lock().unwrap() = Some(Failure::new(FailureCode::ForgeFailed, "502"));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, id).await).await;
    *world.forge.refuses.lock().unwrap() = None;
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, &view.order.state.error_code), (AgentWorkOrderStatus::Completed, &None));
    let pushes = world.timeline.lines().iter().filter(|line| line.starts_with("sandbox: push")).count();
    assert_eq!((pushes, world.forge.opened.lock().unwrap().len()), (2, 1));
    assert_eq!(view.order.state.git_commit_count, 1);
}

#[tokio::test]
async fn a_request_says_more_than_a_step_s_setting_and_that_more_than_the_general_one() {
    let mut world = World::new();
    world.settings.retry.max_attempts = 2;
    world.settings.attempts = [(StepName::known("implement"), 4)].into();
    let orchestrator = world.orchestrator();
    let attempts = async |asked| {
        let mut request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
        request.max_attempts = asked;
        let created = orchestrator.work_orders().create(request).await.unwrap().view.order;
        created.spec.workflow.iter().map(|definition| definition.retry.max_attempts).collect::<Vec<_>>()
    };
    assert_eq!(attempts(None).await, [2, 2, 2, 2, 4, 2, 2]);
    assert_eq!(attempts(Some(3)).await, [3; 7]);
}
