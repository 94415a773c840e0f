//! What goes of orders that have ended, and what never does.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{
    ArtifactContent, ArtifactStore as _, Limit, OrderLog as _, RetentionPolicy, Retired, StateRepository as _,
};
use awo_models::{AgentWorkOrderStatus, ArtifactName, FailureCode, OrderId};
use awo_state::{MockOrderLog, StateError};
use awo_testkit::{Play, World};

use crate::lines::Lines;

const DAY: Duration = Duration::from_hours(24);

async fn put(world: &World, id: OrderId, bytes: usize) {
    let name = ArtifactName::new("note.txt").unwrap();
    world.artifacts.put(id, &name, ArtifactContent::Bytes(vec![0; bytes])).await.unwrap();
}

/// An order that failed, so that its checkout is kept; a day later.
async fn failed(world: &World) -> OrderId {
    world.agent.put("implement", Play::fails(FailureCode::AgentCrashed));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    world.clock.advance(DAY);
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Failed);
    id
}

fn gone(retired: &Retired) -> Vec<(OrderId, Limit)> {
    retired.orders.iter().map(|order| (order.id, order.why)).collect()
}

#[tokio::test]
async fn an_expired_order_goes_with_all_it_holds_and_others_stay() {
    let lines = Lines::new();
    let mut world = World::new();
    let old = failed(&world).await;
    put(&world, old, 5_000).await;
    let young = failed(&world).await;
    put(&world, young, 70).await;
    let waiting = world.create(&world.orchestrator()).await;
    world.clock.advance(DAY / 2);

    assert_eq!(world.orchestrator().retire(false).await.unwrap(), Retired::default(), "off by default");
    world.settings.retention = RetentionPolicy { max_age: Some(2 * DAY), ..RetentionPolicy::default() };
    let orchestrator = world.orchestrator();
    let planned = orchestrator.retire(true).await.unwrap();
    assert_eq!(gone(&planned), [(old, Limit::Age)]);
    assert!(planned.bytes() >= 5_000);
    assert!(world.store.get(old).await.unwrap().is_some() && world.sandboxes.has(old), "only said");

    assert_eq!(lines.count("retention_applied"), 0, "nothing was removed yet");

    assert_eq!(orchestrator.retire(false).await.unwrap(), planned);
    assert!(world.store.get(old).await.unwrap().is_none() && !world.sandboxes.has(old));
    assert_eq!(*world.agent.forgotten.lock().unwrap(), [old], "no session of it goes on any more");
    assert_eq!(world.artifacts.size(old).await.unwrap(), 0);
    assert!(world.store.get(young).await.unwrap().is_some() && world.sandboxes.has(young));
    assert!(world.artifacts.size(young).await.unwrap() >= 70);
    assert!(world.store.get(waiting).await.unwrap().is_some(), "it has not ended");
    assert_eq!(orchestrator.retire(false).await.unwrap(), Retired::default());
    assert_eq!((lines.count("agent_work_order_deleted"), lines.count("retention_applied")), (1, 1));
}

#[tokio::test]
async fn what_belongs_to_no_order_is_found() {
    let world = World::new();
    let there = failed(&world).await;
    put(&world, there, 10).await;
    let missing = failed(&world).await;
    put(&world, missing, 123).await;
    world.store.delete(missing, world.stored(missing).await.seq).await.unwrap();
    let orchestrator = world.orchestrator();
    for dry_run in [true, false] {
        let found = orchestrator.retire(dry_run).await.unwrap();
        let orphans: Vec<_> = found.orphans.iter().map(|orphan| (orphan.id, orphan.what, orphan.bytes > 0)).collect();
        assert_eq!(found.orders, []);
        assert_eq!(orphans, ["artifacts", "log", "workspace"].map(|what| (missing, what, true)));
        assert_eq!(world.artifacts.size(missing).await.unwrap() >= 123, dry_run);
        assert_eq!(world.log.size(missing).await.unwrap() > 0, dry_run);
        assert_eq!(world.sandboxes.has(missing), dry_run);
    }
    assert_eq!(orchestrator.retire(true).await.unwrap(), Retired::default());
    assert!(world.artifacts.size(there).await.unwrap() >= 10 && world.sandboxes.has(there));
}

#[tokio::test]
async fn what_cannot_be_removed_is_not_said_to_be() {
    let world = World::new();
    let missing = OrderId::new(1, [9; 10]);
    let mut log = MockOrderLog::new();
    log.expect_orders().returning(move || Ok(vec![missing]));
    log.expect_size().returning(|_| Ok(123));
    log.expect_delete().times(1).returning(|_| Err(StateError::Backend("the test says so".into())));
    let orchestrator = world.builder().with_log(Arc::new(log)).build();
    assert_eq!(orchestrator.retire(true).await.unwrap().bytes(), 123);
    assert_eq!(orchestrator.retire(false).await.unwrap(), Retired::default());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_an_empty_store() {
    let mut world = World::new();
    let id = failed(&world).await;
    put(&world, id, 10).await;
    world.settings.retention = RetentionPolicy { max_orders: Some(0), ..RetentionPolicy::default() };
    world.repository.fail_reads(true);
    assert!(world.orchestrator().retire(false).await.unwrap_err().is_outage());
    assert!(world.artifacts.size(id).await.unwrap() >= 10);
    assert!(world.store.get(id).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_worker_looks_at_its_start_and_every_hour_until_it_ends() {
    let mut world = World::new();
    let first = failed(&world).await;
    world.settings.retention = RetentionPolicy { max_age: Some(DAY / 2), ..RetentionPolicy::default() };
    let orchestrator = world.orchestrator();
    orchestrator.start();
    let gone = async |id| {
        while world.store.get(id).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
    };
    gone(first).await;
    let second = failed(&world).await;
    gone(second).await;
    assert!(orchestrator.drain(Duration::from_secs(1), Duration::ZERO).await, "it ends when it is told to");
    let third = failed(&world).await;
    tokio::time::sleep(Duration::from_hours(5)).await;
    assert!(world.store.get(third).await.unwrap().is_some());
}
