//! Clauses about prompts that come after the request.

use awo_models::{AgentWorkOrderStatus, EventKind, OrderPatch};

use super::Fixture;
use super::kit::{self, Owner, at, id, look, order, prompted, taken_up};
use crate::{Change, StateError};

/// Anybody may leave a prompt in an order that has not ended. It waits, its owner is told with the next answer, and
/// nobody is disturbed.
pub async fn prompts_wait_for_the_owner(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    let pending = look(&repository, id(1)).await;
    let first = prompted(Change::if_unchanged(pending.version.0), 1, false);
    let heard = repository.update(id(1), &first).await.unwrap();
    assert_eq!((heard.prompts, heard.seq.0), (1, 2));
    let late = repository.update(id(1), &first).await;
    assert!(matches!(late, Err(StateError::Conflict { .. })), "whoever asks again looks first: {late:?}");

    let mut owner = Owner::claiming(&repository, 1, 1).await;
    owner.finish("classify", 1).await;
    let seen = look(&repository, id(1)).await;
    let second = prompted(Change::if_unchanged(seen.version.0), 2, false);
    repository.update(id(1), &second).await.unwrap();
    let heard = owner.finish("plan", 1).await;
    assert_eq!(heard.prompts, 2, "every answer tells the owner");

    let seen = look(&repository, id(1)).await;
    seen.check();
    let texts: Vec<_> = seen.order.state.prompts.iter().map(|prompt| &*prompt.text).collect();
    assert_eq!(texts, ["and now 1", "and now 2"]);
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Running);
    let words: Vec<_> = seen.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(words, ["created", "prompted", "claimed", "step_finished", "prompted", "step_finished"]);

    // One at a time, with nothing else; and what its owner says of it is the owner's.
    let unchanged = || Change::if_unchanged(seen.version.0);
    let named = OrderPatch {
        git_branch_name: Some(Some("x".into())),
        ..prompted(unchanged(), 3, false).recorded()[0].patch.clone()
    };
    let kind = EventKind::Prompted { step: awo_models::follow_up_step(3) };
    for change in [
        prompted(prompted(unchanged(), 3, false), 4, false),
        prompted(unchanged(), 3, true),
        prompted(owner.change.clone(), 3, false),
        unchanged().with(kind.clone(), at(7), OrderPatch::default()),
        unchanged().with(kind, at(7), named),
        taken_up(unchanged(), 1),
        taken_up(owner.change.clone(), 3),
    ] {
        let answer = repository.update(id(1), &change).await;
        assert!(matches!(answer, Err(StateError::Refused(_))), "{change:?}: {answer:?}");
    }
    assert_eq!(look(&repository, id(1)).await, seen);
    drop((owner, repository));
    if let Some(repository) = fixture.reopen().await {
        assert_eq!(look(&repository, id(1)).await, seen);
    }
}

/// An owner ends no order while a prompt waits in it, unless the order is cancelled. Who claims it sees what waits, and
/// may.
pub async fn a_waiting_prompt_holds_the_end(fixture: &dyn Fixture) {
    use AgentWorkOrderStatus::{Cancelled, Completed, Failed};
    let repository = fixture.repository().await;
    for (n, then) in (1..).zip([Completed, Failed, Cancelled]) {
        let mut owner = Owner::of_new(&repository, n).await;
        owner.finish("classify", 1).await;
        let seen = look(&repository, id(n)).await;
        let waiting = prompted(Change::if_unchanged(seen.version.0), 1, false);
        repository.update(id(n), &waiting).await.unwrap();
        let seen = look(&repository, id(n)).await;
        owner.add(kit::result("plan", 1, true));
        for status in [Completed, Failed] {
            let end = kit::ended(owner.change.clone(), status);
            let answer = repository.save_step_history(id(n), &owner.history, &end).await;
            assert!(matches!(answer, Err(StateError::PromptWaiting)), "{status}: {answer:?}");
            assert_eq!(look(&repository, id(n)).await, seen, "nothing of it is stored");
            assert_eq!(end.without_end(), owner.change);
        }
        if then != Cancelled {
            owner.change = taken_up(owner.change.clone(), 1);
            owner.add(kit::result("prompt-1", 1, then == Completed));
        }
        owner.end(then).await;
        let seen = look(&repository, id(n)).await;
        assert_eq!(seen.order.state.status, then);
        assert_eq!(seen.order.waiting_prompts(), usize::from(then == Cancelled));
        seen.check();
    }
    repository.create(order(9)).await.unwrap();
    let seen = look(&repository, id(9)).await;
    repository.update(id(9), &prompted(Change::if_unchanged(seen.version.0), 1, false)).await.unwrap();
    let seen = look(&repository, id(9)).await;
    let cannot_run = kit::ended(kit::claim(seen.version.0, 1), Failed);
    repository.update(id(9), &cannot_run).await.unwrap();
    assert_eq!(look(&repository, id(9)).await.order.state.status, Failed);
}

/// A prompt opens an order that has ended again, in the same write; one that opens nothing is refused.
pub async fn a_prompt_reopens_an_ended_order(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let ended = Owner::of_new(&repository, 1).await.finish_all().await;
    let before = look(&repository, id(1)).await;
    let answer = repository.update(id(1), &prompted(Change::if_unchanged(ended.seq), 1, false)).await;
    assert!(matches!(answer, Err(StateError::Refused(_))), "it would never be taken up: {answer:?}");
    assert_eq!(look(&repository, id(1)).await, before);
    repository.update(id(1), &prompted(Change::if_unchanged(ended.seq), 1, true)).await.unwrap();
    let seen = look(&repository, id(1)).await;
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Pending);
    assert_eq!(seen.history, before.history, "no result is touched");
    let mut owner = Owner::claiming(&repository, 1, 2).await;
    owner.change = taken_up(owner.change.clone(), 1);
    owner.add(kit::result("prompt-1", 1, true));
    owner.end(AgentWorkOrderStatus::Completed).await;
    let seen = look(&repository, id(1)).await;
    assert_eq!((seen.history.len(), seen.order.waiting_prompts()), (8, 0));
    assert_eq!(seen.order.place_of(&awo_models::follow_up_step(1)), Some(7));
    seen.check();
    drop((owner, repository));
    if let Some(repository) = fixture.reopen().await {
        assert_eq!(look(&repository, id(1)).await, seen);
    }
}
