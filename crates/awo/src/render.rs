//! How things look on a terminal: one settled line per finished thing, colour never the only sign.

use awo_client::{
    Activity, AgentWorkOrder as Order, CurrentStep, Evidence, LogEntry, StepExecutionResult as Step, Tokens,
};
use std::fmt::Write as _;
use std::path::Path;

use anstream::stream::IsTerminal as _;
use awo_models::{FailureCode, Timestamp};

/// Text from elsewhere with its control characters made visible, so that it can do nothing to the terminal.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if steers(c) => _ = write!(shown, "{}", c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a terminal may obey a character instead of showing it: controls, and marks that turn the direction of text.
pub(crate) fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first line that says something, shortened.
pub(crate) fn first_line(text: &str, width: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let line = visible(line).replace('\t', " ");
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A duration for people.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and only shown")]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} m", whole / 3600, whole / 60 % 60),
    }
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
    visible(&line).replace('\n', "\n        ")
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

/// The line of a settled step.
pub(crate) fn step_line(step: &Step) -> String {
    let mark = match (step.success, step.error_code.as_deref()) {
        (true, _) => "✔",
        (false, Some("cancelled" | "interrupted")) => "–",
        (false, _) => "✘",
    };
    let name = if step.attempt > 1 { format!("{} ({})", step.step, step.attempt) } else { step.step.clone() };
    let detail = if step.success {
        achievement(step)
    } else {
        let code = step.error_code.as_deref().unwrap_or("failed");
        let exit = exit(step);
        first_line(&format!("{code}{exit}: {}", step.error_message.as_deref().unwrap_or("")), 140)
    };
    let note = if step.superseded { "  (superseded)" } else { "" };
    format!("  {} {name:<19} {:>9}   {detail}{note}", paint(mark, step.success), duration(step.duration_seconds))
}

/// How the program of a step ended, behind the class of its failure; nothing where that is not known.
fn exit(step: &Step) -> String {
    let signal = step.exit_signal.map(|signal| format!(" (signal {signal})"));
    signal.or_else(|| step.exit_code.map(|code| format!(" (exit code {code})"))).unwrap_or_default()
}

/// What the agent at work does, in one short line: the tool it used last, or else what it said, and its tokens.
pub(crate) fn activity_line(current: &CurrentStep) -> Option<String> {
    let told = |it: &Activity| match it.kind.as_str() {
        "tool_started" => {
            let (tool, detail) = (it.tool.as_deref().unwrap_or("a tool"), it.detail.as_deref().unwrap_or(""));
            Some(first_line(&format!("{tool} {detail}").replace('\n', " "), 60))
        }
        _ => None,
    };
    let said = |it: &Activity| it.text.as_deref().map(|text| first_line(text, 60)).filter(|line| !line.is_empty());
    let last = current.activity.iter().rev().find_map(told);
    let last = last.or_else(|| current.activity.iter().rev().find_map(said));
    let tokens = current.usage.as_ref().and_then(|usage| usage.tokens.clone()).map(|tokens| {
        let Tokens { input, output, cache_read, cache_write, .. } = tokens;
        let all = [input, output, cache_read, cache_write].into_iter().flatten().sum::<u64>();
        if all < 1_000 { format!("{all} tokens") } else { format!("{}k tokens", all / 1_000) }
    });
    let parts: Vec<_> = last.into_iter().chain(tokens).collect();
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
        (Evidence { plan_file: Some(plan), .. }, Some(size)) => format!("{} · {size}", visible(plan)),
        (_, Some(size)) => format!("{size} · {words}"),
        _ => words,
    }
}

fn paint(mark: &str, success: bool) -> String {
    let color = if success { anstyle("32") } else { anstyle("31") };
    format!("{color}{mark}{}", anstyle("0"))
}

fn anstyle(code: &str) -> String {
    format!("\u{1b}[{code}m")
}

/// The end of an order, as a paragraph. `artifacts` is where the data directory keeps them, if they stay.
pub(crate) fn ending(order: &Order, steps: &[Step], artifacts: Option<&Path>) -> String {
    let mut text = String::new();
    let took = match (order.started_at, order.completed_at) {
        (Some(began), Some(ended)) => format!(" in {}", duration(ended.duration_since(began).as_secs_f64())),
        _ => String::new(),
    };
    let _ = writeln!(text, "  {}{took} · {} of {} steps", order.status, order.steps_completed, order.total_steps);
    if let Some(message) = &order.error_message {
        let code = order.error_code.as_deref().unwrap_or("failed");
        let _ = writeln!(text, "  {code}: {}", visible(message));
        if let Ok(class) = serde_json::from_value::<FailureCode>(code.into()) {
            let _ = writeln!(text, "    {}", class.advice());
        }
    }
    if let Some(failed) = steps.last().filter(|step| !step.success)
        && let Some(words) = &failed.output
    {
        let _ = writeln!(text, "    its last words: {:?}", first_line(words, 100));
    }
    if matches!(order.status.as_str(), "failed" | "cancelled") {
        let tail = &order.agent_work_order_id[order.agent_work_order_id.len().saturating_sub(8)..];
        let _ = writeln!(text, "    next: awo retry {tail}      goes on from the first step that is not done");
        let _ = writeln!(text, "          awo prompt {tail} \"…\" tells the agent what is missing, then goes on");
    }
    if let Some(branch) = &order.git_branch_name {
        let _ = writeln!(
            text,
            "  branch   {}   {}, {}, +{} −{}",
            visible(branch),
            counted(order.git_commit_count, "commit"),
            counted(order.git_files_changed, "file"),
            order.git_lines_added,
            order.git_lines_removed
        );
    }
    let kept = steps.iter().flat_map(|step| &step.artifacts).find(|name| name.ends_with("pull-request.md"));
    match (&order.github_pull_request_url, kept.zip(artifacts)) {
        (Some(url), _) => _ = writeln!(text, "  pull request   {}", visible(url)),
        (None, Some((name, artifacts))) => {
            let id = &order.agent_work_order_id;
            let place = artifacts.join(&id[id.len().saturating_sub(2)..]).join(id).join(name);
            _ = writeln!(text, "  text     of a pull request: {}", place.display());
        }
        (None, None) => {}
    }
    if let Some(cost) = order.cost_usd {
        let _ = writeln!(text, "  cost     {cost:.4} USD");
    }
    text
}

/// A number with its noun.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Whether standard output is a terminal that a spinner may move on.
pub(crate) fn moves() -> bool {
    std::io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_does_nothing_to_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(first_line("\n\n  x\ty \nz", 10), "x y");
        assert_eq!(first_line("abcdef", 4), "abc…");
    }

    #[test]
    fn what_an_agent_does_is_one_short_line() {
        let at_work = |activity: serde_json::Value| {
            let text = serde_json::json!({
                "step": "implement", "attempt": 1, "started_at": "2026-01-01T00:00:00Z", "activity": activity,
                "agent_name": "implementor", "session_id": null, "step_number": 5, "usage": {
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
    fn durations() {
        let shown = [0.04, 9.94, 10.0, 59.6, 72.0, 3_700.0].map(duration);
        assert_eq!(shown, ["0.0 s", "9.9 s", "10 s", "1 m 00 s", "1 m 12 s", "1 h 01 m"]);
    }
}
