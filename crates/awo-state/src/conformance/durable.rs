//! Clauses about what survives.

use std::sync::Arc;

use awo_models::EventSeq;

use super::Fixture;
use super::kit::{self, Owner, Sight, id, look, order, result};
use crate::{OrderQuery, StateError};

/// What was acknowledged is there after a restart, at every point of an order's life, and the order goes on from there.
pub async fn acknowledged_saves_survive_reopen(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    let mut expected = look(&repository, id(1)).await;
    drop(repository);
    for (n, step) in (1..).zip(kit::SEVEN) {
        let Some(repository) = fixture.reopen().await else {
            return;
        };
        assert_eq!(look(&repository, id(1)).await, expected, "before {step}");
        let mut owner = Owner::claiming(&repository, 1, n).await;
        owner.finish(step, 1).await;
        expected = look(&repository, id(1)).await;
        assert_eq!((expected.history.len() as u64, expected.version.1.0), (n, n));
        expected.check();
    }
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    let mut owner = Owner::claiming(&repository, 1, 99).await;
    owner.end(awo_models::AgentWorkOrderStatus::Completed).await;
    expected = look(&repository, id(1)).await;
    drop((owner, repository));
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    assert_eq!(look(&repository, id(1)).await, expected);
    let row = &repository.list(&OrderQuery::default()).await.unwrap().items[0];
    assert_eq!((&*row.order, row.seq), (&expected.order, expected.version.0));
}

/// A deleted order does not come back.
pub async fn delete_survives_reopen(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    repository.create(order(2)).await.unwrap();
    let heard = owner.finish_all().await;
    repository.delete(id(1), heard.seq).await.unwrap();
    drop((owner, repository));
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    assert!(repository.get(id(1)).await.unwrap().is_none());
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!((page.total, page.damaged), (1, Vec::new()));
    assert!(repository.get(id(2)).await.unwrap().is_some());
}

/// An order that a newer version wrote is said to be that, is never touched, and hinders no other.
pub async fn newer_format_is_refused_untouched(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    repository.create(order(2)).await.unwrap();
    let (history, heard) = (owner.history.clone(), owner.heard);
    drop((owner, repository));
    let Some(repository) = fixture.reopen_with_newer_format(id(1)).await else {
        return;
    };
    let before = fixture.stored_bytes(id(1)).await;
    let change = kit::note(crate::Change::after(heard));
    let answers = [
        repository.get(id(1)).await.err(),
        repository.events(id(1), EventSeq(0), 9).await.err(),
        repository.save_step_history(id(1), &history, &change).await.err(),
        repository.update(id(1), &kit::claim(heard.seq, 2)).await.err(),
        repository.delete(id(1), heard.seq).await.err(),
    ];
    for answer in answers {
        let newer = matches!(answer, Some(StateError::UnsupportedVersion { id: named, .. }) if named == id(1));
        assert!(newer, "{answer:?}");
    }
    let again = repository.create(order(1)).await;
    assert!(matches!(again, Err(StateError::AlreadyExists(_))), "{again:?}");
    Owner::claiming(&repository, 2, 1).await.finish("classify", 1).await;
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!(page.damaged, [id(1)], "it is named");
    drop(repository);
    assert_eq!(fixture.stored_bytes(id(1)).await, before, "it is not touched");
}

/// A write whose caller gave up is stored whole or not at all, perhaps later; the next one is never mixed with it.
pub async fn dropped_future_stores_all_or_nothing(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    for n in 1..=24_u32 {
        let before = look(&repository, owner.id).await;
        owner.add(result("implement", n, false));
        let abandoned = {
            let (repository, history, change) = (Arc::clone(&repository), owner.history.clone(), owner.change.clone());
            let id = owner.id;
            async move { repository.save_step_history(id, &history, &change).await }
        };
        poll_and_drop(abandoned, n % 6).await;
        let seen = look(&repository, owner.id).await;
        let grown = seen.history.len() - before.history.len();
        assert!(grown <= 1 && seen.version.0.0 - before.version.0.0 == grown as u64, "whole or not at all");
        check_alike(&before, &seen);
        owner.save().await.unwrap(); // the same again: whatever became of the first, this is stored once
        let seen = look(&repository, owner.id).await;
        assert_eq!(seen.history, owner.history);
        assert_eq!(seen.version.0.0, 2 + u64::from(n));
        seen.check();
    }
    let expected = look(&repository, owner.id).await;
    drop((owner, repository));
    if let Some(repository) = fixture.reopen().await {
        assert_eq!(look(&repository, id(1)).await, expected);
    }
}

fn check_alike(before: &Sight, seen: &Sight) {
    assert_eq!(seen.history.prefix(before.history.len()), before.history);
    assert_eq!(seen.events[..before.events.len()], before.events[..]);
}

/// Polls a future some times, with turns for others in between, and drops it.
async fn poll_and_drop(future: impl Future + Send, polls: u32) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let over = {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            future.as_mut().poll(&mut context).is_ready()
        };
        if over {
            return;
        }
        tokio::task::yield_now().await;
    }
}
