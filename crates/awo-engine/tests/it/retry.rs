//! Trying an order again.

use awo_engine::{EngineError, Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, FailureCode, OrderId, StepName};
use awo_testkit::{Fault, Play, World};

use crate::outages::until_async;

/// An order whose step `implement` failed.
pub(crate) async fn failed(world: &World) -> OrderId {
    world.agent.put("implement", Play::fails(FailureCode::AgentCrashed));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
    id
}

pub(crate) async fn shown(world: &World, id: OrderId) -> Vec<String> {
    let view = world.stored(id).await;
    let row = |(index, result): (usize, &std::sync::Arc<awo_models::StepExecutionResult>)| {
        let mark = if result.success { "✔" } else { "✘" };
        let old = if view.order.superseded(&view.history, index) { " superseded" } else { "" };
        format!("{}{mark}{}{old}", result.step, result.attempt)
    };
    view.history.iter().enumerate().map(row).collect()
}

#[tokio::test]
async fn from_the_failed_step() {
    let world = World::new();
    let id = failed(&world).await;
    let next = world.orchestrator();
    let view = next.work_orders().retry(id, None).await.unwrap();
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Pending);
    assert_eq!((view.order.state.error_code, &view.order.state.error_message), (None, &None));
    assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    assert_eq!(
        shown(&world, id).await,
        [
            "classify✔1",
            "plan✔1",
            "find_plan✔1",
            "generate_branch✔1",
            "implement✘1 superseded",
            "implement✔2",
            "commit✔1",
            "create_pr✔1"
        ]
    );
    assert_eq!(world.stored(id).await.order.state.steps_completed, 7);
}

#[tokio::test]
async fn from_an_earlier_step_with_the_checkout_of_then() {
    let world = World::new();
    let id = failed(&world).await;
    let next = world.orchestrator();
    next.work_orders().retry(id, Some(&StepName::known("plan"))).await.unwrap();
    assert_eq!(next.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let shown = shown(&world, id).await;
    assert_eq!(shown[..2], ["classify✔1", "plan✔1 superseded"]);
    assert_eq!(shown[5..], ["plan✔2", "find_plan✔2", "generate_branch✔2", "implement✔2", "commit✔1", "create_pr✔1"]);
    let view = world.stored(id).await;
    let again = view.history.get(5).unwrap();
    assert_eq!(&*again.evidence.before.as_ref().unwrap().tree, "{}", "the plan of the first round is not in it");
    assert!(world.timeline.text().contains("sandbox: restore"));
}

#[tokio::test]
async fn a_cancelled_order_and_a_missing_pull_request_can_be_tried_again() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let cancelled = world.create(&orchestrator).await;
    orchestrator.work_orders().cancel(cancelled).await.unwrap();
    orchestrator.work_orders().retry(cancelled, None).await.unwrap();
    assert_eq!(orchestrator.run_order(cancelled).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));

    *world.forge.refuses.lock().unwrap() = Some(awo_models::Failure::new(FailureCode::ForgeFailed, "no"));
    let without = world.create(&orchestrator).await;
    orchestrator.run_order(without).await.unwrap();
    *world.forge.refuses.lock().unwrap() = None;
    orchestrator.work_orders().retry(without, None).await.unwrap();
    orchestrator.run_order(without).await.unwrap();
    let view = world.stored(without).await;
    assert_eq!(view.order.state.error_message, None);
    assert_eq!(view.order.state.github_pull_request_url.as_deref(), Some("https://forge.example/pull/1"));
    assert_eq!(view.history.len(), 8);
}

#[tokio::test]
async fn what_cannot_be_tried_again_is_told() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let pending = world.create(&orchestrator).await;
    assert!(matches!(work_orders.retry(pending, None).await, Err(EngineError::NotAllowed { .. })));
    orchestrator.run_order(pending).await.unwrap();
    assert!(matches!(work_orders.retry(pending, None).await, Err(EngineError::NotAllowed { .. })), "all is done");
    let id = failed(&world).await;
    let from = async |step| work_orders.retry(id, Some(&StepName::known(step))).await.unwrap_err().to_string();
    assert_eq!(
        from("commit").await,
        "from_step: comes after `implement`, which is not done; retry from that or an earlier step"
    );
    assert_eq!(
        from("deploy").await,
        "from_step: deploy is not a step of this order; there are classify, plan, find_plan, generate_branch, implement"
    );
    assert_eq!(work_orders.health().queued, 1, "a refused request takes no place; the first order still has its own");
}

/// An order that failed under a worker that takes orders; what its start found is behind it.
async fn failed_at_work(world: &World) -> (Orchestrator, OrderId) {
    world.agent.put("implement", Play::fails(FailureCode::AgentCrashed));
    let orchestrator = world.orchestrator();
    orchestrator.start();
    let id = world.create(&orchestrator).await;
    until_async(async || world.stored(id).await.order.state.status == AgentWorkOrderStatus::Failed).await;
    (orchestrator, id)
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_its_retry_is_stored_leaves_an_order_that_runs() {
    let world = World::new();
    let (orchestrator, id) = failed_at_work(&world).await;
    let work_orders = orchestrator.work_orders();
    tokio::select! {
        biased;
        _ = work_orders.retry(id, None) => panic!("nothing is waited for"),
        () = std::future::ready(()) => {}
    }
    until_async(async || world.stored(id).await.order.state.status == AgentWorkOrderStatus::Completed).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_whose_answer_was_lost_is_run_all_the_same() {
    let world = World::new();
    let (orchestrator, id) = failed_at_work(&world).await;
    world.repository.fail_updates([Fault::After], Fault::None);
    let lost = orchestrator.work_orders().retry(id, None).await.unwrap_err();
    assert!(matches!(&lost, EngineError::State(outage) if outage.is_outage()), "{lost:?}");
    until_async(async || world.stored(id).await.order.state.status == AgentWorkOrderStatus::Completed).await;
}
