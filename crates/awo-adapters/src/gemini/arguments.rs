//! Owns the command line and the settings of `gemini`.

use std::ffi::OsString;

use awo_engine::ports::AgentSession;
use serde_json::{Value, json};

use super::KEY;
use crate::agent::AgentCall;

/// The arguments of an execution. The prompt is not among them: it goes to stdin, where other users cannot read it.
///
/// It does not work in a directory that it does not trust. What is skipped is the question: settings, hooks and servers
/// of the repository are still not used.
pub(super) fn arguments(call: &AgentCall<'_>) -> Vec<OsString> {
    let request = call.request;
    let mut arguments: Vec<OsString> = ["--output-format", "stream-json", "--skip-trust"].map(Into::into).into();
    let mut option = |name: &str, value: &str| arguments.extend([name.into(), value.into()]);
    if let Some(model) = &request.model {
        option("--model", model);
    }
    match &request.session {
        AgentSession::New(Some(session)) => option("--session-id", session),
        AgentSession::New(None) => {}
        AgentSession::Resumed(session) => option("--resume", session),
    }
    if call.skip_permissions {
        arguments.push("--yolo".into());
    }
    arguments.extend_from_slice(call.more_arguments);
    arguments
}

/// The settings of its home: how it logs in, and how many turns it has.
pub(super) fn settings(call: &AgentCall<'_>) -> Value {
    let login = if call.variable(KEY).is_some() { "gemini-api-key" } else { "oauth-personal" };
    let mut settings = json!({
        // Without it, another address than the usual one counts as a way to log in that it then refuses.
        "security": {"auth": {"selectedType": login}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false, "disableAutoUpdate": true},
    });
    if let Some(turns) = call.request.max_turns {
        settings["model"] = json!({"maxSessionTurns": turns});
    }
    settings
}
