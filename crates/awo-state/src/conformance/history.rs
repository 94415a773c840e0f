//! Clauses about saving a history.

use std::sync::Arc;

use awo_models::{AgentWorkOrderStatus, EventKind, EventSeq, OrderPatch, StepExecutionResult, StepHistory};

use super::Fixture;
use super::kit::{self, Owner, at, current, finished, id, look, note, order, result, steps_completed};
use crate::{Change, StateError, StateRepositoryExt};

/// What is read is what was saved last, with each save longer than the one before.
pub async fn save_replaces_by_extension(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    for (n, step) in kit::SEVEN.into_iter().enumerate() {
        let heard = owner.finish(step, 1).await;
        let seen = look(&repository, owner.id).await;
        assert_eq!(seen.history, owner.history, "read equals saved");
        assert_eq!((seen.history.len(), heard.steps), (n + 1, n + 1), "nothing is appended twice");
        assert_eq!(seen.order.state.steps_completed, n + 1);
        assert_eq!(seen.version.0, heard.seq);
        seen.check();
    }
}

/// The same save again answers the same and changes nothing: no result, no field, no event.
pub async fn identical_save_is_idempotent(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.add(result("classify", 1, true));
    let change = owner.change.clone();
    let first = owner.save().await.unwrap();
    let seen = look(&repository, owner.id).await;
    for _ in 0..3 {
        let again = repository.save_step_history(owner.id, &owner.history, &change).await.unwrap();
        assert_eq!(again, first);
    }
    let settled = owner.save().await.unwrap();
    assert_eq!(settled, first, "nothing to say is Ok too");
    assert_eq!(look(&repository, owner.id).await, seen);
}

/// A history that was built anew of equal results is the same history.
pub async fn rebuilt_equal_history_is_accepted(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    owner.finish("plan", 1).await;
    owner.history = owner.history.iter().map(|r| StepExecutionResult::clone(r)).collect();
    owner.finish("find_plan", 1).await;
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.history, owner.history);
    seen.check();
}

/// A history that is shorter than what is stored is refused, and nothing changes.
pub async fn shorter_save_conflicts_and_changes_nothing(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    let shorter = owner.history.clone();
    let heard = owner.finish("plan", 1).await;
    let seen = look(&repository, owner.id).await;
    for change in [Change::after(heard), note(Change::after(heard))] {
        for history in [&shorter, &StepHistory::default()] {
            let answer = repository.save_step_history(owner.id, history, &change).await;
            assert!(matches!(answer, Err(StateError::Conflict { .. })), "{answer:?}");
        }
    }
    assert_eq!(look(&repository, owner.id).await, seen, "nothing changes");
}

/// A history that differs from what is stored is refused, and so is one that no event tells of.
pub async fn diverging_history_conflicts(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    let mut other = owner.history.clone();
    let heard = owner.finish("plan", 1).await;
    let seen = look(&repository, owner.id).await;
    other.push(result("plan", 2, false));
    let same_length = repository.save_step_history(owner.id, &other, &Change::after(heard)).await;
    assert!(matches!(same_length, Err(StateError::Conflict { .. })), "{same_length:?}");
    other.push(result("plan", 3, true));
    let change = Change::after(heard).with(finished(&other), at(2), steps_completed(2));
    let longer = repository.save_step_history(owner.id, &other, &change).await;
    assert!(matches!(longer, Err(StateError::Conflict { .. })), "{longer:?}");
    let mut untold = owner.history.clone();
    untold.push(result("find_plan", 1, true));
    let untold = repository.save_step_history(owner.id, &untold, &Change::after(heard)).await;
    assert!(matches!(untold, Err(StateError::Conflict { .. })), "{untold:?}");
    assert_eq!(look(&repository, owner.id).await, seen, "nothing changes");
}

/// A history without results can be saved.
pub async fn empty_history_saves(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.save().await.unwrap();
    owner.change = note(owner.change.clone());
    let heard = owner.save().await.unwrap();
    assert_eq!(heard.steps, 0);
    assert_eq!(repository.get_step_history(owner.id).await.unwrap(), Some(StepHistory::default()));
}

/// A known order that ran no step yet has an empty history, not none.
pub async fn known_order_without_steps_is_empty(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    assert_eq!(repository.get_step_history(id(1)).await.unwrap(), Some(StepHistory::default()));
    let seen = look(&repository, id(1)).await;
    assert_eq!(seen.order, order(1));
    assert_eq!(seen.version.0, EventSeq(1));
    assert_eq!(seen.events.len(), 1);
    assert_eq!(seen.events[0].kind, EventKind::Created);
}

/// A read of an order that is not there answers none; its events are not found.
pub async fn unknown_order_reads_none(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    repository.create(order(1)).await.unwrap();
    assert!(repository.get(id(2)).await.unwrap().is_none());
    assert_eq!(repository.get_step_history(id(2)).await.unwrap(), None);
    let events = repository.events(id(2), EventSeq(0), 9).await;
    assert!(matches!(events, Err(StateError::NotFound(unknown)) if unknown == id(2)), "{events:?}");
}

/// A write to an order that is not there is not found, and makes none.
pub async fn save_for_unknown_order_is_not_found(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let owner = Owner::of_new(&repository, 1).await;
    let (history, change) = (&owner.history, Change::after(owner.heard));
    let saved = repository.save_step_history(id(2), history, &change).await;
    assert!(matches!(saved, Err(StateError::NotFound(unknown)) if unknown == id(2)), "{saved:?}");
    let updated = repository.update(id(2), &kit::claim(EventSeq(1), 5)).await;
    assert!(matches!(updated, Err(StateError::NotFound(_))), "{updated:?}");
    let deleted = repository.delete(id(2), EventSeq(1)).await;
    assert!(matches!(deleted, Err(StateError::NotFound(_))), "{deleted:?}");
    assert!(repository.get(id(2)).await.unwrap().is_none());
}

/// After an answer that was lost, a larger change stores what is new in it, once.
pub async fn lost_acknowledgement_then_larger_change_repeats_nothing(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    for step in kit::SEVEN {
        owner.add(result(step, 1, true));
        // Stored, but the owner does not hear of it.
        repository.save_step_history(owner.id, &owner.history, &owner.change).await.unwrap();
    }
    owner.save().await.unwrap();
    assert!(owner.change.is_empty(), "all is acknowledged");
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.history, owner.history);
    assert_eq!(seen.events.len(), 2 + 7, "created, claimed, finished ×7");
    assert_eq!(seen.order.state.steps_completed, 7);
    seen.check();
}

/// Who tells something else from an answer that is out of date is refused, not swallowed.
pub async fn second_story_from_old_answer_conflicts(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let old = owner.heard;
    owner.finish("classify", 1).await;
    let seen = look(&repository, owner.id).await;
    for change in [note(Change::after(old)), Change::after(old)] {
        let answer = repository.save_step_history(owner.id, &owner.history, &change).await;
        assert!(matches!(answer, Err(StateError::Conflict { .. })), "{answer:?}");
    }
    assert_eq!(look(&repository, owner.id).await, seen);
}

/// One write changes fields, results and events together, or nothing.
pub async fn status_history_events_commit_together(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    owner.finish("classify", 1).await;
    let before = look(&repository, owner.id).await;
    // Refused for its last word: nothing of it may be there.
    let mut history = owner.history.clone();
    history.push(result("plan", 1, true));
    let refused = Change::after(owner.heard).with(finished(&history), at(2), steps_completed(2)).with(
        finished(&history),
        at(2),
        steps_completed(3),
    );
    assert!(repository.save_step_history(owner.id, &history, &refused).await.is_err());
    assert_eq!(look(&repository, owner.id).await, before);
    owner.add(result("plan", 1, true));
    let heard = owner.end(AgentWorkOrderStatus::Failed).await;
    let seen = look(&repository, owner.id).await;
    assert_eq!(seen.history.len(), 2);
    assert_eq!(seen.order.state.status, AgentWorkOrderStatus::Failed);
    assert_eq!(seen.order.state.completed_at, Some(at(9)));
    assert_eq!(seen.order.state.updated_at, at(9));
    assert_eq!((seen.events.len(), heard.seq), (5, EventSeq(5)));
    seen.check();
}

/// A saved result ends the attempt in progress, and the next start may ride on the same write.
pub async fn saved_result_clears_current(fixture: &dyn Fixture) {
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let started = |change: &mut Change, step| {
        let patch = OrderPatch { current_step: Some(Some(current(step, 1))), ..OrderPatch::default() };
        change.record(EventKind::StepStarted(current(step, 1)), at(1), patch);
    };
    started(&mut owner.change, "classify");
    owner.save().await.unwrap();
    let now = |seen: &kit::Sight| seen.order.state.current_step.as_ref().map(|c| c.step.to_string());
    assert_eq!(now(&look(&repository, owner.id).await).as_deref(), Some("classify"));
    owner.add(result("classify", 1, true));
    started(&mut owner.change, "plan");
    owner.save().await.unwrap();
    assert_eq!(now(&look(&repository, owner.id).await).as_deref(), Some("plan"));
    owner.add(result("plan", 1, true));
    owner.save().await.unwrap();
    assert_eq!(now(&look(&repository, owner.id).await), None);
    // Started and ended in one write, as after an outage.
    started(&mut owner.change, "find_plan");
    owner.add(result("find_plan", 1, true));
    owner.save().await.unwrap();
    assert_eq!(now(&look(&repository, owner.id).await), None);
}

/// A thousand results of 64 KiB come back as they were.
pub async fn large_history_round_trips(fixture: &dyn Fixture) {
    const RESULTS: u32 = 1_000;
    let repository = fixture.repository().await;
    let mut owner = Owner::of_new(&repository, 1).await;
    let output: Arc<str> = "0123456789abcde\n".repeat(4 * 1024).into();
    for n in 1..=RESULTS {
        owner.add(StepExecutionResult { output: Some(Arc::clone(&output)), ..result("implement", n, false) });
        owner.save().await.unwrap();
    }
    let seen = repository.get_step_history(owner.id).await.unwrap().unwrap();
    assert_eq!(seen, owner.history);
    drop((seen, repository));
    let (history, order) = (owner.history.clone(), owner.id);
    drop(owner);
    if let Some(repository) = fixture.reopen().await {
        let seen = look(&repository, order).await;
        assert_eq!(seen.history, history);
        assert_eq!(seen.history.digest(history.len()), history.digest(history.len()));
        seen.check();
    }
}
