use awo_models::{Epoch, EventSeq, OrderState};
use proptest::prelude::*;

use super::*;
use crate::conformance::kit;
use crate::{ClaimId, Committed};

fn claimed() -> (Head, Committed) {
    let delta = merge(&Head::created(), None, &kit::claim(EventSeq(1), 1)).unwrap();
    (delta.head, delta.head.committed())
}

#[test]
fn an_attempt_that_began_and_ended_in_one_change_is_over() {
    let (head, answer) = claimed();
    let history: StepHistory = [kit::result("classify", 1, true)].into_iter().collect();
    let current = kit::current("classify", 1);
    let started = OrderPatch { current_step: Some(Some(current.clone())), ..OrderPatch::default() };
    let change = Change::after(answer).with(EventKind::StepStarted(current), kit::at(1), started).with(
        kit::finished(&history),
        kit::at(2),
        kit::steps_completed(1),
    );
    let delta = merge(&head, Some(&history), &change).unwrap();
    assert_eq!(delta.patch.current_step, Some(None));
    let mut order = kit::order(1);
    delta.apply(&mut order);
    assert_eq!((order.state.current_step, order.state.updated_at), (None, kit::at(2)));
}

#[test]
fn a_claim_that_is_sent_again_with_more_to_say_is_not_swallowed() {
    let (head, answer) = claimed();
    let again = merge(&head, None, &kit::claim(EventSeq(1), 1)).unwrap();
    assert!(again.is_repetition());
    let larger = merge(&head, None, &kit::note(kit::claim(EventSeq(1), 1)));
    assert!(matches!(larger, Err(StateError::Conflict { .. })), "{larger:?}");
    // Also late, after the owner has gone on.
    let head = merge(&head, None, &kit::note(Change::after(answer))).unwrap().head;
    assert!(merge(&head, None, &kit::claim(EventSeq(1), 1)).unwrap().is_repetition());
}

#[test]
fn a_retry_that_reopens_nothing_is_refused() {
    let ended = Head { status: AgentWorkOrderStatus::Completed, ..claimed().0 };
    let retry = |patch| Change::if_unchanged(ended.seq).with(EventKind::Retried, kit::at(6), patch);
    let refused = merge(&ended, None, &retry(OrderPatch::default()));
    assert!(matches!(refused, Err(StateError::Refused(_))), "{refused:?}");
    assert!(merge(&ended, None, &kit::retried(Change::if_unchanged(ended.seq), 0, 0)).is_ok());
}

#[test]
fn what_is_recorded_while_a_send_is_under_way_stays() {
    let (head, answer) = claimed();
    let mut change = kit::note(Change::after(answer));
    let sent = change.clone();
    change = kit::cancel_requested(change);
    let head = merge(&head, None, &sent).unwrap().head;
    change.settle(head.committed());
    let kept: Vec<_> = change.recorded().iter().map(|r| r.kind.as_str()).collect();
    assert_eq!(kept, ["cancel_requested"]);
    assert!(!change.is_empty());
    let delta = merge(&head, None, &change).unwrap();
    assert!(delta.head.cancel_requested);
    change.settle(delta.head.committed());
    assert!(change.is_empty());
}

#[test]
fn only_a_pending_order_is_new() {
    let mut order = kit::order(1);
    assert_eq!(Head::of_new(&order).unwrap(), Head::created());
    order.state.held = true;
    assert_eq!(Head::of_new(&order).unwrap(), Head { held: true, ..Head::created() });
    order.state.cancel_requested = true;
    assert!(Head::of_new(&order).is_err());
    order.state = OrderState::created(kit::at(0));
    order.state.status = AgentWorkOrderStatus::Running;
    assert!(Head::of_new(&order).is_err());
}

#[test]
fn who_has_not_claimed_neither_runs_nor_ends_nor_reports() {
    let status = |to| OrderPatch { status: Some(to), ..OrderPatch::default() };
    let unchanged = |head: &Head| Change::if_unchanged(head.seq);
    let (running, pending) = (claimed().0, Head::created());
    for to in AgentWorkOrderStatus::ALL {
        let change = |head| unchanged(head).with(EventKind::Ended { status: to }, kit::at(1), status(to));
        assert!(merge(&running, None, &change(&running)).is_err(), "running → {to}");
        let allowed = to == AgentWorkOrderStatus::Cancelled;
        assert_eq!(merge(&pending, None, &change(&pending)).is_ok(), allowed, "pending → {to}");
    }
    let start = EventKind::StepStarted(kit::current("plan", 1));
    let start = unchanged(&running).with(start, kit::at(1), OrderPatch::default());
    assert!(matches!(merge(&running, None, &start), Err(StateError::Refused(_))));
    let never_claimed = Change::after(pending.committed());
    assert!(merge(&pending, None, &kit::note(never_claimed)).is_err());
}

#[test]
fn an_event_and_the_status_it_sets_fit_and_nothing_follows_an_end() {
    use AgentWorkOrderStatus::{Completed, Failed, Pending};
    let (head, answer) = claimed();
    let status = |to| OrderPatch { status: Some(to), ..OrderPatch::default() };
    let refused = |words: &[(EventKind, OrderPatch)]| {
        let change = words
            .iter()
            .fold(Change::after(answer), |change, (kind, patch)| change.with(kind.clone(), kit::at(1), patch.clone()));
        matches!(merge(&head, None, &change), Err(StateError::Refused(_)))
    };
    let ended = |to| (EventKind::Ended { status: to }, status(to));
    assert!(!refused(&[ended(Failed)]));
    assert!(refused(&[(EventKind::Ended { status: Failed }, status(Completed))]));
    assert!(refused(&[(EventKind::Ended { status: Failed }, OrderPatch::default())]));
    assert!(refused(&[(EventKind::Prepared, status(Failed))]));
    assert!(refused(&[ended(Pending)]));
    assert!(refused(&[(EventKind::Ended { status: Pending }, OrderPatch::default())]));
    assert!(refused(&[ended(Failed), (EventKind::Prepared, OrderPatch::default())]));
    assert!(refused(&[(EventKind::HandedOver, status(Pending)), ended(Failed)]));
    assert!(refused(&[(EventKind::Claimed { worker: "w".into() }, status(AgentWorkOrderStatus::Running))]));
}

#[test]
fn a_result_and_the_event_that_tells_of_it_agree_in_each_word() {
    let (head, answer) = claimed();
    let history: StepHistory = [kit::result("classify", 1, true)].into_iter().collect();
    let told = |index, step: &str, attempt, success| {
        let event = EventKind::StepFinished { index, step: step.parse().unwrap(), attempt, success };
        merge(&head, Some(&history), &Change::after(answer).with(event, kit::at(1), OrderPatch::default()))
    };
    assert!(told(0, "classify", 1, true).is_ok());
    let others = [(1, "classify", 1, true), (0, "plan", 1, true), (0, "classify", 2, true), (0, "classify", 1, false)];
    for (index, step, attempt, success) in others {
        let refused = told(index, step, attempt, success);
        assert!(matches!(refused, Err(StateError::Conflict { .. })), "{index} {step} {attempt} {success}: {refused:?}");
    }
}

#[test]
fn a_stranger_changes_nothing_but_what_its_words_are_about() {
    let (head, _) = claimed();
    let says = |kind, patch| merge(&head, None, &Change::if_unchanged(head.seq).with(kind, kit::at(1), patch));
    let cancel = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
    assert!(says(EventKind::CancelRequested, cancel.clone()).is_ok());
    let more = OrderPatch { git_branch_name: Some(Some("x".into())), ..cancel };
    assert!(matches!(says(EventKind::CancelRequested, more), Err(StateError::Refused(_))));
    assert!(matches!(says(EventKind::Prepared, OrderPatch::default()), Err(StateError::Refused(_))));
    let ended = Head { status: AgentWorkOrderStatus::Failed, cancel_requested: true, ..head };
    let retries = |patch| {
        merge(&ended, None, &Change::if_unchanged(ended.seq).with(EventKind::Retried, kit::at(1), patch)).map(|_| ())
    };
    let begins_anew = OrderPatch {
        status: Some(AgentWorkOrderStatus::Pending),
        round: Some(awo_models::Round { first_result: 1, resumes_at: 0 }),
        steps_completed: Some(0),
        cancel_requested: Some(false),
        interruptions: Some(0),
        error_code: Some(None),
        error_message: Some(None),
        completed_at: Some(None),
        ..OrderPatch::default()
    };
    retries(begins_anew.clone()).unwrap();
    let attempt = OrderPatch { current_step: Some(None), ..begins_anew };
    assert!(matches!(retries(attempt), Err(StateError::Refused(_))), "attempts are their owner's");
}

#[test]
fn a_stranger_ends_the_waiting_of_an_order_that_nobody_has_and_begins_none() {
    let pending = Head::created();
    let cancels = |waiting_for: Option<std::sync::Arc<str>>| {
        let patch = OrderPatch {
            status: Some(AgentWorkOrderStatus::Cancelled),
            waiting_for: Some(waiting_for),
            waiting_until: Some(None),
            ..OrderPatch::default()
        };
        let ended = EventKind::Ended { status: AgentWorkOrderStatus::Cancelled };
        merge(&pending, None, &Change::if_unchanged(pending.seq).with(ended, kit::at(1), patch)).map(|_| ())
    };
    cancels(None).unwrap();
    assert!(matches!(cancels(Some("godot".into())), Err(StateError::Refused(_))));
    let (running, _) = claimed();
    let waits = kit::waiting(Change::if_unchanged(running.seq), "godot", 9);
    assert!(matches!(merge(&running, None, &waits), Err(StateError::Refused(_))));
}

#[test]
fn only_its_owner_says_that_an_attempt_is_slow() {
    let (running, answer) = claimed();
    let current = kit::current("plan", 1);
    let slow = awo_models::SlowAttempt {
        step: current.step,
        agent_name: current.agent_name,
        attempt: current.attempt,
        since: kit::at(5),
        slow_after: std::time::Duration::from_mins(1),
        usual: None,
    };
    let says = |change: Change| {
        let patch = OrderPatch { slow: Some(Some(slow.clone())), ..OrderPatch::default() };
        merge(&running, None, &change.with(EventKind::StepSlow(slow.clone()), kit::at(5), patch))
    };
    assert_eq!(says(Change::after(answer)).unwrap().patch.slow, Some(Some(slow.clone())));
    assert!(matches!(says(Change::if_unchanged(running.seq)), Err(StateError::Refused(_))));
    // Nor does anybody else change the field with words of their own.
    let patch = OrderPatch { slow: Some(None), ..OrderPatch::default() };
    let cancels = Change::if_unchanged(running.seq).with(EventKind::CancelRequested, kit::at(5), patch);
    assert!(matches!(merge(&running, None, &cancels), Err(StateError::Refused(_))));
}

#[test]
fn whatever_is_said_in_one_change_who_waits_has_no_step_and_who_has_one_does_not_wait() {
    let (head, answer) = claimed();
    let started = |change: Change, event: fn(awo_models::CurrentStep) -> EventKind| {
        let current = kit::current("plan", 1);
        let patch = OrderPatch { current_step: Some(Some(current.clone())), ..OrderPatch::default() };
        change.with(event(current), kit::at(1), patch)
    };
    let begun = started(Change::after(answer), EventKind::StepStarted);
    let waits = kit::waiting(begun, "godot", 9);
    let told = merge(&head, None, &waits).unwrap().patch;
    assert_eq!((told.current_step, told.waiting_until), (Some(None), Some(Some(kit::at(9)))));
    for event in [EventKind::StepStarted, EventKind::StepResumed] {
        let told = merge(&head, None, &started(waits.clone(), event)).unwrap().patch;
        assert!(told.current_step.unwrap().is_some());
        assert_eq!((told.waiting_for, told.waiting_until), (Some(None), Some(None)));
    }
    let told = merge(&head, None, &kit::ended(waits, AgentWorkOrderStatus::Failed)).unwrap().patch;
    assert_eq!((told.waiting_for, told.waiting_until), (Some(None), Some(None)));
}

#[test]
fn a_claim_takes_a_number_of_its_own() {
    let (head, _) = claimed();
    let other = Change::if_unchanged(head.seq).claiming(ClaimId(2), "w", kit::at(2), OrderPatch::default());
    let next = merge(&head, None, &kit::note(other)).unwrap().head;
    assert_eq!((next.epoch, next.owner_events, next.claim_events), (Epoch(2), 0, 2));
}

#[derive(Debug, Clone, Copy)]
enum Act {
    /// A step ends and all that is not acknowledged is sent.
    Finish { stored: bool, heard: bool },
    /// An older write arrives late.
    Late(usize),
    /// Somebody else asks to cancel.
    Cancel,
    /// Somebody else leaves a prompt.
    Prompt,
    /// The owner takes up all prompts that it heard of.
    TakeUp,
}

proptest! {
    /// Whatever is lost, in whatever order: each result and each word is stored once, in order.
    #[test]
    fn no_loss_repeats_or_reorders(acts in proptest::collection::vec(prop_oneof![
        4 => (any::<bool>(), any::<bool>()).prop_map(|(stored, heard)| Act::Finish { stored, heard }),
        2 => (0..20_usize).prop_map(Act::Late),
        1 => Just(Act::Cancel),
        1 => Just(Act::Prompt),
        1 => Just(Act::TakeUp),
    ], 1..40)) {
        let (mut head, heard) = claimed();
        let (mut change, mut history) = (Change::after(heard), StepHistory::default());
        let (mut events, mut foreign, mut sent) = (Vec::new(), 0, Vec::new());
        let (mut attempt, mut taken, mut words) = (0, 0, 0);
        let all = acts.into_iter().chain([Act::Finish { stored: true, heard: true }]);
        for act in all {
            match act {
                Act::Finish { stored, heard } => {
                    attempt += 1;
                    history.push(kit::result("implement", attempt, false));
                    change.record(kit::finished(&history), kit::at(2), OrderPatch::default());
                    sent.push((history.clone(), change.clone()));
                    if stored {
                        let delta = merge(&head, Some(&history), &change).unwrap();
                        head = delta.head;
                        events.extend(delta.events);
                        if heard {
                            change.settle(head.committed());
                        }
                    }
                }
                Act::Late(n) => if let Some((history, change)) = sent.get(n) {
                    // It is refused, repeats, or stores words that were not stored yet; never anything else.
                    if let Ok(delta) = merge(&head, Some(history), change) {
                        head = delta.head;
                        events.extend(delta.events);
                    }
                },
                Act::Cancel => {
                    let delta = merge(&head, None, &kit::cancel_requested(Change::if_unchanged(head.seq))).unwrap();
                    head = delta.head;
                    foreign += 1;
                    events.extend(delta.events);
                }
                Act::Prompt => {
                    let prompt = kit::prompted(Change::if_unchanged(head.seq), head.prompts + 1, false);
                    let delta = merge(&head, None, &prompt).unwrap();
                    head = delta.head;
                    foreign += 1;
                    events.extend(delta.events);
                }
                Act::TakeUp => if head.prompts > taken {
                    taken = head.prompts;
                    change = kit::taken_up(change, taken);
                    words += 1;
                }
            }
        }
        prop_assert_eq!(head.steps, history.len());
        prop_assert!(events.iter().zip(3..).all(|(e, n)| e.seq.0 == n), "gapless");
        let told: Vec<_> = events.iter().filter_map(|e| match e.kind {
            EventKind::StepFinished { index, .. } => Some(index),
            _ => None,
        }).collect();
        prop_assert_eq!(told, (0..history.len()).collect::<Vec<_>>());
        prop_assert_eq!(events.len(), history.len() + foreign + words);
        prop_assert_eq!(head.prompts_placed, taken);
    }
}
