//! Owns the command line and the configuration file of `codex`.

use std::ffi::OsString;
use std::fmt::Write as _;

use awo_engine::ports::AgentSession;

use crate::agent::AgentCall;

/// The arguments of an execution. The prompt is not among them: it goes to stdin, where other users cannot read it.
///
/// Without the permission to skip its questions it works within its own sandbox, where it may write in the checkout and
/// not in `.git`. There is nobody to ask, so what is not allowed there fails.
pub(super) fn arguments(call: &AgentCall<'_>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["exec", "--json"].map(Into::into).into();
    if let Some(model) = call.request.model.as_deref() {
        arguments.extend(["--model".into(), model.into()]);
    }
    if call.skip_permissions {
        arguments.push("--dangerously-bypass-approvals-and-sandbox".into());
    } else {
        arguments.extend(["--sandbox".into(), "workspace-write".into()]);
    }
    arguments.extend_from_slice(call.more_arguments);
    if let AgentSession::Resumed(session) = &call.request.session {
        arguments.extend(["resume".into(), OsString::from(&**session)]);
    }
    arguments.push("-".into());
    arguments
}

/// The configuration file of its home.
///
/// The commands that it runs get a few plain variables, and not its key. The address of the model's service is here and
/// not among the arguments, as it may hold a login.
pub(super) fn configuration(call: &AgentCall<'_>) -> String {
    let mut file = String::new();
    if let Some(address) = call.variable("OPENAI_BASE_URL") {
        // Every string of JSON is one of TOML, but for the character that JSON may leave as it is.
        let quoted = serde_json::Value::from(address).to_string().replace('\u{7f}', "\\u007f");
        let _ = writeln!(file, "openai_base_url = {quoted}");
    }
    file.push_str("\n[shell_environment_policy]\ninherit = \"core\"\n");
    file
}
