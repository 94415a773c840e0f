//! Budgets of an order.

use std::time::Duration;

use awo_engine::ports::{AgentCapabilities, Clock as _};
use awo_engine::{NewOrder, Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, EventKind, FailureCode, OrderId, OrderLimits, Usage};
use awo_testkit::{Play, World};

use crate::outages::{until, until_async};
use crate::recovery::agents;
use crate::waiting::timed;

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);
const FAILED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Failed);
const STEPS: [&str; 7] = ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];

fn usage(turns: u64, tokens: u64) -> Usage {
    Usage { turns: Some(turns), output_tokens: Some(tokens), ..Usage::default() }
}

/// Each step uses two turns and ten tokens.
fn spends(world: &World) {
    spends_in(world, &STEPS);
}

fn spends_in(world: &World, steps: &[&str]) {
    for step in steps {
        world.agent.put(step, Play { usage: Some(usage(2, 10)), ..Play::default() });
    }
}

async fn create(orchestrator: &Orchestrator, order_limits: OrderLimits) -> OrderId {
    let request = NewOrder { order_limits, ..NewOrder::new("https://example.org/owner/repo.git", "Add a greeting") };
    orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id
}

fn turns(max_turns: u64) -> OrderLimits {
    OrderLimits { max_turns: Some(max_turns), ..OrderLimits::default() }
}

async fn warnings(world: &World, id: OrderId) -> Vec<String> {
    let events = world.events(id).await;
    let warnings = events.iter().filter_map(|event| match &event.kind {
        EventKind::Warning { message, .. } => Some(message.to_string()),
        _ => None,
    });
    warnings.collect()
}

#[tokio::test]
async fn each_execution_is_given_what_is_left_and_none_begins_without() {
    let world = World::new();
    spends(&world);
    let orchestrator = world.orchestrator();
    let id = create(&orchestrator, turns(8)).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), FAILED);
    let caps: Vec<_> = world.agent.requests.lock().unwrap().iter().map(|request| request.max_turns).collect();
    assert_eq!(caps, [Some(8), Some(6), Some(4), Some(2)]);
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.error_code), (4, Some(FailureCode::AgentBudget)));
    assert!(view.history.iter().all(|result| result.success), "what was done stands");
    insta::assert_snapshot!(view.order.state.error_message.as_deref().unwrap(), @"step `implement` was not begun: the order has used 8 turns of the 8 turns that limits.order.max_turns gives it; a retry gives it as much again, a new order may be given more");
    assert_eq!(
        warnings(&world, id).await,
        ["the order has used 8 turns of the 8 turns that limits.order.max_turns gives it"]
    );

    spends(&world);
    orchestrator.work_orders().retry(id, None).await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    assert_eq!(world.agent.requests.lock().unwrap()[4].max_turns, Some(8), "a retry has it anew");
    let view = world.stored(id).await;
    assert_eq!((view.history.len(), view.order.state.usage.turns), (7, Some(14)));
}

#[tokio::test]
async fn what_is_left_open_decides_how_the_order_ends() {
    let world = World::new();
    spends(&world);
    let orchestrator = world.orchestrator();
    let id = create(&orchestrator, turns(12)).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED, "only the pull request is missing");
    let state = world.stored(id).await.order.state.clone();
    assert_eq!((state.steps_completed, state.error_code), (6, Some(FailureCode::AgentBudget)));
    assert!(world.sandboxes.has(id));
}

#[tokio::test]
async fn the_smaller_cap_counts_and_an_execution_that_meets_the_order_s_is_told_so() {
    let world = World::new();
    spends_in(&world, &STEPS[..2]);
    // The third execution has one turn left, and meets that.
    world.agent.put("find_plan", Play { usage: Some(usage(1, 0)), ..Play::fails(FailureCode::AgentTurnLimit) });
    let orchestrator = world.orchestrator();
    let mut request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    (request.max_turns, request.order_limits) = (Some(3), turns(5));
    let id = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), FAILED);
    let caps: Vec<_> = world.agent.requests.lock().unwrap().iter().map(|request| request.max_turns).collect();
    assert_eq!(caps, [Some(3), Some(3), Some(1)]);
    let view = world.stored(id).await;
    let result = view.history.last().unwrap();
    assert_eq!(result.error_code, Some(FailureCode::AgentBudget));
    assert!(result.error_message.as_deref().unwrap().contains("limits.order.max_turns"), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_passes_the_budget_is_stopped_while_it_works() {
    let world = World::new();
    spends_in(&world, &STEPS[..2]);
    world.agent.put("find_plan", Play { used_so_far: Some(usage(1, 6)), ..Play::hangs() });
    let orchestrator = world.orchestrator();
    let id = create(&orchestrator, OrderLimits { max_tokens: Some(25), ..OrderLimits::default() }).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), FAILED);
    let view = world.stored(id).await;
    let result = view.history.last().unwrap();
    assert_eq!((result.error_code, agents(&world)), (Some(FailureCode::AgentBudget), 3));
    assert!(result.error_message.as_deref().unwrap().contains("26 tokens of the 25 tokens"), "{result:?}");
    assert_eq!(result.usage, Some(usage(1, 6)), "what it said before it was stopped counts");
    assert_eq!(view.order.state.usage.tokens(), Some(26));
}

#[tokio::test]
async fn a_cost_that_is_not_told_is_said_to_be_unknown_once() {
    let world = World::new();
    world.agent.can(AgentCapabilities::default());
    spends(&world);
    let orchestrator = world.orchestrator();
    let limits = OrderLimits { max_cost_nanousd: Some(1), ..OrderLimits::default() };
    let id = create(&orchestrator, limits).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED, "unknown is not zero, and not all of it either");
    let told = "the agent did not say all that limits.order.max_cost_usd counts: it is kept to only as far as it does";
    assert_eq!(warnings(&world, id).await, [told]);
}

#[tokio::test(start_paused = true)]
async fn time_at_work_counts_and_time_spent_waiting_does_not() {
    let world = timed();
    let minutes = |minutes| Duration::from_mins(minutes);
    let limit = world.clock.now() + minutes(300);
    world.agent.put("classify", Play { takes: minutes(10), ..Play::default() });
    world.agent.put("plan", Play { takes: minutes(5), ..Play::is_limited(Some(limit)) });
    world.agent.put("plan", Play { takes: minutes(5), ..Play::default() });
    world.agent.put("find_plan", Play { takes: minutes(60), ..Play::default() });
    let orchestrator = world.orchestrator();
    let limits = OrderLimits { timeout: Some(minutes(30)), ..OrderLimits::default() };
    let id = create(&orchestrator, limits).await;
    // The fake agent keeps to no time, as the engine's own is the last resort.
    assert_eq!(orchestrator.run_order(id).await.unwrap(), FAILED);
    let view = world.stored(id).await;
    let plan = view.history.get(1).unwrap();
    assert_eq!(plan.duration, minutes(10), "both executions, without the wait between them");
    let result = view.history.last().unwrap();
    assert_eq!((result.step.as_str(), result.error_code), ("find_plan", Some(FailureCode::AgentTimeout)));
    assert!(result.error_message.as_deref().unwrap().contains("limits.order.timeout_seconds"), "{result:?}");
    let given: Vec<_> = world.agent.requests.lock().unwrap().iter().map(|r| r.timeout.as_secs() / 60).collect();
    assert_eq!(given, [30, 20, 15, 10]);
}

#[tokio::test(start_paused = true)]
async fn what_was_used_survives_the_process() {
    let mut world = World::gated();
    world.settings.max_interruptions = 5;
    spends(&world);
    let orchestrator = world.orchestrator();
    let id = create(&orchestrator, turns(6)).await;
    world.gate.as_ref().unwrap().add_permits(2);
    tokio::select! {
        biased;
        _ = orchestrator.run_order(id) => panic!("it must not end"),
        () = until(|| agents(&world) == 3) => {}
    }
    world.gate.as_ref().unwrap().add_permits(7);
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), FAILED);
    assert_eq!(world.agent.requests.lock().unwrap().last().unwrap().max_turns, Some(2));
    let view = world.stored(id).await;
    assert_eq!((view.history.iter().filter(|r| r.success).count(), view.order.state.usage.turns), (3, Some(6)));
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_told_before_it_was_stopped_counts() {
    let world = World::new();
    world.agent.put("plan", Play { used_so_far: Some(usage(4, 40)), ..Play::hangs() });
    let orchestrator = world.orchestrator();
    let id = create(&orchestrator, turns(100)).await;
    orchestrator.start();
    until(|| agents(&world) == 2).await;
    assert!(orchestrator.drain(Duration::ZERO, Duration::from_secs(5)).await);
    let view = world.stored(id).await;
    let cut = view.history.last().unwrap();
    assert_eq!((cut.error_code, &cut.usage), (Some(FailureCode::Interrupted), &Some(usage(4, 40))));
    let next = world.orchestrator();
    assert_eq!(next.run_order(id).await.unwrap(), COMPLETED);
    assert_eq!(world.agent.requests.lock().unwrap()[2].max_turns, Some(96));
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
}

#[tokio::test]
async fn the_limit_of_silence_is_passed_on() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let mut request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    request.silence_timeout = Some(Duration::from_secs(90));
    let id = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    orchestrator.run_order(id).await.unwrap();
    let requests = world.agent.requests.lock().unwrap();
    assert!(requests.iter().all(|request| request.silence == Some(Duration::from_secs(90))));
}
