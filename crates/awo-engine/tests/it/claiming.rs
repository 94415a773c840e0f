//! Getting hold of an order while the store fails, or while somebody else writes to it.

use std::sync::Arc;

use awo_engine::RunEnd;
use awo_models::{AgentWorkOrderStatus, EventKind};
use awo_state::{MockStateRepository, StateError, StateTransfer as _};
use awo_testkit::{Fault, ObservedRepository, World};

use crate::outages::until;

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);

fn updates(world: &World) -> Vec<String> {
    world.timeline.lines().into_iter().filter(|line| line.starts_with("store: update")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_answered_is_sent_until_it_is_stored_once() {
    for fault in [Fault::Before, Fault::After, Fault::Hang] {
        let world = World::new();
        world.repository.fail_updates([fault, fault], Fault::None);
        let orchestrator = world.orchestrator();
        let id = world.create(&orchestrator).await;
        assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED, "{fault:?}");
        assert_eq!(updates(&world).len(), 3, "{fault:?}");
        let claims = world.events(id).await.iter().filter(|e| matches!(e.kind, EventKind::Claimed { .. })).count();
        assert_eq!(claims, 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_changed_before_the_claim_is_read_again_and_run() {
    let world = World::new();
    world.repository.fail_updates([Fault::Conflict], Fault::None);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ended_before_the_claim_is_left_alone() {
    let world = World::new();
    world.repository.fail_updates([Fault::Before], Fault::None);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let cancelled = async {
        until(|| updates(&world).len() == 1).await;
        world.orchestrator().work_orders().cancel(id).await.unwrap();
    };
    let (end, ()) = tokio::join!(orchestrator.run_order(id), cancelled);
    assert_eq!(end.unwrap(), RunEnd::NothingToDo);
    let expected = ["[claimed +classify] (Before)", "[cancel_requested cancelled]", "[claimed +classify]"];
    assert_eq!(updates(&world), expected.map(|update| format!("store: update {update}")), "no claim of an ended order");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_read_is_given_up_at_once() {
    let mut world = World::new();
    let id = world.create(&world.orchestrator()).await;
    let mut damaged = MockStateRepository::new();
    damaged.expect_get().times(1).returning(|id| Err(StateError::Corrupt { id, source: "the test says so".into() }));
    world.repository = Arc::new(ObservedRepository::new(Arc::new(damaged), world.timeline.clone()));
    let end = world.orchestrator().run_order(id).await;
    assert!(matches!(end, Err(StateError::Corrupt { .. })), "{end:?}");
    assert!(!world.timeline.text().contains("sandbox"), "its checkout is left alone");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_claimed_waits_for_nothing_any_more() {
    let before = World::new();
    let id = before.create(&before.orchestrator()).await;
    let mut stored = before.store.export(id).await.unwrap().unwrap();
    let state = &mut Arc::make_mut(&mut stored.order).state;
    (state.waiting_for, state.waiting_until) = (Some("a rate limit".into()), Some(state.updated_at));
    let world = World::new();
    world.store.import(stored).await.unwrap();
    assert_eq!(world.orchestrator().run_order(id).await.unwrap(), COMPLETED);
    let state = &world.stored(id).await.order.state;
    assert_eq!((&state.waiting_for, state.waiting_until), (&None, None));
}
