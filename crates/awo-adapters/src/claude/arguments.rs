//! Owns the command line of `claude`.

use std::ffi::OsString;

use awo_engine::ports::AgentSession;

use crate::agent::{AgentCall, usd};

/// The arguments of an execution. The prompt is not among them: it goes to stdin, where other users cannot read it.
///
/// `--setting-sources user --strict-mcp-config` keeps the repository's own hooks and MCP servers from being run, which
/// print mode would otherwise do unasked.
pub(super) fn arguments(call: &AgentCall<'_>) -> Vec<OsString> {
    let request = call.request;
    let mut arguments: Vec<OsString> =
        ["--print", "--output-format", "stream-json", "--verbose"].map(Into::into).into();
    let mut option = |name: &str, value: &str| arguments.extend([name.into(), value.into()]);
    if let Some(model) = &request.model {
        option("--model", model);
    }
    match &request.session {
        AgentSession::New(Some(session_id)) => option("--session-id", session_id),
        AgentSession::New(None) => {}
        AgentSession::Resumed(session_id) => option("--resume", session_id),
    }
    option("--setting-sources", "user");
    if let Some(turns) = request.max_turns {
        option("--max-turns", &turns.to_string());
    }
    if let Some(nanousd) = request.max_cost_nanousd {
        option("--max-budget-usd", &usd(nanousd));
    }
    arguments.push("--strict-mcp-config".into());
    if call.skip_permissions {
        arguments.push("--dangerously-skip-permissions".into());
    }
    arguments.extend_from_slice(call.more_arguments);
    arguments
}
