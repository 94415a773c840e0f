//! The text of a pull request: the agent's words, and what the engine knows.

use std::fmt::Write as _;
use std::sync::Arc;

use awo_models::{AgentWorkOrder, DiffStat, StepHistory};

/// Characters of the agent's words: forges refuse longer texts altogether.
const WORDS: usize = 40_000;
/// Flagged files that are named.
const NAMED: usize = 50;

/// Title of the pull request: `<feat|bug|chore>: #<n> - <title>`, without what is not known.
pub(crate) fn pull_request_title(issue_class: Option<&str>, issue_number: Option<&str>, words: &str) -> String {
    let kind = issue_class.map(|class| match class {
        "bug" => "bug",
        "chore" => "chore",
        _ => "feat",
    });
    let mut title = String::new();
    if let Some(kind) = kind.filter(|kind| !words.starts_with(&format!("{kind}:"))) {
        let _ = write!(title, "{kind}: ");
    }
    if let Some(number) = issue_number.filter(|number| !words.contains(&format!("#{number}"))) {
        let _ = write!(title, "#{number} - ");
    }
    title + words
}

/// Body of the pull request: the agent's words, then plan, flagged files, steps, change and the order's id.
pub(crate) fn pull_request_body(
    order: &AgentWorkOrder,
    history: &StepHistory,
    words: &str,
    changes: &DiffStat,
    flagged: &[Arc<str>],
) -> String {
    let mut body: String = words.chars().take(WORDS).collect();
    if !body.is_empty() {
        body.push_str("\n\n");
    }
    let plan = history.iter().rev().filter(|r| r.success).find_map(|r| r.evidence.plan_file.as_deref());
    if let Some(plan) = plan {
        let shown = code(plan);
        let _ = match web_address(order, plan) {
            Some(address) => writeln!(body, "Plan: [{shown}]({address})\n"),
            None => writeln!(body, "Plan: {shown}\n"),
        };
    }
    if !flagged.is_empty() {
        let names: Vec<_> = flagged.iter().take(NAMED).map(|path| code(path)).collect();
        let more = flagged.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ =
            writeln!(body, "**Read these files first: they tell machines what to run.** {}{more}\n", names.join(", "));
    }
    let _ = writeln!(body, "| step | agent | seconds |\n|---|---|---|");
    for result in history.iter().filter(|r| r.success) {
        let _ = writeln!(body, "| {} | {} | {:.1} |", result.step, result.agent_name, result.duration.as_secs_f64());
    }
    let _ = writeln!(
        body,
        "\n{} commits, {} files, +{} −{}",
        changes.commits,
        changes.files.len(),
        changes.lines_added,
        changes.lines_removed
    );
    if let Some(issue) = &order.state.issue {
        let _ = writeln!(body, "\nCloses #{}", issue.number);
    }
    let _ = writeln!(body, "\nAgent work order `{}`", order.agent_work_order_id);
    body
}

/// A path as code, whatever is in it: names of files are an agent's words.
fn code(path: &str) -> String {
    let plain: String = path.chars().map(|c| if c.is_control() || c == '`' { '\u{FFFD}' } else { c }).collect();
    format!("`{plain}`")
}

/// Where a person can read a file of the order's branch, for remotes that have pages.
fn web_address(order: &AgentWorkOrder, path: &str) -> Option<String> {
    let repository = order.spec.repository_url.strip_prefix("https://")?.trim_end_matches('/').trim_end_matches(".git");
    let branch = order.state.git_branch_name.as_deref()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let path = path.bytes().fold(String::new(), |mut text, byte| {
        let _ = if plain(byte) { write!(text, "{}", char::from(byte)) } else { write!(text, "%{byte:02X}") };
        text
    });
    Some(format!("https://{repository}/blob/{branch}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_have_what_is_known_and_nothing_twice() {
        for (class, number, words, title) in [
            (Some("feature"), Some("42"), "Add greeting", "feat: #42 - Add greeting"),
            (Some("bug"), None, "Fix crash", "bug: Fix crash"),
            (None, Some("7"), "Tidy up", "#7 - Tidy up"),
            (None, None, "Tidy up", "Tidy up"),
            (Some("chore"), Some("7"), "chore: tidy up (#7)", "chore: tidy up (#7)"),
        ] {
            assert_eq!(pull_request_title(class, number, words), title);
        }
    }

    #[test]
    fn a_path_cannot_leave_its_marks() {
        assert_eq!(code("a`b\n# c"), "`a\u{FFFD}b\u{FFFD}# c`");
    }
}
