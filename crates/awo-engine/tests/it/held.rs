//! Orders that are held until somebody starts them.

use std::sync::Arc;

use awo_engine::{EngineError, Foreseen, NewOrder, Orchestrator, RunEnd};
use awo_models::AgentWorkOrderStatus::{self, Cancelled, Completed, Pending};
use awo_models::{Idempotency, OrderId};
use awo_testkit::{Fault, World};

use crate::outages::until_async;

fn to_be_held() -> NewOrder {
    NewOrder { start: false, ..NewOrder::new("https://example.org/a/b", "x") }
}

async fn held(orchestrator: &Orchestrator) -> OrderId {
    let created = orchestrator.work_orders().create(to_be_held()).await.unwrap();
    created.view.order.agent_work_order_id
}

async fn status(world: &World, id: OrderId) -> AgentWorkOrderStatus {
    world.stored(id).await.order.state.status
}

#[tokio::test(start_paused = true)]
async fn it_runs_when_it_is_started_and_not_before_also_not_after_a_restart() {
    let world = World::new();
    let first = world.orchestrator();
    let id = held(&first).await;
    let stored = world.stored(id).await.order;
    assert_eq!((stored.state.status, stored.waiting_for()), (Pending, Some("start")));
    assert_eq!(first.work_orders().health().queued, 0);
    assert_eq!(first.run_order(id).await.unwrap(), RunEnd::NothingToDo, "whoever asks for it");
    let forecast = world.orchestrator().forecast().await.unwrap();
    assert_eq!(forecast.orders[0].then, Foreseen::Hold);

    let next = world.orchestrator();
    let other = world.create(&next).await;
    next.start();
    until_async(async || status(&world, other).await == Completed).await;
    assert_eq!(status(&world, id).await, Pending, "what the start found has run, and it was not there");
    next.work_orders().start(id).await.unwrap();
    until_async(async || status(&world, id).await == Completed).await;
    let words: Vec<_> = world.events(id).await.iter().take(3).map(|event| event.kind.as_str()).collect();
    assert_eq!(words, ["created", "start_requested", "claimed"]);
    assert_eq!(world.stored(id).await.order.waiting_for(), None);
}

#[tokio::test(start_paused = true)]
async fn to_ask_again_changes_nothing_and_what_has_ended_is_not_started() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let id = held(&orchestrator).await;
    let started = work_orders.start(id).await.unwrap();
    let again = work_orders.start(id).await.unwrap();
    assert_eq!((again.seq, again.order.state.held), (started.seq, false));
    assert_eq!(work_orders.health().queued, 1, "it has one place");
    orchestrator.run_order(id).await.unwrap();
    let ended = work_orders.start(id).await.unwrap_err();
    assert_eq!(ended.to_string(), format!("agent work order {id} is completed: it has ended; retry it"));
    let unknown = work_orders.start(OrderId::new(7, [7; 10])).await;
    assert!(matches!(unknown, Err(EngineError::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn it_takes_a_place_in_the_queue_when_it_is_started() {
    let mut world = World::new();
    world.settings.max_queued = 1;
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let first = world.create(&orchestrator).await;
    let id = held(&orchestrator).await;
    let full = work_orders.start(id).await;
    assert!(matches!(full, Err(EngineError::QueueFull { limit: 1 })), "{full:?}");
    assert!(world.stored(id).await.order.state.held);
    work_orders.start(first).await.unwrap();
}

#[tokio::test]
async fn the_same_key_names_the_held_order_and_starts_nothing() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let key = Idempotency { key: "k".into(), body_digest: "d".into() };
    let request = NewOrder { idempotency: Some(key), ..to_be_held() };
    let first = work_orders.create(request.clone()).await.unwrap().view.order.agent_work_order_id;
    for start in [false, true] {
        let again = work_orders.create(NewOrder { start, ..request.clone() }).await.unwrap();
        assert_eq!((again.existed, again.view.order.agent_work_order_id), (true, first));
        assert!(again.view.order.state.held);
        assert_eq!(work_orders.health().queued, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_caller_or_answer_is_lost_is_run_all_the_same() {
    for lost in [true, false] {
        let world = World::new();
        let orchestrator = world.orchestrator();
        orchestrator.start();
        let id = held(&orchestrator).await;
        let work_orders = orchestrator.work_orders();
        if lost {
            world.repository.fail_updates([Fault::After], Fault::None);
            let lost = work_orders.start(id).await.unwrap_err();
            assert!(matches!(&lost, EngineError::State(outage) if outage.is_outage()), "{lost:?}");
        } else {
            tokio::select! {
                biased;
                _ = work_orders.start(id) => panic!("nothing is waited for"),
                () = std::future::ready(()) => {}
            }
        }
        until_async(async || status(&world, id).await == Completed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_the_store_and_the_queue_is_healed_by_the_next_start() {
    let world = Arc::new(World::new());
    let killed = world.orchestrator(); // it takes nothing from its queue
    let id = held(&killed).await;
    killed.work_orders().start(id).await.unwrap();
    drop(killed);
    let next = world.orchestrator();
    next.start();
    until_async(async || status(&world, id).await == Completed).await;
}

#[tokio::test]
async fn it_can_be_cancelled_then_deleted_or_tried_again() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let id = held(&orchestrator).await;
    let refused = |refused: EngineError| refused.to_string();
    assert_eq!(
        refused(work_orders.delete(id).await.unwrap_err()),
        format!("agent work order {id} is pending: it is held; cancel it first")
    );
    assert_eq!(
        refused(work_orders.retry(id, None).await.unwrap_err()),
        format!("agent work order {id} is pending: it is held; start it")
    );
    let view = work_orders.cancel(id).await.unwrap();
    assert_eq!((view.order.state.status, view.order.state.held), (Cancelled, false));
    work_orders.retry(id, None).await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(Completed));

    let id = held(&orchestrator).await;
    work_orders.cancel(id).await.unwrap();
    work_orders.delete(id).await.unwrap();
    assert!(matches!(work_orders.get(id).await, Err(EngineError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_waits_in_it_and_starts_nothing() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = held(&orchestrator).await;
    orchestrator.work_orders().prompt(id, "and say it twice").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::NothingToDo);
    orchestrator.work_orders().start(id).await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(Completed));
    assert_eq!(world.stored(id).await.history.len(), 8);
}
