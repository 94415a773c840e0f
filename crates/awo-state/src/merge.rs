//! Every rule of the contract, once, without IO.

use std::ops::Range;
use std::sync::Arc;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, Event, EventKind, OrderPatch, StepHistory, next_status};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Change, Guard, Head, Recorded, Result, StateError};

/// What a commit adds. Nothing in it when the change repeats something stored.
#[derive(Debug, Clone)]
pub struct Delta {
    /// The head afterwards.
    pub head: Head,
    /// Places in the history of the results that are new.
    pub new_steps: Range<usize>,
    /// The new events, numbered.
    pub events: Vec<Arc<Event>>,
    /// The fields that change.
    pub patch: OrderPatch,
}

impl Delta {
    /// Whether there is nothing to store.
    pub fn is_repetition(&self) -> bool {
        self.events.is_empty()
    }

    /// Applies it to an order (for backends that keep whole orders).
    pub fn apply(&self, order: &mut AgentWorkOrder) {
        self.patch.apply(&mut order.state);
        if let Some(last) = self.events.last() {
            order.state.updated_at = last.at;
        }
    }
}

/// Decides what a write adds to an order, or why it may not. `history` is `None` for
/// [`update`](crate::StateRepository::update).
pub fn merge(head: &Head, history: Option<&StepHistory>, change: &Change) -> Result<Delta> {
    let repetition =
        Delta { head: *head, new_steps: head.steps..head.steps, events: Vec::new(), patch: OrderPatch::default() };
    if change.claim().is_some() && change.claim() == head.claim {
        return if change.recorded().len() as u64 == head.claim_events {
            Ok(repetition)
        } else {
            Err(StateError::Conflict {
                at: head.seq,
                why: "the claim is stored with more, or fewer, events", // swallowed words would be lost
            })
        };
    }
    let fresh = fresh_words(head, change)?;
    let steps = history.map_or(head.steps, StepHistory::len);
    check_history(head, history, fresh)?;
    if fresh.is_empty() {
        return Ok(repetition);
    }
    check_words(head, change, fresh)?;
    check_authority(head, change, fresh)?;

    let mut next = *head;
    for Recorded { kind, patch, .. } in fresh {
        if let Some(to) = patch.status {
            next.status = next_status(next.status, to, reopens(kind))?;
        }
        next.held = patch.held.unwrap_or(next.held);
        next.prompts += usize::from(patch.prompt.is_some());
        if let Some(placed) = &patch.prompts_placed {
            let taken_up = (next.prompts_placed..=next.prompts).contains(&placed.len());
            if !taken_up {
                return Err(StateError::Refused("an owner takes up prompts that wait, and takes none back"));
            }
            next.prompts_placed = placed.len();
        }
        let ends = matches!(kind, EventKind::Ended { status } if *status != AgentWorkOrderStatus::Cancelled);
        if ends && change.claim().is_none() && next.prompts > next.prompts_placed {
            return Err(StateError::PromptWaiting);
        }
    }
    if head.status.is_terminal() && next.status.is_terminal() {
        return Err(StateError::Refused("the order has ended")); // a retry that reopens nothing
    }
    if change.claim().is_some() {
        next.epoch.0 += 1;
        next.claim = change.claim();
        next.claim_events = fresh.len() as u64;
        next.owner_events = 0;
        next.last_owner_event = 0;
    } else if let (Guard::Owner { .. }, Some(last)) = (change.guard(), fresh.last()) {
        next.owner_events += fresh.len() as u64;
        next.last_owner_event = digest(last);
    }
    let events = fresh
        .iter()
        .map(|recorded| {
            next.seq.0 += 1;
            Arc::new(Event { seq: next.seq, epoch: next.epoch, at: recorded.at, kind: recorded.kind.clone() })
        })
        .collect();
    let patch = folded(fresh);
    next.steps = steps;
    next.history_digest = history.and_then(|h| h.digest(steps)).unwrap_or(head.history_digest);
    next.cancel_requested = patch.cancel_requested.unwrap_or(head.cancel_requested);
    Ok(Delta { head: next, new_steps: head.steps..steps, events, patch })
}

/// What the change says beyond what is stored.
fn fresh_words<'c>(head: &Head, change: &'c Change) -> Result<&'c [Recorded]> {
    let said = change.recorded();
    match change.guard() {
        Guard::Owner { epoch, .. } if epoch != head.epoch => Err(StateError::Fenced { current: head.epoch }),
        Guard::Owner { acknowledged, .. } => {
            let conflict = |why| Err(StateError::Conflict { at: head.seq, why });
            let Some(stored) = head.owner_events.checked_sub(acknowledged) else {
                return conflict("the change leaves out events");
            };
            let stored = usize::try_from(stored).unwrap_or(usize::MAX);
            let same = stored == 0 || said.get(stored - 1).is_some_and(|last| digest(last) == head.last_owner_event);
            if same { Ok(&said[stored..]) } else { conflict("the change says other things than what is stored") }
        }
        Guard::Unchanged(seq) if seq != head.seq => {
            Err(StateError::Conflict { at: head.seq, why: "the order has changed since" })
        }
        Guard::Unchanged(_) => Ok(said),
    }
}

/// The history must extend what is stored, by exactly the results that the fresh events tell of.
fn check_history(head: &Head, history: Option<&StepHistory>, fresh: &[Recorded]) -> Result<()> {
    let conflict = |why| Err(StateError::Conflict { at: head.seq, why });
    if history.is_some_and(|h| h.digest(head.steps) != Some(head.history_digest)) {
        return conflict("the history is shorter than, or differs from, what is stored");
    }
    let mut told = head.steps;
    for Recorded { kind, .. } in fresh {
        if let EventKind::StepFinished { index, step, attempt, success } = kind {
            let result = history.and_then(|h| h.get(told));
            let fits = *index == told
                && result.is_some_and(|r| r.step == *step && r.attempt == *attempt && r.success == *success);
            if !fits {
                return conflict("a step-finished event has no such result");
            }
            told += 1;
        }
    }
    if history.is_some_and(|h| h.len() != told) { conflict("a result has no step-finished event") } else { Ok(()) }
}

/// Whether each event and the status it sets fit, and nothing follows a word that ends the change.
fn check_words(head: &Head, change: &Change, fresh: &[Recorded]) -> Result<()> {
    use AgentWorkOrderStatus::{Pending, Running};
    let claims = change.claim().is_some();
    for (place, Recorded { kind, patch, .. }) in fresh.iter().enumerate() {
        let sets = match kind {
            EventKind::Claimed { .. } => Some(Running),
            EventKind::HandedOver | EventKind::Retried => Some(Pending),
            // It waits, or reopens an order that has ended.
            EventKind::Prompted { .. } if patch.status == Some(Pending) => Some(Pending),
            EventKind::Ended { status } if status.is_terminal() => Some(*status),
            EventKind::Ended { .. } => return Err(StateError::Refused("an order ends completed, failed or cancelled")),
            _ => None,
        };
        if patch.status != sets {
            return Err(StateError::Refused("an event and the status that it sets do not fit"));
        }
        if let EventKind::Waiting { waiting_for, waiting_until } = kind
            && (patch.waiting_for.as_ref() != Some(&Some(Arc::clone(waiting_for)))
                || patch.waiting_until != Some(Some(*waiting_until)))
        {
            return Err(StateError::Refused("what an order waits for is told alike in the event and the fields"));
        }
        let prompts = matches!(kind, EventKind::Prompted { .. });
        if prompts != patch.prompt.is_some() || prompts && fresh.len() > 1 {
            return Err(StateError::Refused("a prompt is one change, which says `prompted` and brings it"));
        }
        let starts = matches!(kind, EventKind::StartRequested);
        if starts && (!head.held || fresh.len() > 1) {
            return Err(StateError::Refused("a start is one change, and only of an order that is held"));
        }
        let lets_go = starts || head.held && matches!(kind, EventKind::Ended { .. });
        if patch.held != lets_go.then_some(false) {
            return Err(StateError::Refused("an order that is held is let go when it is started or ends"));
        }
        if matches!(kind, EventKind::Claimed { .. }) != (claims && place == 0) {
            return Err(StateError::Refused("a claim begins with `claimed`, and nothing else says it"));
        }
        let closes = matches!(kind, EventKind::Ended { .. } | EventKind::HandedOver);
        if closes && place + 1 != fresh.len() {
            return Err(StateError::Refused("nothing follows the end of an order, or its hand-over, in one change"));
        }
    }
    Ok(())
}

/// Whether it opens an order that has ended again.
fn reopens(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Retried | EventKind::Prompted { .. })
}

/// What somebody who does not own the order may say: that it be started, cancelled or tried again, or a prompt, with the
/// fields of that.
fn check_stranger(fresh: &[Recorded]) -> Result<()> {
    for Recorded { kind, patch, .. } in fresh {
        let p = patch.clone();
        let rest = match kind {
            EventKind::StartRequested => OrderPatch { held: None, ..p },
            EventKind::CancelRequested => OrderPatch { cancel_requested: None, ..p },
            EventKind::Ended { .. } | EventKind::Retried | EventKind::Prompted { .. } => OrderPatch {
                status: None,
                held: None,
                round: None,
                prompt: None,
                steps_completed: None,
                cancel_requested: None,
                interruptions: None,
                error_code: None,
                error_message: None,
                waiting_for: p.waiting_for.filter(Option::is_some),
                waiting_until: p.waiting_until.filter(Option::is_some),
                completed_at: None,
                ..p
            },
            _ => return Err(StateError::Refused("only the owner of an order says what happens in it")),
        };
        if rest != OrderPatch::default() {
            return Err(StateError::Refused("only the owner of an order changes this field"));
        }
    }
    Ok(())
}

/// Who may say this, the order being where it is.
fn check_authority(head: &Head, change: &Change, fresh: &[Recorded]) -> Result<()> {
    use AgentWorkOrderStatus::{Cancelled, Pending, Running};
    let retries = fresh.iter().any(|r| reopens(&r.kind));
    let prompts = fresh.iter().any(|r| r.patch.prompt.is_some());
    let owner = matches!(change.guard(), Guard::Owner { .. });
    if head.status.is_terminal() && (owner || !retries) && change.claim().is_none() {
        return Err(StateError::Refused("the order has ended"));
    }
    if head.held && change.claim().is_some() {
        return Err(StateError::Refused("the order is held, and nobody runs it before it is started"));
    }
    if owner && head.status == Pending {
        return Err(StateError::Refused("the order was handed over"));
    }
    if prompts && (owner || change.claim().is_some()) {
        return Err(StateError::Refused("a prompt does not come from an owner"));
    }
    if !owner && change.claim().is_none() {
        check_stranger(fresh)?;
        if head.status == Running && change.status().is_some() {
            return Err(StateError::Refused("only its owner ends or hands over a running order"));
        }
        if head.status == Pending && change.status().is_some_and(|to| to != Cancelled) {
            return Err(StateError::Refused("an order that was not claimed can only be cancelled"));
        }
    }
    Ok(())
}

/// One patch for all the words. A saved result ends the attempt in progress, whatever was said before it; who waits has
/// no step in progress, and a step that begins ends the waiting.
fn folded(fresh: &[Recorded]) -> OrderPatch {
    fresh.iter().fold(OrderPatch::default(), |mut all, Recorded { kind, patch, .. }| {
        match kind {
            EventKind::StepFinished { .. } | EventKind::Waiting { .. } => all.current_step = Some(None),
            EventKind::StepStarted(_) | EventKind::StepResumed(_) | EventKind::Ended { .. } => {
                (all.waiting_for, all.waiting_until) = (Some(None), Some(None));
            }
            _ => {}
        }
        all.then(patch)
    })
}

fn digest(recorded: &Recorded) -> u64 {
    xxh3_64(&serde_json::to_vec(recorded).expect("events are plain data"))
}

#[cfg(test)]
mod tests;
