//! What a client has read of one order, and whether what it reads next may follow: the checks, without any effect.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

/// The steps of the plan workflow, in their order.
pub(crate) const STEPS: [&str; 7] =
    ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];

/// What kind of promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something was told and is not there any more, or not as it was.
    Lost,
    /// Something was done again that was done.
    Repeated,
    /// Anything else.
    Other,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

impl Violation {
    pub(crate) fn other(what: impl Into<String>) -> Self {
        Self { kind: Kind::Other, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

/// One order as a client has read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) results: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

impl History {
    /// The order of an id, of which nothing was read yet.
    pub(crate) fn of(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// An order as `/steps` and, asked afterwards, `/events` tell it.
    pub(crate) fn read(id: &str, steps: &Value, events: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut results = list(&steps["steps"]);
        for result in results.iter_mut().filter_map(Value::as_object_mut) {
            // Not part of what is stored: computed from the results after it.
            result.remove("superseded");
        }
        Self { id: id.to_owned(), status: text(&steps["status"]).to_owned(), results, events: list(events) }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// Whether the worker of this name is the last that claimed the order.
    pub(crate) fn is_owned_by(&self, worker: &str) -> bool {
        let last = self.events.iter().rfind(|event| event["kind"] == "claimed");
        last.is_some_and(|event| event["data"]["worker"] == worker)
    }

    /// Takes the next reading; what in it breaks a promise, by itself or after what was read before.
    pub(crate) fn follow(&mut self, next: Self) -> Vec<Violation> {
        let mut violations = kept("result", &self.results, &next.results);
        violations.extend(kept("event", &self.events, &next.events));
        violations.extend(repeated(&next.results));
        violations.extend(gaps(&next.events));
        violations.extend(untold(&next));
        let new = next.events.iter().skip(self.events.len());
        // A prompt opens an order that has ended again.
        let reopened = new.into_iter().any(|event| event["kind"] == "prompted");
        if self.has_ended() && next.status != self.status && !reopened {
            violations.push(Violation::other(format!("was {} and is {}", self.status, next.status)));
        }
        for violation in &mut violations {
            violation.what = format!("{}: {}", self.id, violation.what);
        }
        *self = next;
        violations
    }
}

/// What was read is there afterwards, at its place and as it was.
fn kept(name: &str, before: &[Value], after: &[Value]) -> Vec<Violation> {
    let lost = |index: usize, old: &Value| {
        let number = index + 1;
        let what = match after.get(index) {
            None => format!("{name} {number} was read and is not there any more: {old}"),
            Some(new) if new != old => format!("{name} {number} was {old} and is {new}"),
            Some(_) => return None,
        };
        Some(Violation { kind: Kind::Lost, what })
    };
    before.iter().enumerate().filter_map(|(index, old)| lost(index, old)).collect()
}

/// No attempt has two results, and no step that succeeded has another.
fn repeated(results: &[Value]) -> Vec<Violation> {
    let (mut attempts, mut done) = (HashSet::new(), HashSet::new());
    let mut violations = Vec::new();
    for result in results {
        let (step, attempt) = (text(&result["step"]), result["attempt"].as_u64());
        let mut say = |what| violations.push(Violation { kind: Kind::Repeated, what });
        if !attempts.insert((step, attempt)) {
            say(format!("{step} has two results of attempt {}", result["attempt"]));
        } else if done.contains(step) {
            say(format!("{step} ran again after it had succeeded"));
        }
        if result["success"] == true {
            done.insert(step);
        }
    }
    violations
}

/// Events are numbered 1, 2, 3 …
fn gaps(events: &[Value]) -> Vec<Violation> {
    let numbers = events.iter().map(|event| event["sequence"].as_u64());
    let wrong = numbers.zip(1..).find(|(number, expected)| *number != Some(*expected));
    wrong
        .map(|(number, expected)| Violation::other(format!("event {expected} has the number {number:?}")))
        .into_iter()
        .collect()
}

/// Each result that can be read has its event, and at most one attempt is open at a time.
fn untold(read: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (mut finished, mut open) = (0, None);
    for event in &read.events {
        let (kind, attempt) = (text(&event["kind"]), (&event["data"]["step"], &event["data"]["attempt"]));
        match kind {
            "step_started" => {
                if let Some(before) = open.replace(attempt) {
                    violations.push(Violation::other(format!("{attempt:?} began while {before:?} had no result")));
                }
            }
            "step_finished" => {
                finished += 1;
                if open.take() != Some(attempt) {
                    violations.push(Violation::other(format!("{attempt:?} ended and had not begun")));
                }
            }
            _ => {}
        }
    }
    if finished < read.results.len() {
        let results = read.results.len();
        violations
            .push(Violation::other(format!("{results} results could be read, and {finished} events tell of one")));
    }
    violations
}

/// Whether a step is one that a prompt became.
fn is_follow_up(step: &str) -> bool {
    step.starts_with("prompt-")
}

/// What is wrong with the prompts of an order that has ended: of each that was sent there is one, and it became a step
/// that succeeded once.
pub(crate) fn unheard(order: &History, sent: usize) -> Vec<Violation> {
    let prompted = order.events.iter().filter(|event| event["kind"] == "prompted").count();
    let successes = order.results.iter().filter(|result| result["success"] == true);
    let done: Vec<_> = successes.map(|result| text(&result["step"])).filter(|step| is_follow_up(step)).collect();
    let expected: Vec<_> = (1..=sent).map(|number| format!("prompt-{number}")).collect();
    if prompted == sent && done == expected {
        return Vec::new();
    }
    let kind = if prompted < sent || done.len() < sent { Kind::Lost } else { Kind::Repeated };
    let id = &order.id;
    vec![Violation {
        kind,
        what: format!("{id}: {sent} prompts were sent, {prompted} are there, and {done:?} are done"),
    }]
}

/// What is wrong with an order that should have completed by itself: every step succeeded once, in order, and all other
/// results tell of a kill. What prompts became is looked at by [`unheard`].
pub(crate) fn incomplete(order: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut say = |what: String| violations.push(Violation::other(format!("{}: {what}", order.id)));
    if order.status != "completed" {
        say(format!("is {} and not completed; its last result: {:?}", order.status, order.results.last()));
    }
    let successes = order.results.iter().filter(|result| result["success"] == true);
    let done: Vec<_> = successes.map(|result| text(&result["step"])).filter(|step| !is_follow_up(step)).collect();
    if done != STEPS {
        say(format!("its steps succeeded in the order {done:?}"));
    }
    for result in order.results.iter().filter(|result| result["success"] != true) {
        if result["error_code"] != "interrupted" {
            say(format!("an attempt failed by itself: {result}"));
        }
    }
    violations
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
