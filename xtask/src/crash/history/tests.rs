use serde_json::{Value, json};

use super::*;

fn result(step: &str, attempt: u32, success: bool) -> Value {
    json!({"step": step, "attempt": attempt, "success": success, "output": "said", "superseded": false,
        "error_code": if success { Value::Null } else { "interrupted".into() }})
}

/// A reading with these results, and the events that belong to them.
fn reading(status: &str, results: &[Value]) -> (Value, Value) {
    let mut events = vec![json!({"kind": "created"}), json!({"kind": "claimed", "data": {"worker": "awo-1"}})];
    for result in results {
        let data = json!({"step": result["step"], "attempt": result["attempt"]});
        events.push(json!({"kind": "step_started", "data": data}));
        events.push(json!({"kind": "step_finished", "data": data}));
    }
    number(&mut events);
    (json!({"status": status, "steps": results}), Value::Array(events))
}

fn number(events: &mut [Value]) {
    for (event, number) in events.iter_mut().zip(1..) {
        event["sequence"] = number.into();
    }
}

fn history(status: &str, results: &[Value]) -> History {
    let (steps, events) = reading(status, results);
    History::read("wo-1", &steps, &events)
}

/// What follows when one reading comes after another.
fn followed(mut before: History, after: History) -> Vec<(Kind, String)> {
    before.follow(after).into_iter().map(|violation| (violation.kind, violation.what)).collect()
}

#[track_caller]
fn assert_broken(found: &[(Kind, String)], kind: Kind, words: &str) {
    assert!(found.iter().any(|(found, what)| *found == kind && what.contains(words)), "{found:#?}");
}

#[test]
fn a_history_that_grows_is_good() {
    let first = [result("classify", 1, true)];
    let mut second = vec![result("classify", 1, true), result("plan", 1, false), result("plan", 2, true)];
    second[1]["superseded"] = true.into();
    assert_eq!(followed(History::of("wo-1"), history("pending", &[])), []);
    assert_eq!(followed(history("running", &first), history("running", &second)), []);
}

#[test]
fn a_result_that_is_gone_or_changed_is_lost() {
    let before = [result("classify", 1, true), result("plan", 1, true)];
    let found = followed(history("running", &before), history("running", &before[..1]));
    assert_broken(&found, Kind::Lost, "result 2 was read and is not there any more");
    assert_broken(&found, Kind::Lost, "event 6 was read");
    let mut changed = before.clone();
    changed[0]["output"] = "something else".into();
    let found = followed(history("running", &before), history("running", &changed));
    assert_broken(&found, Kind::Lost, "result 1 was");
}

#[test]
fn a_result_before_those_that_were_read_moves_them() {
    let before = [result("plan", 1, true)];
    let after = [result("classify", 1, true), result("plan", 1, true)];
    assert_broken(&followed(history("running", &before), history("running", &after)), Kind::Lost, "result 1 was");
}

#[test]
fn an_attempt_has_one_result_and_a_step_one_success() {
    let twice = [result("plan", 1, false), result("plan", 1, true)];
    let found = followed(History::of("wo-1"), history("running", &twice));
    assert_broken(&found, Kind::Repeated, "plan has two results of attempt 1");
    let again = [result("plan", 1, true), result("plan", 2, true)];
    let found = followed(History::of("wo-1"), history("running", &again));
    assert_broken(&found, Kind::Repeated, "plan ran again");
}

#[test]
fn a_gap_or_a_double_among_the_events_is_noticed() {
    for change in [3, 1] {
        let mut read = history("running", &[]);
        read.events[1]["sequence"] = change.into();
        assert_broken(&followed(History::of("wo-1"), read), Kind::Other, "event 2 has the number");
    }
}

#[test]
fn a_result_has_its_event_and_attempts_do_not_overlap() {
    let results = [result("classify", 1, true), result("plan", 1, true)];
    let mut read = history("running", &results);
    read.events.truncate(4);
    assert_broken(&followed(History::of("wo-1"), read), Kind::Other, "2 results could be read, and 1 events");
    let mut read = history("running", &results);
    read.events.remove(3);
    number(&mut read.events);
    assert_broken(&followed(History::of("wo-1"), read), Kind::Other, "had no result");
}

#[test]
fn what_has_ended_stays_so() {
    let found = followed(history("completed", &[]), history("running", &[]));
    assert_broken(&found, Kind::Other, "was completed and is running");
}

#[test]
fn the_owner_is_who_claimed_last() {
    let mut read = history("running", &[]);
    assert!(read.is_owned_by("awo-1"));
    read.events.push(json!({"kind": "claimed", "data": {"worker": "awo-2"}}));
    assert!(read.is_owned_by("awo-2"));
    assert!(!read.is_owned_by("awo-1"));
    assert!(!History::of("wo-1").is_owned_by("awo-1"));
}

#[test]
fn a_completed_order_has_every_step_once_and_no_failure_of_its_own() {
    let mut results: Vec<_> = STEPS.iter().map(|step| result(step, 1, true)).collect();
    results.insert(4, result("implement", 1, false));
    results[5]["attempt"] = 2.into();
    assert_eq!(incomplete(&history("completed", &results)), []);
    let broken = |order: &History| incomplete(order).iter().map(ToString::to_string).collect::<String>();
    assert!(broken(&history("failed", &results)).contains("is failed and not completed"));
    assert!(broken(&history("completed", &results[1..])).contains("succeeded in the order"));
    results[4]["error_code"] = "agent_failed".into();
    assert!(broken(&history("completed", &results)).contains("failed by itself"));
}

#[test]
fn prompts_that_were_sent_are_there_once_and_done_once() {
    let order = |prompted: usize, done: &[&str]| {
        let results: Vec<_> = done.iter().map(|step| result(step, 1, true)).collect();
        let mut order = history("completed", &results);
        order.events.extend((0..prompted).map(|_| json!({"kind": "prompted"})));
        order
    };
    assert_eq!(unheard(&order(2, &["prompt-1", "commit", "prompt-2"]), 2), []);
    let kind = |order: &History, sent| unheard(order, sent).pop().unwrap().kind;
    assert_eq!(kind(&order(1, &["prompt-1"]), 2), Kind::Lost);
    assert_eq!(kind(&order(1, &[]), 1), Kind::Lost, "acknowledged, and never done");
    assert_eq!(kind(&order(2, &["prompt-1", "prompt-2"]), 1), Kind::Repeated);
}

#[test]
fn only_a_prompt_opens_an_order_that_has_ended() {
    let (before, mut after) = (history("completed", &[]), history("running", &[]));
    assert_broken(&followed(before.clone(), after.clone()), Kind::Other, "was completed and is running");
    after.events.push(json!({"kind": "prompted", "sequence": 3}));
    assert_eq!(followed(before, after), []);
}
