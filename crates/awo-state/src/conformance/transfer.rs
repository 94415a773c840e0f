//! Clauses about orders that are taken from one store to another.

use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventSeq};

use super::TransferFixture;
use super::kit::{self, Owner, id, look, order};
use crate::{OrderQuery, StateError, StoredOrder};

/// An imported order reads as the exported one, also after a restart, and its owner goes on in it.
pub async fn an_exported_order_imports_equal(fixture: &dyn TransferFixture) {
    let (repository, from) = fixture.repository().await;
    let (other, to) = fixture.other().await;
    assert!(from.export(id(1)).await.unwrap().is_none(), "an unknown order");
    repository.create(kit::order_with_key(1, "k")).await.unwrap();
    let mut ended = Owner::of_new(&repository, 2).await;
    ended.finish("classify", 1).await;
    ended.end(AgentWorkOrderStatus::Failed).await;
    let seen = repository.get(id(2)).await.unwrap().unwrap();
    repository.update(id(2), &kit::retried(crate::Change::if_unchanged(seen.seq), 0, 0)).await.unwrap();
    let mut again = Owner::claiming(&repository, 2, 2).await;
    again.finish_all().await;
    let mut at_work = Owner::of_new(&repository, 3).await;
    at_work.finish("classify", 1).await;
    let mut sights = Vec::new();
    for n in 1..4 {
        let stored = from.export(id(n)).await.unwrap().expect("it is there");
        stored.check().unwrap();
        // What is exported may be written down in between.
        let text = serde_json::to_string(&stored).unwrap();
        to.import(serde_json::from_str(&text).unwrap()).await.unwrap();
        sights.push(look(&repository, id(n)).await);
        assert_eq!(look(&other, id(n)).await, sights[sights.len() - 1]);
        assert_eq!(to.export(id(n)).await.unwrap(), Some(stored));
    }
    drop((other, to));
    if let Some(other) = fixture.reopen_other().await {
        for (n, sight) in (1..).zip(&sights) {
            assert_eq!(look(&other, id(n)).await, *sight);
        }
    }
    let (other, _) = fixture.other().await;
    at_work.repository = Arc::clone(&other);
    at_work.finish("plan", 1).await;
    look(&other, id(3)).await.check();
}

/// An order that does not fit itself is named with what does not fit; nothing of it is stored.
pub async fn import_refuses_what_does_not_fit(fixture: &dyn TransferFixture) {
    let (repository, from) = fixture.repository().await;
    let (other, to) = fixture.other().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    owner.finish("plan", 1).await;
    let sound = from.export(id(1)).await.unwrap().unwrap();
    let broken = |change: fn(&mut StoredOrder)| {
        let mut stored = sound.clone();
        change(&mut stored);
        stored
    };
    let cases = [
        ("a result is missing", broken(|s| s.history = s.history.prefix(1))),
        (
            "a result is another",
            broken(|s| {
                s.history = [kit::result("classify", 1, true), kit::result("plan", 2, true)].into_iter().collect();
            }),
        ),
        ("an event is missing", broken(|s| drop(s.events.remove(2)))),
        ("the last event is missing", broken(|s| drop(s.events.pop()))),
        ("the first event is missing", broken(|s| drop(s.events.remove(0)))),
        ("there are no events", broken(|s| s.events.clear())),
        ("events changed places", broken(|s| s.events.swap(1, 2))),
        ("the version is another", broken(|s| s.head.seq = EventSeq(9))),
        ("the digest is another", broken(|s| s.head.history_digest ^= 1)),
        ("the epoch is another", broken(|s| s.head.epoch.0 += 1)),
        ("the status is another", broken(|s| s.head.status = AgentWorkOrderStatus::Completed)),
        ("a field is another", broken(|s| Arc::make_mut(&mut s.order).state.cancel_requested = true)),
        (
            "an event tells of another result",
            broken(|s| {
                let told = s
                    .events
                    .iter_mut()
                    .rev()
                    .find(|event| matches!(event.kind, awo_models::EventKind::StepFinished { .. }));
                if let awo_models::EventKind::StepFinished { attempt, .. } = &mut Arc::make_mut(told.unwrap()).kind {
                    *attempt += 1;
                }
            }),
        ),
    ];
    for (case, stored) in cases {
        let refused = to.import(stored).await;
        assert!(matches!(refused, Err(StateError::Unfit { id: named, .. }) if named == id(1)), "{case}: {refused:?}");
        assert!(other.get(id(1)).await.unwrap().is_none(), "{case}");
        assert_eq!(other.list(&OrderQuery::default()).await.unwrap().total, 0, "{case}");
    }
    to.import(sound).await.unwrap();
}

/// An order is not imported over another: not over its id, nor over its idempotency key.
pub async fn import_does_not_overwrite(fixture: &dyn TransferFixture) {
    let (repository, from) = fixture.repository().await;
    let (other, to) = fixture.other().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    repository.create(kit::order_with_key(2, "k")).await.unwrap();
    other.create(order(1)).await.unwrap();
    other.create(kit::order_with_key(3, "k")).await.unwrap();
    let before = (look(&other, id(1)).await, look(&other, id(3)).await);
    for (n, taken) in [(1, 1), (2, 3)] {
        let stored = from.export(id(n)).await.unwrap().unwrap();
        let refused = to.import(stored).await;
        assert!(matches!(refused, Err(StateError::AlreadyExists(named)) if named == id(taken)), "{refused:?}");
    }
    assert_eq!((look(&other, id(1)).await, look(&other, id(3)).await), before);
    assert!(other.get(id(2)).await.unwrap().is_none());
}
