//! How orders, steps and figures look on a terminal: one settled line per finished thing, colour never the only sign.

mod ending;
mod row;
mod workers;

use awo_client::{Activity, CurrentStep, Evidence, LogEntry, StepExecutionResult as Step, StepUsage, Tokens};
use std::fmt::Write as _;

use awo_models::Timestamp;

use crate::terminal::text::pad;
use crate::terminal::{Line, first_line, inline};

pub(crate) use ending::{Ending, Place};
pub(crate) use row::order_row;
pub(crate) use workers::workers_lines;

/// Columns of what an agent does, in lines that have other things to say, too.
const ACTIVITY: usize = 60;
/// Columns of the name of a step.
const NAME: usize = 19;

/// A duration for people.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and only shown")]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 if seconds < 10.0 => format!("{:.1} s", seconds.max(0.0)),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} m", whole / 3600, whole / 60 % 60),
    }
}

/// The time between two moments, for people.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    duration(to.duration_since(from).as_secs_f64())
}

/// US dollars for people: cents, and more digits of what is less.
pub(crate) fn money(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.1 { format!("{dollars:.4} USD") } else { format!("{dollars:.2} USD") }
}

/// Tokens of all kinds together; `None` where none are known.
pub(crate) fn tokens(tokens: Option<&Tokens>) -> Option<String> {
    let Tokens { input, output, cache_read, cache_write, .. } = tokens?;
    let all = [input, output, cache_read, cache_write].into_iter().flatten().sum::<u64>();
    Some(if all < 1_000 { format!("{all} tokens") } else { format!("{}k tokens", all / 1_000) })
}

/// A number with its noun.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The end of an id by which people call an order.
pub(crate) fn tail(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

/// A line of an order's own log.
pub(crate) fn log_line(entry: &LogEntry) -> String {
    let LogEntry { timestamp, level, event, step, message, fields, .. } = entry;
    let mut line = format!("{timestamp:.3}  {level:<7}  {event}");
    if let Some(step) = step {
        let _ = write!(line, "  step={step}");
    }
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(line, "  {name}={value}");
    }
    if let Some(message) = message {
        let _ = write!(line, "  {message}");
    }
    line.replace('\n', "\n        ")
}

/// What an order waits for, and until when. One that is held waits for somebody.
pub(crate) fn waiting(waiting_for: Option<&str>, until: Option<Timestamp>) -> Option<String> {
    match (first_line(waiting_for?, 140), until) {
        (what, Some(until)) => Some(format!("for {what}, until {until:.0}")),
        (what, None) if what == HELD => Some("until somebody starts it: awo start".to_owned()),
        (what, None) => Some(format!("for {what}")),
    }
}

/// What an order waits for that is held.
pub(crate) const HELD: &str = "start";

/// The columns of a step that every line of one has: its sign, its name and a time.
fn step_columns(sign: impl FnOnce(Line) -> Line, name: &str, time: &str) -> Line {
    let name = pad(&inline(name), NAME);
    sign(Line::new().plain("  ")).plain(format!(" {name} {time:>9}   "))
}

/// The line of a settled step.
pub(crate) fn step_line(step: &Step) -> Line {
    let sign = |line: Line| match (step.success, step.error_code.as_deref()) {
        (true, _) => line.good("✔"),
        (false, Some("cancelled" | "interrupted")) => line.bad("–"),
        (false, _) => line.bad("✘"),
    };
    let name = if step.attempt > 1 { format!("{} ({})", step.step, step.attempt) } else { step.step.clone() };
    let detail = if step.success {
        achievement(step)
    } else {
        let code = step.error_code.as_deref().unwrap_or("failed");
        let exit = exit(step);
        format!("{code}{exit}: {}", first_line(step.error_message.as_deref().unwrap_or(""), 140))
    };
    let cost = step.usage.as_ref().and_then(|usage| usage.cost_usd).map(money);
    let superseded = step.superseded.then(|| "superseded".to_owned());
    let parts: Vec<_> =
        cost.into_iter().chain(superseded).chain(Some(detail)).filter(|part| !part.is_empty()).collect();
    step_columns(sign, &name, &duration(step.duration_seconds)).plain(parts.join(" · "))
}

/// How the program of a step ended, behind the class of its failure; nothing where that is not known.
fn exit(step: &Step) -> String {
    let signal = step.exit_signal.map(|signal| format!(" (signal {signal})"));
    signal.or_else(|| step.exit_code.map(|code| format!(" (exit code {code})"))).unwrap_or_default()
}

/// The line of the step at work. `sign` says that it moves.
pub(crate) fn running_line(current: &CurrentStep, sign: &str, now: Timestamp) -> Line {
    let name =
        if current.attempt > 1 { format!("{} ({})", current.step, current.attempt) } else { current.step.clone() };
    let line = step_columns(|line| line.plain(sign), &name, &span(current.started_at, now));
    let usual = current.usual.as_ref().map(|usual| format!("usually {}", duration(usual.p50_seconds)));
    let line = match (usual, current.slow_since) {
        (Some(usual), Some(_)) => line.bad(format!("slow, {usual}")),
        (None, Some(_)) => line.bad("slow"),
        (Some(usual), None) => line.plain(usual),
        (None, None) => return line.faint(activity_line(current).unwrap_or_default()),
    };
    line.faint(activity_line(current).map(|activity| format!(" · {activity}")).unwrap_or_default())
}

/// The line of an order that does nothing at present, and says why if it waits.
pub(crate) fn idle_line(waits: Option<&str>, sign: &str, time: &str) -> Line {
    match waits {
        Some(waits) => step_columns(|line| line.plain(sign), "waits", time).faint(waits),
        None => step_columns(|line| line.plain(sign), "…", ""),
    }
}

/// What the agent at work does, in one short line: the tool it used last, or else what it said, and its tokens.
pub(crate) fn activity_line(current: &CurrentStep) -> Option<String> {
    let told = |it: &Activity| match it.kind.as_str() {
        "tool_started" => {
            let (tool, detail) = (it.tool.as_deref().unwrap_or("a tool"), it.detail.as_deref().unwrap_or(""));
            Some(first_line(&format!("{tool} {detail}").replace('\n', " "), ACTIVITY))
        }
        _ => None,
    };
    let said =
        |it: &Activity| it.text.as_deref().map(|text| first_line(text, ACTIVITY)).filter(|line| !line.is_empty());
    let last = current.activity.iter().rev().find_map(told);
    let last = last.or_else(|| current.activity.iter().rev().find_map(said));
    let used = |usage: &StepUsage| tokens(usage.tokens.as_ref());
    let parts: Vec<_> = last.into_iter().chain(current.usage.as_ref().and_then(used)).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// What a step achieved: what the engine saw, where that says more than the agent's words.
fn achievement(step: &Step) -> String {
    let words = first_line(step.output.as_deref().unwrap_or(""), 80);
    let size = step.evidence.changes.as_ref().filter(|changes| changes.files_changed > 0).map(|changes| {
        let files = counted(changes.files_changed, "file");
        format!("{files}, +{} −{}", changes.lines_added, changes.lines_removed)
    });
    match (&step.evidence, size) {
        (Evidence { push: Some(push), .. }, _) if !words.starts_with("http") => {
            let commit: String = push.commit.chars().take(8).collect();
            format!("pushed {commit}; no forge is connected for a pull request")
        }
        (Evidence { plan_file: Some(plan), .. }, Some(size)) => format!("{plan} · {size}"),
        (_, Some(size)) => format!("{size} · {words}"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_does_is_one_short_line() {
        let at_work = |activity: serde_json::Value| {
            let text = serde_json::json!({
                "step": "implement", "attempt": 1, "started_at": "2026-01-01T00:00:00Z", "activity": activity,
                "agent_name": "implementor", "session_id": null, "step_number": 5, "usual": null, "slow_since": null, "usage": {
                    "agent_version": null, "cost_usd": null, "model": null, "turns": null,
                    "tokens": {"input": 40_000, "output": 1_234, "cache_read": null, "cache_write": null},
                },
            });
            activity_line(&serde_json::from_value(text).unwrap())
        };
        let did = |kind: &str, tool: Option<&str>, detail: Option<&str>, text: Option<&str>| {
            let at = "2026-01-01T00:00:01Z";
            serde_json::json!({"at": at, "kind": kind, "tool": tool, "detail": detail, "text": text, "success": null})
        };
        let said = did("text", None, None, Some("\n  I look at it.\u{1b}[2J\nAnd more"));
        let used = did("tool_started", Some("Edit"), Some("src/a\nb.rs"), None);
        let ended = did("tool_ended", None, None, None);
        assert_eq!(at_work(serde_json::json!([used, ended, said])).unwrap(), "Edit src/a b.rs · 41k tokens");
        assert_eq!(at_work(serde_json::json!([said])).unwrap(), "I look at it.\\u{1b}[2J · 41k tokens");
        assert_eq!(at_work(serde_json::json!([])).unwrap(), "41k tokens");
    }

    #[test]
    fn the_step_at_work_is_told_with_what_is_usual() {
        let line = |usual: serde_json::Value, slow_since: Option<&str>| {
            let text = serde_json::json!({
                "step": "implement", "attempt": 2, "started_at": "2026-01-01T00:00:00Z", "activity": [], "usage": null,
                "agent_name": "implementor", "session_id": null, "step_number": 5, "usual": usual, "slow_since": slow_since,
            });
            let now = "2026-01-01T00:01:12Z".parse().unwrap();
            running_line(&serde_json::from_value(text).unwrap(), "*", now).fitting(80)
        };
        let usual = serde_json::json!({"p50_seconds": 3.0, "p95_seconds": 9.0, "samples": 7});
        assert_eq!(line(usual.clone(), None), "  * implement (2)        1 m 12 s   usually 3.0 s");
        let slow = line(usual, Some("2026-01-01T00:01:00Z"));
        assert_eq!(slow, "  * implement (2)        1 m 12 s   \u{1b}[31mslow, usually 3.0 s\u{1b}[0m");
        assert_eq!(line(serde_json::Value::Null, None), "  * implement (2)        1 m 12 s   ");
    }

    #[test]
    fn durations_and_sums() {
        let shown = [-1.0, 0.04, 9.94, 10.0, 59.6, 72.0, 3_700.0].map(duration);
        assert_eq!(shown, ["0.0 s", "0.0 s", "9.9 s", "10 s", "1 m 00 s", "1 m 12 s", "1 h 01 m"]);
        assert_eq!([0.0, 0.0123, 0.25, 12.0].map(money), ["0.00 USD", "0.0123 USD", "0.25 USD", "12.00 USD"]);
        assert_eq!([tail("wo-0123456789abcdef"), tail("x")], ["89abcdef", "x"]);
    }
}
