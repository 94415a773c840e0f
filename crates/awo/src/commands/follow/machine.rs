//! A program that reads: one JSON object a line, for each thing that happened.

use awo_client::CurrentStep;
use awo_models::EventKind;
use serde_json::{Value, json};

use super::{Audience, Seen};
use crate::orders::print_json_line;

/// A program, and what was told already.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// Results that were told.
    told: usize,
    state: Value,
}

/// Prints what happened, with what belongs to it as the API has it.
pub(crate) fn tell(event: &str, data: &Value) {
    print_json_line(&json!({"event": event, "data": data}));
}

impl Audience for Machine {
    fn kinds(&self) -> Vec<&'static str> {
        std::iter::once("state").chain(EventKind::WORDS).collect()
    }

    fn take(&mut self, seen: &Seen) {
        let steps = seen.raw["steps"].as_array().map_or(&[][..], Vec::as_slice);
        for step in steps.iter().skip(self.told) {
            tell("step", step);
        }
        self.told = steps.len();
        let state = state(&seen.raw);
        if state != self.state {
            tell("state", &state);
            self.state = state;
        }
    }

    /// What an agent does changes many times a second; the stream `/events` tells it.
    fn works(&mut self, _: Option<CurrentStep>) {}

    fn lost(&mut self) {
        tell("lost", &json!({}));
    }

    fn done(&mut self) {}

    fn moves(&self) -> bool {
        false
    }

    fn moment(&mut self) {}
}

/// How an order is, without its results and without what changes all the time.
fn state(raw: &Value) -> Value {
    let mut state = raw.clone();
    if let Some(fields) = state.as_object_mut() {
        fields.retain(|name, _| name != "steps" && name != "version");
    }
    if let Some(current) = state["current_step"].as_object_mut() {
        current.retain(|name, _| name != "activity" && name != "usage");
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_the_same_while_nothing_but_work_is_done() {
        let raw = |did: &str, version: u64| {
            json!({
                "status": "running", "version": version, "steps": [did],
                "current_step": {"step": "plan", "attempt": 1, "activity": [did], "usage": did},
            })
        };
        let expected = json!({"status": "running", "current_step": {"step": "plan", "attempt": 1}});
        assert_eq!([state(&raw("a", 1)), state(&raw("b", 2))], [expected.clone(), expected]);
    }
}
