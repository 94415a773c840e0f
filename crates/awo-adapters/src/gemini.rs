//! Owns the agent program `gemini`: how it is started, and what its words mean.

mod arguments;
mod parser;
#[cfg(test)]
mod tests;

use awo_engine::ports::AgentCapabilities;
use awo_models::Failure;

use crate::agent::{
    AgentCall, AgentDriver, AgentInvocation, AgentParser, DriverFacts, Earlier, Keep, LoginFile, Proof, SessionFiles,
};
use parser::GeminiParser;

/// The variable with its key.
const KEY: &str = "GEMINI_API_KEY";

/// Gemini CLI, without its screen. It says nothing of costs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gemini;

impl AgentDriver for Gemini {
    fn facts(&self) -> DriverFacts {
        let variables = [KEY, "GOOGLE_GEMINI_BASE_URL", "GOOGLE_CLOUD_PROJECT"].map(str::to_owned);
        let capabilities = AgentCapabilities { chooses_session: true, resumes: true, reports_cost: false };
        let login = |path: &str| LoginFile { path: path.into(), keep: Keep::Whole, proof: Proof::Presence };
        DriverFacts {
            variables: variables.into(),
            keys: vec![KEY.to_owned()],
            logins: vec![login(".gemini/oauth_creds.json")],
            sessions: vec![SessionFiles { below: ".gemini/tmp".into(), ending: ".jsonl".to_owned() }],
            // The service by a key and by a login, and where that is renewed.
            hosts: ["generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com"]
                .map(str::to_owned)
                .into(),
            services: vec!["GOOGLE_GEMINI_BASE_URL".to_owned()],
            setup: "install Gemini CLI and log in with `gemini`".to_owned(),
            ..DriverFacts::new("gemini", capabilities)
        }
    }

    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
        let settings = arguments::settings(call).to_string().into_bytes();
        Ok(AgentInvocation {
            args: arguments::arguments(call),
            // It would start itself again as a child of its own, to give itself more memory.
            env: vec![("GEMINI_CLI_NO_RELAUNCH".into(), "true".into())],
            stdin: call.request.prompt.clone().into_bytes(),
            files: vec![(".gemini/settings.json".into(), settings)],
            keeps_turns: true,
            keeps_cost: false,
        })
    }

    /// It counts what an execution consumes, also in a session that goes on.
    fn parser(&self, call: &AgentCall<'_>, _earlier: Earlier) -> Box<dyn AgentParser> {
        Box::new(GeminiParser::new(call.skip_permissions))
    }
}
