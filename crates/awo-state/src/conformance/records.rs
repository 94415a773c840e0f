//! Clauses about orders as such: creating, deleting, seeing each other, strange texts.

use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventSeq, StepExecutionResult};

use super::Fixture;
use super::kit::{self, Owner, id, look, order, order_for, order_with_key, result};
use crate::{OrderQuery, StateError};

/// Of two orders with one idempotency key, or one id, the first is there and is named.
pub async fn same_idempotency_key_names_the_first_order(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order_with_key(1, "k")).await.unwrap();
    let names = |answer: Result<_, StateError>| match answer {
        Err(StateError::AlreadyExists(first)) => first,
        other => panic!("expected AlreadyExists, got {other:?}"),
    };
    assert_eq!(names(repository.create(order_with_key(2, "k")).await), id(1));
    assert_eq!(names(repository.create(order_with_key(1, "other")).await), id(1));
    assert!(repository.get(id(2)).await.unwrap().is_none());
    repository.create(order_with_key(3, "other")).await.unwrap();
    repository.create(order(4)).await.unwrap();
    repository.create(order(5)).await.unwrap(); // no key is no key, not the same key
    let mut owner = Owner::claiming(&repository, 1, 1).await;
    owner.end(AgentWorkOrderStatus::Failed).await;
    assert_eq!(names(repository.create(order_with_key(2, "k")).await), id(1));
    let first = Arc::clone(&repository.get(id(1)).await.unwrap().unwrap().order);
    assert_eq!(first.spec.idempotency, order_with_key(1, "k").spec.idempotency, "its digest is kept");
    drop((owner, repository));
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    assert_eq!(names(repository.create(order_with_key(2, "k")).await), id(1), "also after a restart");
    let seen = look(&repository, id(1)).await;
    repository.delete(id(1), seen.version.0).await.unwrap();
    repository.create(order_with_key(2, "k")).await.unwrap(); // its order is gone, so the key is free
}

/// Writes to one order change nothing of another.
pub async fn orders_do_not_see_each_other(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut first = Owner::of_new(&repository, 1).await;
    let mut second = Owner::of_new(&repository, 257).await;
    first.finish("classify", 1).await;
    let seen = look(&repository, first.id).await;
    second.finish("classify", 1).await;
    second.finish("plan", 1).await;
    second.end(AgentWorkOrderStatus::Failed).await;
    repository.delete(second.id, second.heard.seq).await.unwrap();
    assert_eq!(look(&repository, first.id).await, seen);
    first.finish("plan", 1).await;
    look(&repository, first.id).await.check();
}

/// Handles of one store share its data.
pub async fn clones_share_data(fixture: &dyn Fixture) {
    let (one, other) = (fixture.repository().await, fixture.repository().await);
    let mut owner = Owner::of_new(&one, 1).await;
    assert_eq!(look(&other, id(1)).await, look(&one, id(1)).await);
    owner.finish("classify", 1).await;
    assert_eq!(look(&other, id(1)).await.history, owner.history);
    other.create(order(2)).await.unwrap();
    drop(other);
    assert_eq!(one.list(&OrderQuery::default()).await.unwrap().total, 2);
}

/// A deleted order is as unknown as one that never was; only an ended one, unchanged, can be deleted.
pub async fn deleted_is_unknown(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let running = repository.delete(id(1), owner.heard.seq).await;
    assert!(matches!(running, Err(StateError::Refused(_))), "{running:?}");
    let heard = owner.finish_all().await;
    let stale = repository.delete(id(1), EventSeq(heard.seq.0 - 1)).await;
    assert!(matches!(stale, Err(StateError::Conflict { .. })), "{stale:?}");
    look(&repository, id(1)).await.check();
    repository.delete(id(1), heard.seq).await.unwrap();
    assert!(repository.get(id(1)).await.unwrap().is_none());
    let page = repository.list(&OrderQuery::default()).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, 0));
    let answers = [
        repository.events(id(1), EventSeq(0), 9).await.err(),
        repository.update(id(1), &kit::claim(heard.seq, 2)).await.err(),
        owner.save().await.err(),
        repository.delete(id(1), heard.seq).await.err(),
    ];
    for answer in answers {
        assert!(matches!(answer, Some(StateError::NotFound(_))), "{answer:?}");
    }
}

/// Any text comes back as it was: NUL, line ends, four-byte letters, right-to-left marks, a megabyte.
pub async fn hostile_strings_round_trip(fixture: &dyn Fixture) {
    let texts = [
        "\0".to_owned(),
        "a\0b\nc\r\nd\te\u{7f}\u{1b}[31m".to_owned(),
        "\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}".to_owned(),
        "𝕊𝕥𝕒𝕥𝕖 \u{202e}txet desrever\u{202c} 🦀".to_owned(),
        r#"","steps":[],"head":{"#.to_owned(),
        "\\u0000 \\n %00 '; DROP TABLE orders; --".to_owned(),
        "x".repeat(1 << 20),
        String::new(),
    ];
    let repository = fixture.repository().await;
    for (n, text) in (1..).zip(&texts) {
        repository.create(order_for(n, text)).await.unwrap();
        let mut owner = Owner::claiming(&repository, n, n).await;
        owner.add(StepExecutionResult {
            output: Some(text.as_str().into()),
            error_message: Some(text.as_str().into()),
            ..result("classify", 1, true)
        });
        owner.save().await.unwrap();
    }
    let check = |seen: kit::Sight, text: &str| {
        assert_eq!(&*seen.order.spec.user_request, text);
        let last = seen.history.last().unwrap();
        assert_eq!(last.output.as_deref(), Some(text));
        assert_eq!(last.error_message.as_deref(), Some(text));
    };
    for (n, text) in (1..).zip(&texts) {
        check(look(&repository, id(n)).await, text);
    }
    drop(repository);
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    for (n, text) in (1..).zip(&texts) {
        check(look(&repository, id(n)).await, text);
    }
}
