//! Clauses about claims, owners and the end of an order.

use awo_models::{AgentWorkOrderStatus, Epoch, EventKind, EventSeq, FailureCode, OrderPatch, StepExecutionResult};

use super::Fixture;
use super::kit::{self, Owner, at, current, finished, id, look, note, order, result, retried};
use crate::{Change, StateError};

/// Events are numbered without gaps, whoever writes them.
pub async fn events_are_gapless_across_owners_and_foreign_writes(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut first = Owner::of_new(&repository, 1).await;
    first.finish("classify", 1).await;
    let seen = look(&repository, first.id).await;
    let cancel = kit::cancel_requested(Change::if_unchanged(seen.version.0));
    repository.update(first.id, &cancel).await.unwrap();
    let heard = first.finish("plan", 1).await;
    assert!(heard.cancel_requested, "every answer tells the owner");
    let mut second = Owner::claiming(&repository, 1, 2).await;
    second.finish("find_plan", 1).await;
    let seen = look(&repository, first.id).await;
    let words: Vec<_> = seen.events.iter().map(|e| (e.kind.as_str(), e.epoch.0)).collect();
    assert_eq!(
        words,
        [
            ("created", 0),
            ("claimed", 1),
            ("step_finished", 1),
            ("cancel_requested", 1),
            ("step_finished", 1),
            ("claimed", 2),
            ("step_finished", 2)
        ]
    );
    assert!(seen.order.state.cancel_requested);
    seen.check();
}

/// A claim raises the epoch by one; the same claim again is the same claim, and does nothing.
pub async fn claim_raises_epoch_once(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    let claim = kit::claim(EventSeq(1), 7);
    let first = repository.update(id(1), &claim).await.unwrap();
    assert_eq!((first.epoch, first.seq, first.owner_events), (Epoch(1), EventSeq(2), 0));
    let seen = look(&repository, id(1)).await;
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Running);
    assert_eq!(seen.version.1, Epoch(1));
    let again = repository.update(id(1), &claim).await.unwrap();
    assert_eq!(again, first, "its answer was lost, and it is sent again");
    assert_eq!(look(&repository, id(1)).await, seen);
    let larger = note(claim.clone());
    let larger = repository.update(id(1), &larger).await;
    assert!(matches!(larger, Err(StateError::Conflict { .. })), "no word is swallowed: {larger:?}");
    let late = repository.update(id(1), &kit::claim(EventSeq(1), 8)).await;
    assert!(matches!(late, Err(StateError::Conflict { .. })), "another one came too late: {late:?}");
    let second = repository.update(id(1), &kit::claim(first.seq, 8)).await.unwrap();
    assert_eq!(second.epoch, Epoch(2));
}

/// Every write of an owner that another one has replaced is fenced, and changes nothing.
pub async fn stale_epoch_is_fenced(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut first = Owner::of_new(&repository, 1).await;
    first.finish("classify", 1).await;
    let second = Owner::claiming(&repository, 1, 2).await;
    assert_eq!(second.heard.epoch, Epoch(2));
    let seen = look(&repository, first.id).await;
    let mut longer = first.history.clone();
    longer.push(result("plan", 1, true));
    let heard = first.heard;
    let finish = Change::after(heard).with(finished(&longer), at(2), OrderPatch::default());
    let writes = [
        (&first.history, Change::after(heard)),
        (&first.history, note(Change::after(heard))),
        (&first.history, kit::handed_over(Change::after(heard))),
        (&first.history, kit::ended(Change::after(heard), AgentWorkOrderStatus::Completed)),
        (&longer, finish),
    ];
    for (history, change) in writes {
        for answer in
            [repository.save_step_history(first.id, history, &change).await, repository.update(first.id, &change).await]
        {
            assert!(matches!(answer, Err(StateError::Fenced { current: Epoch(2) })), "{answer:?}");
        }
    }
    assert_eq!(look(&repository, first.id).await, seen);
}

/// Who handed an order over owns nothing any more.
pub async fn handed_over_owner_is_refused(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    let over = kit::handed_over(owner.change.clone());
    let heard = repository.save_step_history(owner.id, &owner.history, &over).await.unwrap();
    let again = repository.save_step_history(owner.id, &owner.history, &over).await.unwrap();
    assert_eq!(again, heard, "repeating the hand-over is fine");
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Pending);
    owner.change = Change::after(heard);
    owner.add(result("plan", 1, true));
    let late = owner.save().await;
    assert!(matches!(late, Err(StateError::Refused(_))), "{late:?}");
    assert_eq!(look(&repository, owner.id).await, seen);
    let mut next = Owner::claiming(&repository, 1, 2).await;
    next.finish("plan", 1).await;
    look(&repository, owner.id).await.check();
}

/// An order that has ended takes nothing but repetitions and a retry.
pub async fn terminal_refuses_all_but_repetition_and_retry(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let statuses = [AgentWorkOrderStatus::Completed, AgentWorkOrderStatus::Failed, AgentWorkOrderStatus::Cancelled];
    for (n, status) in (1..).zip(statuses) {
        let mut owner = Owner::of_new(&repository, n).await;
        owner.finish("classify", 1).await;
        let end = kit::ended(owner.change.clone(), status);
        let heard = owner.end(status).await;
        let again = repository.save_step_history(owner.id, &owner.history, &end).await.unwrap();
        assert_eq!(again, heard, "repeating the end is fine");
        let seen = look(&repository, owner.id).await;
        let unchanged = || Change::if_unchanged(heard.seq);
        let writes = [
            note(Change::after(heard)),
            kit::ended(Change::after(heard), AgentWorkOrderStatus::Completed),
            note(unchanged()),
            kit::cancel_requested(unchanged()),
            kit::claim(heard.seq, 9),
            unchanged().with(EventKind::Retried, at(6), OrderPatch::default()),
            retried(Change::after(heard), 1, 1), // who owned it owns nothing any more
        ];
        for change in writes {
            let answer = repository.update(owner.id, &change).await;
            let refused = matches!(answer, Err(StateError::Refused(_) | StateError::Transition(_)));
            assert!(refused, "{status}: {change:?} was answered with {answer:?}");
        }
        owner.add(result("plan", 1, true));
        let late = owner.save().await;
        assert!(matches!(late, Err(StateError::Refused(_))), "{late:?}");
        assert_eq!(look(&repository, owner.id).await, seen);
        repository.update(owner.id, &retried(unchanged(), 1, 1)).await.unwrap();
        let seen = look(&repository, owner.id).await;
        assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Pending);
        Owner::claiming(&repository, n, 2).await.finish("plan", 1).await;
        look(&repository, owner.id).await.check();
    }
}

/// A retry opens a round: older results no longer count, but stay as they are.
pub async fn retry_supersedes_without_touching_results(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish_all().await;
    let before = look(&repository, owner.id).await;
    let retry = retried(Change::if_unchanged(before.version.0), 7, 1);
    repository.update(owner.id, &retry).await.unwrap();
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.history, before.history, "no result is touched");
    let superseded = |seen: &kit::Sight| -> Vec<_> {
        let count = seen.history.len();
        (0..count).map(|i| seen.order.superseded(&seen.history, i)).collect()
    };
    assert_eq!(superseded(&seen), [false, true, true, true, true, true, true]);
    let mut owner = Owner::claiming(&repository, 1, 2).await;
    owner.finish("plan", 2).await;
    let seen = look(&repository, owner.id).await;
    assert_eq!(superseded(&seen).last(), Some(&false));
    assert_eq!(seen.history.prefix(7), before.history);
    assert_eq!(seen.order.state.rounds.len(), 1);
    seen.check();
}

/// The result of an attempt that died with its owner is stored in the same write as the claim.
pub async fn interrupted_result_rides_on_the_claim(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut first = Owner::of_new(&repository, 1).await;
    first.finish("classify", 1).await;
    let patch = OrderPatch { current_step: Some(Some(current("plan", 1))), ..OrderPatch::default() };
    first.change.record(EventKind::StepStarted(current("plan", 1)), at(1), patch);
    let heard = first.save().await.unwrap();

    let mut history = first.history.clone();
    history.push(StepExecutionResult { error_code: Some(FailureCode::Interrupted), ..result("plan", 1, false) });
    let claim = kit::claim(heard.seq, 2).with(finished(&history), at(7), OrderPatch::default());
    let claimed = repository.save_step_history(first.id, &history, &claim).await.unwrap();
    assert_eq!((claimed.epoch, claimed.steps, claimed.owner_events), (Epoch(2), 2, 0));
    let seen = look(&repository, first.id).await;
    assert_eq!(seen.history, history);
    assert_eq!(seen.order.state.current_step, None);
    seen.check();
    let again = repository.save_step_history(first.id, &history, &claim).await.unwrap();
    assert_eq!(again, claimed, "the same claim again does nothing");
    assert_eq!(look(&repository, first.id).await, seen);
    // Anybody else may not bring results along.
    history.push(result("plan", 2, true));
    let foreign = Change::if_unchanged(claimed.seq).with(finished(&history), at(7), OrderPatch::default());
    let answer = repository.save_step_history(first.id, &history, &foreign).await;
    assert!(matches!(answer, Err(StateError::Refused(_))), "{answer:?}");
}

/// An order that waits says for what and until when, and has no step in progress; a step that goes on ends the waiting.
pub async fn who_waits_has_no_step_in_progress(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let begins = OrderPatch { current_step: Some(Some(current("classify", 1))), ..OrderPatch::default() };
    owner.change.record(EventKind::StepStarted(current("classify", 1)), at(1), begins.clone());
    owner.save().await.unwrap();
    let waiting = kit::waiting(owner.change.clone(), "a rate limit", 8);
    let lies = waiting.recorded()[0].patch.clone();
    let lies = OrderPatch { waiting_until: Some(Some(at(9))), ..lies };
    let lie = owner.change.clone().with(waiting.recorded()[0].kind.clone(), at(2), lies);
    let answer = repository.save_step_history(owner.id, &owner.history, &lie).await;
    assert!(matches!(answer, Err(StateError::Refused(_))), "event and fields say different times: {answer:?}");

    owner.change = waiting;
    owner.save().await.unwrap();
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Running);
    assert_eq!(seen.order.state.current_step, None, "no step is in progress");
    assert_eq!(seen.order.state.waiting_for.as_deref(), Some("a rate limit"));
    assert_eq!(seen.order.state.waiting_until, Some(at(8)));

    // Another owner waits on.
    let mut owner = Owner::claiming(&repository, 1, 2).await;
    assert_eq!(look(&repository, owner.id).await.order.state.waiting_until, Some(at(8)));
    owner.change.record(EventKind::StepResumed(current("classify", 1)), at(8), begins);
    owner.save().await.unwrap();
    let state = look(&repository, owner.id).await.order.state;
    assert_eq!((state.waiting_for, state.waiting_until), (None, None));
    assert_eq!(state.current_step, Some(current("classify", 1)));
    owner.finish("classify", 1).await;
    look(&repository, owner.id).await.check();
}
