//! Clauses about lists and streams of events.

use awo_models::{AgentWorkOrderStatus, EventSeq};

use super::Fixture;
use super::kit::{self, Owner, id, look, order, order_for};
use crate::{OrderQuery, Page, StateError};

fn ids(page: &Page) -> Vec<awo_models::OrderId> {
    page.items.iter().map(|row| row.order.agent_work_order_id).collect()
}

/// Lists are newest first and come in pages; each row is as current as a detail.
pub async fn list_is_newest_first_and_pages(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    for n in [3, 1, 5, 2, 4] {
        repository.create(order(n)).await.unwrap();
    }
    let query = |after, limit| OrderQuery { after, limit, ..OrderQuery::default() };
    let first = repository.list(&query(None, 2)).await.unwrap();
    assert_eq!((ids(&first), first.next, first.total), (vec![id(5), id(4)], Some(id(4)), 5));
    let second = repository.list(&query(first.next, 2)).await.unwrap();
    assert_eq!((ids(&second), second.next, second.total), (vec![id(3), id(2)], Some(id(2)), 5));
    let last = repository.list(&query(second.next, 2)).await.unwrap();
    assert_eq!((ids(&last), last.next, last.total), (vec![id(1)], None, 5));
    let exact = repository.list(&query(None, 5)).await.unwrap();
    assert_eq!((exact.items.len(), exact.next), (5, None), "the last page knows that it is the last");

    let mut owner = Owner::claiming(&repository, 3, 1).await;
    owner.finish("classify", 1).await;
    let heard = owner.end(AgentWorkOrderStatus::Failed).await;
    repository.create(order_for(6, "Fix the ÄRGER in C:\\temp")).await.unwrap();
    let failed = OrderQuery { status: vec![AgentWorkOrderStatus::Failed], ..OrderQuery::default() };
    let failed = repository.list(&failed).await.unwrap();
    assert_eq!((ids(&failed), failed.total), (vec![id(3)], 1));
    let row = &failed.items[0];
    assert_eq!((row.seq, row.epoch), (heard.seq, heard.epoch));
    assert_eq!(*row.order, look(&repository, id(3)).await.order);
    let text = OrderQuery { text: Some("ärger".into()), ..OrderQuery::default() };
    assert_eq!(ids(&repository.list(&text).await.unwrap()), [id(6)]);
    let elsewhere =
        OrderQuery { repository_url: Some("https://example.com/other.git".into()), ..OrderQuery::default() };
    assert_eq!(repository.list(&elsewhere).await.unwrap().total, 0);
}

/// An order that cannot be read is named in every list, says so when it is asked for or written, is left as it is, and
/// hinders no other.
pub async fn list_names_damaged(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    for n in [1, 2, 3] {
        Owner::of_new(&repository, n).await.finish("classify", 1).await;
    }
    let before = look(&repository, id(3)).await;
    drop(repository);
    let Some(repository) = fixture.reopen_with_damage(id(2)).await else {
        return;
    };
    let stored = fixture.stored_bytes(id(2)).await;
    let corrupt = |error: StateError| assert!(matches!(error, StateError::Corrupt { .. }), "{error:?}");
    corrupt(repository.get(id(2)).await.unwrap_err());
    corrupt(repository.events(id(2), EventSeq(0), 9).await.unwrap_err());
    corrupt(repository.update(id(2), &kit::claim(before.version.0, 2)).await.unwrap_err());
    corrupt(repository.delete(id(2), before.version.0).await.unwrap_err());
    let ended = OrderQuery { status: vec![AgentWorkOrderStatus::Failed], ..OrderQuery::default() };
    for (query, expected) in [(OrderQuery::default(), vec![id(3), id(1)]), (ended, vec![])] {
        let page = repository.list(&query).await.unwrap();
        assert_eq!((ids(&page), page.total), (expected, page.items.len()));
        assert_eq!(page.damaged, [id(2)], "whatever is asked for, it might be one of those");
    }
    assert_eq!(look(&repository, id(3)).await, before);
    Owner::claiming(&repository, 1, 2).await.finish("plan", 1).await;
    assert_eq!(fixture.stored_bytes(id(2)).await, stored, "it is left as it is");
}

/// Events after n are n+1, n+2, …: whoever read up to n misses nothing and reads nothing twice, also after a restart.
pub async fn events_after_n_are_n_plus_1(fixture: &dyn Fixture) {
    async fn check(repository: &dyn crate::StateRepository, id: awo_models::OrderId, last: u64) {
        for after in 0..=last + 1 {
            for limit in [0, 1, 2, usize::MAX] {
                let events = repository.events(id, EventSeq(after), limit).await.unwrap();
                let numbers: Vec<_> = events.iter().map(|e| e.seq.0).collect();
                let expected: Vec<_> = (after + 1..=last).take(limit).collect();
                assert_eq!(numbers, expected, "after {after}, at most {limit}");
            }
        }
        assert!(repository.events(id, EventSeq(u64::MAX), 9).await.unwrap().is_empty());
    }
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.add(kit::result("classify", 1, true));
    owner.add(kit::result("plan", 1, true));
    owner.save().await.unwrap();
    let last = owner.end(AgentWorkOrderStatus::Failed).await.seq.0;
    let before = look(&repository, owner.id).await.events;
    check(&*repository, owner.id, last).await;
    drop((owner, repository));
    let Some(repository) = fixture.reopen().await else {
        return;
    };
    check(&*repository, id(1), last).await;
    assert_eq!(look(&repository, id(1)).await.events, before);
}
