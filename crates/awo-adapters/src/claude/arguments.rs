//! Owns the command line of `claude`.

use std::ffi::OsString;

use awo_engine::ports::{AgentRequest, AgentSession};

use super::ClaudeConfig;

/// The arguments of an execution. The prompt is not among them: it goes to stdin, where other users cannot read it.
///
/// `--setting-sources user --strict-mcp-config` keeps the repository's own hooks and MCP servers from being run, which
/// print mode would otherwise do unasked.
pub(super) fn arguments(config: &ClaudeConfig, request: &AgentRequest) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--print", "--output-format", "stream-json", "--verbose"].map(Into::into).into();
    let mut option = |name: &str, value: &str| arguments.extend([name.into(), value.into()]);
    if let Some(model) = request.model.as_deref().or(config.model.as_deref()) {
        option("--model", model);
    }
    if let AgentSession::New(Some(session_id)) = &request.session {
        option("--session-id", session_id);
    }
    option("--setting-sources", "user");
    if let Some(turns) = request.max_turns.or(config.max_turns) {
        option("--max-turns", &turns.to_string());
    }
    if let Some(nanousd) = request.max_cost_nanousd {
        option("--max-budget-usd", &usd(nanousd));
    }
    arguments.push("--strict-mcp-config".into());
    if config.skip_permissions {
        arguments.push("--dangerously-skip-permissions".into());
    }
    arguments
}

/// Billionths of a dollar as a decimal number of dollars, exactly.
fn usd(nanousd: u64) -> String {
    let text = format!("{}.{:09}", nanousd / 1_000_000_000, nanousd % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::usd;

    #[test]
    fn money_is_written_exactly() {
        for (nanousd, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (20_000_000_000, "20"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(usd(nanousd), text);
        }
    }
}
