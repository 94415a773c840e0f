//! Clauses about orders that are held until somebody starts them.

use awo_models::{AgentWorkOrderStatus, EventKind, OrderPatch};

use super::Fixture;
use super::kit::{self, Owner, at, held_order, id, look, start_requested};
use crate::{Change, OrderQuery, StateError};

/// An order that is held stays pending, takes no claim, also not after a restart, and can be started once. Then it is an
/// order like any other.
pub async fn a_held_order_is_not_claimed_before_it_is_started(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(held_order(1)).await.unwrap();
    repository.create(kit::order(2)).await.unwrap();
    let seen = look(&repository, id(1)).await;
    assert_eq!((seen.order.state.status, seen.order.state.held), (AgentWorkOrderStatus::Pending, true));
    drop(repository);
    let repository = match fixture.reopen().await {
        Some(again) => again,
        None => fixture.repository().await,
    };
    assert_eq!(look(&repository, id(1)).await, seen);
    let listed = repository.list(&OrderQuery::default()).await.unwrap();
    let held: Vec<_> = listed.items.iter().map(|row| row.order.state.held).collect();
    assert_eq!(held, [false, true], "a list tells it, too");

    let unchanged = || Change::if_unchanged(seen.version.0);
    let let_go = || OrderPatch { held: Some(false), ..OrderPatch::default() };
    for change in [
        kit::claim(seen.version.0, 1),
        kit::ended(kit::claim(seen.version.0, 1), AgentWorkOrderStatus::Failed),
        start_requested(kit::claim(seen.version.0, 1)),
        start_requested(start_requested(unchanged())),
        unchanged().with(EventKind::StartRequested, at(4), OrderPatch::default()),
        unchanged().with(EventKind::CancelRequested, at(4), let_go()),
        unchanged().with(
            EventKind::StartRequested,
            at(4),
            OrderPatch { git_branch_name: Some(Some("x".into())), ..let_go() },
        ),
    ] {
        let answer = repository.update(id(1), &change).await;
        assert!(matches!(answer, Err(StateError::Refused(_))), "{change:?}: {answer:?}");
    }
    let waiting = kit::prompted(unchanged(), 1, false);
    let heard = repository.update(id(1), &waiting).await.unwrap();
    assert!(look(&repository, id(1)).await.order.state.held, "a prompt starts nothing");

    let started = start_requested(Change::if_unchanged(heard.seq));
    let heard = repository.update(id(1), &started).await.unwrap();
    let again = repository.update(id(1), &start_requested(Change::if_unchanged(heard.seq))).await;
    assert!(matches!(again, Err(StateError::Refused(_))), "it is started once: {again:?}");
    let seen = look(&repository, id(1)).await;
    seen.check();
    assert_eq!((seen.order.state.status, seen.order.state.held), (AgentWorkOrderStatus::Pending, false));
    let words: Vec<_> = seen.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(words, ["created", "prompted", "start_requested"]);
    drop(repository);
    let repository = match fixture.reopen().await {
        Some(again) => again,
        None => fixture.repository().await,
    };
    assert_eq!(look(&repository, id(1)).await, seen);
    Owner::claiming(&repository, 1, 1).await.finish("classify", 1).await;
}

/// An order that is held can be cancelled, which lets it go: tried again, it waits for a worker and for nobody else.
pub async fn a_held_order_can_be_cancelled(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let heard = repository.create(held_order(1)).await.unwrap();
    let cancelled = |held| {
        let patch = OrderPatch { status: Some(AgentWorkOrderStatus::Cancelled), held, ..OrderPatch::default() };
        let ended = EventKind::Ended { status: AgentWorkOrderStatus::Cancelled };
        kit::cancel_requested(Change::if_unchanged(heard.seq)).with(ended, at(9), patch)
    };
    let kept = repository.update(id(1), &cancelled(None)).await;
    assert!(matches!(kept, Err(StateError::Refused(_))), "nothing that has ended is held: {kept:?}");
    let heard = repository.update(id(1), &cancelled(Some(false))).await.unwrap();
    let seen = look(&repository, id(1)).await;
    assert_eq!((seen.order.state.status, seen.order.state.held), (AgentWorkOrderStatus::Cancelled, false));
    let started = repository.update(id(1), &start_requested(Change::if_unchanged(heard.seq))).await;
    assert!(matches!(started, Err(StateError::Refused(_))), "{started:?}");
    repository.update(id(1), &kit::retried(Change::if_unchanged(heard.seq), 0, 0)).await.unwrap();
    Owner::claiming(&repository, 1, 1).await.finish("classify", 1).await;
}
