//! Orders that wait for the service of their agent.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::ports::{AgentCapabilities, AgentSession, Clock as _};
use awo_engine::{Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, EventKind, FailureCode, OrderId, Timestamp, Usage};
use awo_testkit::{ManualClock, Play, World};

use crate::outages::until_async;
use crate::recovery::agents;

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);
const HOUR: Duration = Duration::from_hours(1);

/// A world whose time is that of the runtime.
pub(crate) fn timed() -> World {
    let mut world = World::new();
    world.clock = Arc::new(ManualClock::of_the_runtime());
    world
}

fn in_an_hour(world: &World) -> Timestamp {
    world.clock.now() + HOUR
}

/// The agent has begun the step, with a file, when it is told to wait.
fn limited(world: &World, step: &str) {
    let writes = vec![("half.txt".into(), "half".into())];
    let usage = Some(Usage { turns: Some(3), ..Usage::default() });
    world.agent.put(step, Play { writes, usage, ..Play::is_limited(Some(in_an_hour(world))) });
}

/// Lets time pass until something is so.
async fn in_time(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    panic!("it never became so");
}

async fn ended(world: &World, id: OrderId) -> bool {
    world.stored(id).await.order.state.status.is_terminal()
}

/// Whether an order waits, as everybody can see.
pub(crate) async fn waits(world: &World, id: OrderId) -> bool {
    world.stored(id).await.order.state.waiting_until.is_some()
}

/// Runs an order until it waits in a step; then the process is gone.
async fn die_waiting(world: &World, step: &str) -> (Orchestrator, OrderId) {
    limited(world, step);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = until_async(async || waits(world, id).await) => {}
    }
    (orchestrator, id)
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_and_the_session_goes_on() {
    let world = timed();
    limited(&world, "implement");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let reset = in_an_hour(&world);
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    assert!(world.clock.now() >= reset);
    insta::assert_snapshot!(world.timeline.text());
    let view = world.stored(id).await;
    assert_eq!(view.history.len(), 7, "it is no attempt");
    let result = view.history.get(4).unwrap();
    assert_eq!((result.attempt, result.success, result.tries.len()), (1, true, 1));
    assert_eq!(result.tries[0].error_code, FailureCode::AgentRateLimited);
    assert!(result.tries[0].waited.unwrap() >= HOUR);
    assert_eq!(result.duration, Duration::ZERO, "time that it waited is no time at work");
    assert!(result.timestamp.duration_since(result.started_at).as_secs() >= 3_600);
    assert_eq!(result.usage.as_ref().unwrap().turns, Some(3), "what the try used is the attempt's");
    assert_eq!(view.order.state.usage.turns, Some(3), "and counted once");
    let changes = result.evidence.changes.as_ref().unwrap();
    assert_eq!(changes.files_changed, 2, "what it had done before is part of the step");
    assert_eq!((&view.order.state.suspended, view.order.state.waiting_until), (&None, None));
    let requests = world.agent.requests.lock().unwrap();
    let AgentSession::New(Some(first)) = &requests[4].session else { panic!("{:?}", requests[4].session) };
    assert_eq!(requests[5].session, AgentSession::Resumed(Arc::clone(first)));
    assert!(requests[5].prompt.contains("Go on") && !requests[5].prompt.contains("Add a greeting"));
}

#[tokio::test(start_paused = true)]
async fn everybody_can_see_what_is_waited_for_and_others_run_meanwhile() {
    let mut world = timed();
    world.settings.max_running = 1;
    limited(&world, "plan");
    let orchestrator = world.orchestrator();
    let waiting = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, waiting).await).await;
    let state = world.stored(waiting).await.order.state.clone();
    assert_eq!((state.status, state.current_step), (AgentWorkOrderStatus::Running, None));
    assert_eq!(state.waiting_for.as_deref(), Some("the rate limit of fake, in step `plan`"));
    assert!(state.waiting_until.unwrap() >= world.clock.now() + HOUR);
    assert_eq!(orchestrator.work_orders().health().waiting, 1);
    let event = world.events(waiting).await.last().unwrap().kind.clone();
    assert!(matches!(event, EventKind::Waiting { waiting_until, .. } if Some(waiting_until) == state.waiting_until));

    let other = world.create(&orchestrator).await;
    until_async(async || world.stored(other).await.order.state.status.is_terminal()).await;
    assert!(waits(&world, waiting).await, "the only place is free while it waits");
    in_time(async || ended(&world, waiting).await).await;
    assert_eq!(world.stored(waiting).await.order.state.status, AgentWorkOrderStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_has_waited_takes_its_place_in_line() {
    let mut world = timed();
    (world.settings.max_running, world.settings.step_timeout) = (1, HOUR * 3);
    limited(&world, "classify");
    world.agent.put("plan", Play { takes: HOUR * 2, ..Play::default() });
    let orchestrator = world.orchestrator();
    let waiting = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, waiting).await).await;
    let other = world.create(&orchestrator).await;
    let until_reset = world.stored(waiting).await.order.state.waiting_until.unwrap();
    in_time(async || world.clock.now() > until_reset + Duration::from_mins(1)).await;
    assert!(waits(&world, waiting).await, "the other one has the only place");
    in_time(async || ended(&world, other).await).await;
    in_time(async || ended(&world, waiting).await).await;
}

#[tokio::test(start_paused = true)]
async fn killed_while_it_waits_in_any_step_the_next_process_waits_on_and_the_session_goes_on() {
    let steps = ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];
    for (place, step) in steps.into_iter().enumerate() {
        for lose in [false, true] {
            let world = timed();
            let (_dead, id) = die_waiting(&world, step).await;
            let waiting = world.stored(id).await.order.state.waiting_until;
            world.sandboxes.write(id, "later.txt", "came after the agent had ended");
            if lose {
                world.sandboxes.lose(id);
            }
            let next = world.orchestrator();
            let case = format!("{step}, checkout lost: {lose}");
            assert_eq!(next.run_order(id).await.unwrap(), COMPLETED, "{case}");
            assert!(world.clock.now() >= waiting.unwrap(), "{case}");
            let view = world.stored(id).await;
            assert_eq!((view.history.len(), view.epoch.0, agents(&world)), (7, 2, 8), "{case}");
            let result = view.history.get(place).unwrap();
            assert_eq!((result.attempt, result.tries.len()), (1, 1), "{case}");
            assert_eq!(view.order.state.usage.turns, Some(3), "{case}");
            let changed = result.evidence.changes.as_ref().unwrap();
            let has = |file: &str| changed.files.iter().any(|changed| **changed == *file);
            // A commit's changes are those of its commit.
            assert!(has("half.txt") || step == "commit", "{case}: {changed:?}");
            assert!(!has("later.txt"), "{case}: {changed:?}");
            let requests = world.agent.requests.lock().unwrap();
            assert_eq!(requests[place + 1].session.id(), requests[place].session.id(), "{case}");
            assert!(matches!(requests[place + 1].session, AgentSession::Resumed(_)), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_cut_after_it_went_on_is_interrupted_and_keeps_what_is_known_of_it() {
    let world = timed();
    limited(&world, "implement");
    world.agent.put("implement", Play::hangs());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = in_time(async || agents(&world) == 6) => {}
    }
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
    let view = world.stored(id).await;
    let (cut, again) = (view.history.get(4).unwrap(), view.history.get(5).unwrap());
    assert_eq!((cut.error_code, cut.attempt, cut.tries.len()), (Some(FailureCode::Interrupted), 1, 1));
    assert_eq!(cut.usage.as_ref().unwrap().turns, Some(3));
    assert_eq!((again.attempt, again.tries.len(), again.success), (2, 0, true));
    assert_eq!(again.evidence.changes.as_ref().unwrap().files_changed, 1, "it began as the first attempt did");
    assert_eq!(view.order.state.usage.turns, Some(3));
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_it_waits_it_ends_at_once() {
    let world = timed();
    limited(&world, "find_plan");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, id).await).await;
    let until_reset = world.stored(id).await.order.state.waiting_until.unwrap();
    orchestrator.work_orders().cancel(id).await.unwrap();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert!(world.clock.now() < until_reset);
    let view = world.stored(id).await;
    let state = &view.order.state;
    assert_eq!((state.status, state.error_code), (AgentWorkOrderStatus::Cancelled, Some(FailureCode::Cancelled)));
    assert_eq!((&state.waiting_for, state.waiting_until, &state.suspended), (&None, None, &None));
    let result = view.history.last().unwrap();
    assert_eq!((result.error_code, result.tries.len()), (Some(FailureCode::Cancelled), 1));
    assert_eq!(state.usage.turns, Some(3));
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 3 [find_plan✘ cancelled]");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_hands_it_over_at_once_and_the_next_one_waits_on() {
    let world = timed();
    limited(&world, "find_plan");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, id).await).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await);
    let view = world.stored(id).await;
    assert_eq!((view.order.state.status, view.history.len()), (AgentWorkOrderStatus::Pending, 2));
    let waiting = view.order.state.waiting_until.unwrap();
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
    assert!(world.clock.now() >= waiting);
    assert_eq!(world.stored(id).await.history.len(), 7, "its attempt has gone on");
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_nobody_runs_it_its_attempt_ends_in_the_claim_or_in_the_claim_of_a_retry() {
    // Its process died: the next one hears of the cancel with its claim.
    let world = timed();
    let (_dead, id) = die_waiting(&world, "plan").await;
    world.orchestrator().work_orders().cancel(id).await.unwrap();
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Cancelled));
    assert_eq!(world.timeline.lines().last().unwrap(), "store: save 2 [claimed plan✘ cancelled]");
    assert_eq!(world.stored(id).await.history.last().unwrap().tries.len(), 1);

    // Its process handed it over: nobody can give the attempt a result before somebody owns the order.
    let world = timed();
    limited(&world, "plan");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until_async(async || waits(&world, id).await).await;
    orchestrator.drain(Duration::from_secs(1), Duration::from_secs(1)).await;
    let next = world.orchestrator();
    let view = next.work_orders().cancel(id).await.unwrap();
    assert_eq!((view.order.state.status, view.order.state.waiting_until), (AgentWorkOrderStatus::Cancelled, None));
    assert_eq!(view.order.usage_so_far().turns, Some(3));
    next.work_orders().retry(id, None).await.unwrap();
    assert_eq!(next.run_order(id).await.unwrap(), COMPLETED);
    let view = world.stored(id).await;
    let (first, second) = (view.history.get(1).unwrap(), view.history.get(2).unwrap());
    assert_eq!((first.error_code, first.tries.len()), (Some(FailureCode::Interrupted), 1));
    assert_eq!((second.attempt, second.tries.len()), (2, 0), "a retry does not go on with it");
    let changed = second.evidence.changes.as_ref().unwrap();
    assert!(!changed.files.iter().any(|file| &**file == "half.txt"), "nor with its files: {changed:?}");
    let before = second.evidence.before.as_ref().unwrap();
    assert!(!before.tree.contains("half.txt"), "{before:?}");
    assert_eq!((view.order.state.usage.turns, view.order.usage_so_far().turns), (Some(3), Some(3)));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_resume_begins_the_step_anew_with_the_files_that_it_began_with() {
    for step in ["classify", "implement"] {
        for dies in [false, true] {
            let world = timed();
            world.agent.can(AgentCapabilities { resumes: false, chooses_session: true, reports_cost: true });
            let id = if dies {
                die_waiting(&world, step).await.1
            } else {
                limited(&world, step);
                world.create(&world.orchestrator()).await
            };
            assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED, "{step} {dies}");
            let view = world.stored(id).await;
            let result = view.history.iter().find(|result| result.step == step).unwrap();
            assert_eq!((result.attempt, result.tries.len()), (1, 1), "{step} {dies}");
            let changed = result.evidence.changes.as_ref().unwrap();
            assert!(!changed.files.iter().any(|file| &**file == "half.txt"), "{step} {dies}: {changed:?}");
            let requests = world.agent.requests.lock().unwrap();
            let mut asked = requests.iter().filter(|request| request.step == step);
            let (first, second) = (asked.next().unwrap(), asked.next().unwrap());
            assert_eq!(second.prompt, first.prompt, "{step} {dies}");
            assert_eq!(second.session, AgentSession::New(None), "{step} {dies}: a session id is used once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_gone_is_replaced_by_a_new_one() {
    let world = timed();
    limited(&world, "implement");
    world.agent.put("implement", Play::fails(FailureCode::AgentCrashed));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let view = world.stored(id).await;
    let result = view.history.get(4).unwrap();
    let tries: Vec<_> = result.tries.iter().map(|tried| tried.error_code).collect();
    assert_eq!(tries, [FailureCode::AgentRateLimited, FailureCode::AgentCrashed]);
    assert_eq!(result.evidence.changes.as_ref().unwrap().files_changed, 1, "the step began anew");
    let requests = world.agent.requests.lock().unwrap();
    assert_eq!(requests[6].session, AgentSession::New(None));
    assert_eq!(requests[6].prompt, requests[4].prompt);
}

#[tokio::test(start_paused = true)]
async fn trouble_without_a_known_end_is_backed_off_from_and_given_up_some_time() {
    let mut world = timed();
    world.settings.waiting.times = 3;
    for code in [FailureCode::AgentOverloaded, FailureCode::AgentRateLimited] {
        for _ in 0..4 {
            world.agent.put("plan", Play::fails(code));
        }
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        let begun = world.clock.now();
        assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
        let view = world.stored(id).await;
        let result = view.history.last().unwrap();
        assert_eq!((result.error_code, result.attempt, result.tries.len()), (Some(code), 1, 3));
        let why = "the play says so; the step has waited 3 times for it, and waits no more (waiting.times)";
        assert_eq!(result.error_message.as_deref(), Some(why));
        let waits: Vec<_> = result.tries.iter().map(|tried| tried.waited.unwrap()).collect();
        assert!(waits.is_sorted() && world.clock.now().duration_since(begun).as_secs() < 120, "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_is_too_far_away_fails_the_step_and_says_when_it_is() {
    let mut world = timed();
    world.settings.waiting.longest = Duration::from_mins(30);
    limited(&world, "plan");
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let state = world.stored(id).await.order.state.clone();
    assert_eq!(state.error_code, Some(FailureCode::AgentRateLimited));
    let message = state.error_message.unwrap();
    assert!(message.contains("it can be used again at 2026-01-01T01:00:00Z"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn all_waits_together_are_bounded_also_over_the_lives_of_processes() {
    let mut world = timed();
    world.settings.waiting.in_all = Duration::from_mins(150);
    let (_dead, id) = die_waiting(&world, "plan").await;
    for (step, hours) in [("find_plan", 2), ("implement", 3)] {
        world.agent.put(step, Play::is_limited(Some(world.clock.now() + HOUR * hours)));
    }
    let end = world.orchestrator().run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!(view.history.last().unwrap().step, "implement", "an hour, and an hour, and no third one");
    assert!(view.order.state.error_message.as_deref().unwrap().contains("waiting.in_all_seconds"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_meanwhile_changes_nothing() {
    let world = timed();
    limited(&world, "plan");
    // The word that it waits, and the tries after it, are lost for half an hour.
    let good = [awo_testkit::Fault::None];
    world.repository.fail_saves(
        good.into_iter().chain(std::iter::repeat_n(awo_testkit::Fault::Before, 900)),
        awo_testkit::Fault::None,
    );
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let kinds: Vec<_> = world.events(id).await.iter().map(|event| event.kind.as_str()).collect();
    let place = kinds.iter().position(|kind| *kind == "waiting").unwrap();
    assert_eq!(kinds[place..place + 2], ["waiting", "step_resumed"]);
    assert_eq!(kinds.iter().filter(|kind| **kind == "waiting").count(), 1);
    assert_eq!(world.stored(id).await.history.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn killed_while_nobody_could_store_that_it_waits_the_next_process_knows_it_from_the_spill() {
    let world = timed();
    limited(&world, "plan");
    world.repository.fail_saves([awo_testkit::Fault::None], awo_testkit::Fault::Before);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = in_time(async || world.spills.kept(id).is_some()) => {}
    }
    assert!(!waits(&world, id).await);
    world.repository.fail_saves([], awo_testkit::Fault::None);
    let reset = in_an_hour(&world) - Duration::from_mins(2);
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
    assert!(world.clock.now() >= reset);
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.history.get(1).unwrap().tries.len()), (7, 1));
    assert!(world.spills.kept(id).is_none());
}
