//! What must hold of an order in the end: the checks, without any effect.

use serde_json::Value;

use crate::crash::history::{History, incomplete, text};

/// What an order should come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    /// Its cancel was acknowledged before it had ended.
    Cancelled,
    /// Nobody knows whether its cancel came in time.
    Either,
    /// It ended its workers, and failed by that.
    Lost,
}

/// Cuts in a row after which an order fails, and is not tried any more.
const CUTS: usize = 5;

/// An order as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) history: History,
    pub(super) branch: String,
    pub(super) error: String,
    pub(super) message: String,
}

/// What is wrong with an order that should have come to an end.
pub(super) fn wrong_in(order: &Stored, end: End) -> Vec<String> {
    let history = &order.history;
    let mut wrong: Vec<_> = History::of(&history.id).follow(history.clone()).iter().map(ToString::to_string).collect();
    let mut say = |what: String| wrong.push(format!("{}: {what}", history.id));
    let epochs: Vec<_> = history.events.iter().map(|event| event["epoch"].as_u64()).collect();
    if !epochs.is_sorted() {
        say(format!("the epochs of its events fall: {epochs:?}"));
    }
    let ends = history.events.iter().filter(|event| event["kind"] == "ended").count();
    if ends != 1 {
        say(format!("it ended {ends} times"));
    }
    let (status, error) = (history.status.as_str(), order.error.as_str());
    match end {
        End::Completed if status == "completed" => {}
        End::Cancelled if status == "cancelled" => {}
        End::Either if matches!(status, "cancelled" | "completed") => {}
        // Where the machine is slow, chance may cut one attempt after the other.
        End::Lost | End::Completed | End::Either if is_cut_too_often(order) => return wrong,
        _ => say(format!("it should be {end:?}, and is {status} ({error}): {}", order.message)),
    }
    if status == "completed" {
        wrong.extend(incomplete(history).iter().map(ToString::to_string));
    }
    wrong
}

/// Whether an order failed because its worker ended in each of its last attempts.
fn is_cut_too_often(order: &Stored) -> bool {
    let last: Vec<_> = order.history.results.iter().rev().take(CUTS).collect();
    let cut = last.iter().all(|result| result["error_code"] == "interrupted" && result["step"] == last[0]["step"]);
    order.history.status == "failed" && order.error == "worker_lost" && last.len() == CUTS && cut
}

/// Seconds that a worker which is told to end gives its steps.
const FINISHING: f64 = 10.0;

/// Results that tell of an attempt which was cut, though it would have ended within the time that it was given.
pub(super) fn cut_early(history: &History) -> usize {
    let cut = history.results.iter().filter(|result| result["error_code"] == "interrupted");
    cut.filter(|result| result["duration_seconds"].as_f64().is_none_or(|took| took < FINISHING)).count()
}

/// Claims beyond the first.
pub(super) fn taken_over(history: &History) -> usize {
    history.events.iter().filter(|event| event["kind"] == "claimed").count().saturating_sub(1)
}

/// What is wrong with the pull requests of an order, given the branches that all of them are for.
pub(super) fn wrong_pulls(order: &Stored, heads: &[String]) -> Option<String> {
    let count = heads.iter().filter(|head| **head == order.branch).count();
    let most_and_least = if order.history.status == "completed" { 1..=1 } else { 0..=1 };
    let is_wrong = !order.branch.is_empty() && !most_and_least.contains(&count);
    is_wrong.then(|| format!("{}: {count} pull requests are for {}", order.history.id, order.branch))
}

/// An order as the interface tells it.
pub(super) fn stored(id: &str, order: &Value, steps: &Value, events: &Value) -> Stored {
    Stored {
        history: History::read(id, steps, events),
        branch: text(&order["git_branch_name"]).to_owned(),
        error: text(&order["error_code"]).to_owned(),
        message: text(&order["error_message"]).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(status: &str, error: &str, events: &[(&str, u64)]) -> Stored {
        order_cut(status, error, events, 0)
    }

    fn order_cut(status: &str, error: &str, events: &[(&str, u64)], cuts: u64) -> Stored {
        let event =
            |(number, (kind, epoch)): (u64, &(&str, u64))| json!({"sequence": number, "kind": kind, "epoch": epoch});
        let cut = |attempt| json!({"step": "plan", "attempt": attempt, "success": false, "error_code": "interrupted"});
        let results = (1..=cuts).map(cut).collect();
        let events = (1..).zip(events).map(event).collect();
        let history = History { status: status.into(), results, events, ..History::of("a") };
        Stored { history, branch: "feat-a".into(), error: error.into(), message: String::new() }
    }

    #[test]
    fn an_order_ends_once_and_as_it_should() {
        let events = [("created", 0), ("claimed", 1), ("ended", 1)];
        assert_eq!(wrong_in(&order("cancelled", "", &events), End::Cancelled), Vec::<String>::new());
        assert!(is_cut_too_often(&order_cut("failed", "worker_lost", &events, 5)));
        assert!(!is_cut_too_often(&order_cut("failed", "worker_lost", &events, 4)));
        assert_eq!(wrong_in(&order("failed", "worker_lost", &events), End::Lost).len(), 1);
        assert_eq!(wrong_in(&order("failed", "agent_failed", &events), End::Lost).len(), 1);
        assert!(!wrong_in(&order("completed", "", &events), End::Cancelled).is_empty());
        let twice = [("created", 0), ("ended", 0), ("ended", 1)];
        assert_eq!(wrong_in(&order("cancelled", "", &twice), End::Either).len(), 1);
    }

    #[test]
    fn an_attempt_that_was_cut_had_its_time() {
        let result = |code: &str, took: f64| json!({"error_code": code, "duration_seconds": took});
        let history = |results: Vec<Value>| History { results, ..History::of("a") };
        assert_eq!(cut_early(&history(vec![result("interrupted", 10.1), result("agent_failed", 1.0)])), 0);
        assert_eq!(cut_early(&history(vec![result("interrupted", 9.9), json!({"error_code": "interrupted"})])), 2);
    }

    #[test]
    fn an_epoch_that_falls_is_seen() {
        let events = [("claimed", 1), ("claimed", 2), ("warning", 1), ("ended", 2)];
        let wrong = wrong_in(&order("cancelled", "", &events), End::Cancelled);
        assert!(wrong.len() == 1 && wrong[0].contains("epochs"), "{wrong:?}");
    }

    #[test]
    fn what_completed_has_one_pull_request_and_what_did_not_has_one_at_most() {
        let heads = |count: usize| vec!["feat-a".to_owned(); count];
        let completed = order("completed", "", &[]);
        assert!(wrong_pulls(&completed, &heads(0)).is_some() && wrong_pulls(&completed, &heads(2)).is_some());
        assert_eq!(wrong_pulls(&completed, &heads(1)), None);
        assert_eq!(wrong_pulls(&order("failed", "", &[]), &heads(0)), None);
    }
}
