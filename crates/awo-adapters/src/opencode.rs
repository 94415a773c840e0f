//! Owns the agent program `opencode`: how it is started, and what its words mean.

mod parser;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use awo_engine::ports::{AgentCapabilities, AgentSession};
use awo_models::Failure;

use crate::agent::{
    AgentCall, AgentDriver, AgentInvocation, AgentParser, DriverFacts, Earlier, Keep, LoginFile, Proof, SessionFiles,
};
use parser::OpenCodeParser;

/// `opencode`, without its screen. It names its sessions itself, and knows no limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenCode;

impl AgentDriver for OpenCode {
    fn facts(&self) -> DriverFacts {
        let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"].map(str::to_owned);
        let capabilities = AgentCapabilities { chooses_session: false, resumes: true, reports_cost: true };
        // The rest of that directory is logs, and snapshots that hold settings of git.
        let database = |ending: &str| SessionFiles { below: ".local/share/opencode".into(), ending: ending.to_owned() };
        DriverFacts {
            // A provider of the operator's own, with its key, is described in the last one.
            variables: [keys.as_slice(), &["OPENCODE_CONFIG_CONTENT".to_owned()]].concat(),
            keys: [keys.as_slice(), &["OPENCODE_CONFIG_CONTENT".to_owned()]].concat(),
            logins: vec![LoginFile {
                path: ".local/share/opencode/auth.json".into(),
                keep: Keep::Whole,
                proof: Proof::Presence,
            }],
            sessions: vec![database(".db"), database(".db-wal")],
            setup: "install OpenCode and log in with `opencode auth login`".to_owned(),
            ..DriverFacts::new("opencode", capabilities)
        }
    }

    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
        let quiet = [
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            // A repository may bring settings that run programs, and plugins, which are programs.
            ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
            ("OPENCODE_PURE", "1"),
        ];
        Ok(AgentInvocation {
            args: arguments(call),
            env: quiet.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: call.request.prompt.clone().into_bytes(),
            ..AgentInvocation::default()
        })
    }

    /// It counts what each turn consumes.
    fn parser(&self, _call: &AgentCall<'_>, _earlier: Earlier) -> Box<dyn AgentParser> {
        Box::new(OpenCodeParser::default())
    }
}

/// The arguments of an execution. The prompt is not among them: it goes to stdin, where other users cannot read it.
///
/// Without the permission to skip its questions it may write in the checkout; what leads out of it is refused.
fn arguments(call: &AgentCall<'_>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["run", "--format", "json"].map(Into::into).into();
    if let Some(model) = call.request.model.as_deref() {
        arguments.extend(["--model".into(), model.into()]);
    }
    if let AgentSession::Resumed(session) = &call.request.session {
        arguments.extend(["--session".into(), OsString::from(&**session)]);
    }
    if call.skip_permissions {
        arguments.push("--auto".into());
    }
    arguments.extend_from_slice(call.more_arguments);
    arguments
}
