//! The text of a pull request: the agent's words, and what the engine knows.

use std::fmt::Write as _;

use awo_models::{AgentWorkOrder, DiffStat, StepHistory};

/// Body of the pull request: the agent's words, then steps, change and the order's id.
pub(crate) fn pull_request_body(
    order: &AgentWorkOrder,
    history: &StepHistory,
    words: &str,
    changes: &DiffStat,
) -> String {
    let mut body = String::new();
    if !words.is_empty() {
        let _ = writeln!(body, "{words}\n");
    }
    let plan = history.iter().rev().filter(|r| r.success).find_map(|r| r.evidence.plan_file.as_deref());
    if let Some(plan) = plan {
        let _ = writeln!(body, "Plan: [`{plan}`]({plan})\n");
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
