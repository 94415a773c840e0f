//! How things look on a terminal: one settled line per finished thing, colour never the only sign.

use std::fmt::Write as _;
use std::path::Path;

use anstream::stream::IsTerminal as _;
use awo_models::{FailureCode, Timestamp};

use crate::wire::{Evidence, Order, Step};

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

/// What an order waits for, and until when.
pub(crate) fn waiting(waiting_for: Option<&str>, until: Option<Timestamp>) -> Option<String> {
    Some(format!("for {}, until {:.0}", first_line(waiting_for?, 140), until?))
}

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
        first_line(&format!("{code}: {}", step.error_message.as_deref().unwrap_or("")), 140)
    };
    let note = if step.superseded { "  (superseded)" } else { "" };
    format!("  {} {name:<19} {:>9}   {detail}{note}", paint(mark, step.success), duration(step.duration_seconds))
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
    fn durations() {
        let shown = [0.04, 9.94, 10.0, 59.6, 72.0, 3_700.0].map(duration);
        assert_eq!(shown, ["0.0 s", "9.9 s", "10 s", "1 m 00 s", "1 m 12 s", "1 h 01 m"]);
    }
}
