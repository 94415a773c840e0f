//! Clauses about several at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use awo_models::{Epoch, EventSeq};

use super::Fixture;
use super::kit::{self, Owner, id, look, order, order_with_key, result};
use crate::StateError;

/// Of claims that race for one version, one wins; the others are told that the order has changed.
pub async fn one_of_racing_claims_wins(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    let mut seen = EventSeq(1);
    for round in 1..=10 {
        let claims: Vec<_> = (0..4)
            .map(|n| {
                let repository = Arc::clone(&repository);
                tokio::spawn(async move { repository.update(id(1), &kit::claim(seen, round * 10 + n)).await })
            })
            .collect();
        let mut won = Vec::new();
        for claim in claims {
            match claim.await.unwrap() {
                Ok(heard) => won.push(heard),
                Err(StateError::Conflict { .. }) => {}
                Err(other) => panic!("expected Conflict, got {other:?}"),
            }
        }
        assert_eq!(won.len(), 1, "one wins");
        assert_eq!(won[0].epoch, Epoch(round));
        seen = won[0].seq;
    }
    look(&repository, id(1)).await.check();
}

/// Of creates that race for one idempotency key, one wins and is named by the others.
pub async fn one_of_racing_creates_wins(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let creates: Vec<_> = (1..=6)
        .map(|n| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move { (id(n), repository.create(order_with_key(n, "k")).await) })
        })
        .collect();
    let (mut won, mut named) = (Vec::new(), Vec::new());
    for create in creates {
        match create.await.unwrap() {
            (id, Ok(_)) => won.push(id),
            (_, Err(StateError::AlreadyExists(first))) => named.push(first),
            (_, Err(other)) => panic!("expected AlreadyExists, got {other:?}"),
        }
    }
    assert_eq!(won.len(), 1, "one wins");
    assert!(named.iter().all(|first| *first == won[0]), "the others name it");
}

/// Readers see order, history and version that belong together, and never fewer results than before.
pub async fn readers_see_no_torn_state(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (repository, over) = (Arc::clone(&repository), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut results, mut last, mut looks_left) = (0, EventSeq(0), 2);
                while looks_left > 0 {
                    if over.load(Ordering::Relaxed) {
                        looks_left -= 1; // the end is seen too, and what follows it
                    }
                    let seen = repository.get(id(1)).await.unwrap().unwrap();
                    let (count, done) = (seen.history.len(), seen.order.state.steps_completed);
                    assert_eq!(count, done, "fields and history belong together");
                    assert_eq!(seen.seq.0, 2 + count as u64, "version and history belong together");
                    assert!(count >= results && seen.seq >= last, "nothing is taken back");
                    assert_eq!(seen.history.iter().count(), count);
                    let events = repository.events(id(1), last, 99).await.unwrap();
                    assert!(events.iter().zip(last.0 + 1..).all(|(e, n)| e.seq.0 == n));
                    (results, last) = (count, seen.seq);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 1..=60 {
        owner.add(result("implement", n, true));
        owner.save().await.unwrap();
        tokio::task::yield_now().await;
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
