//! Owns the agent program `codex`: how it is started, and what its words mean.

mod arguments;
mod native;
mod parser;
#[cfg(test)]
mod tests;
mod usage;

use std::path::{Path, PathBuf};

use awo_engine::ports::AgentCapabilities;
use awo_models::Failure;

use crate::agent::{
    AgentCall, AgentDriver, AgentInvocation, AgentParser, DriverFacts, Earlier, Keep, LoginFile, Proof, SessionFiles,
};
use parser::CodexParser;

/// Codex, without its screen.
///
/// It names its sessions itself, says nothing of costs, and knows no limits; turns are counted by the use of tools.
#[derive(Debug, Clone, Copy, Default)]
pub struct Codex;

impl AgentDriver for Codex {
    fn facts(&self) -> DriverFacts {
        let keys = ["CODEX_API_KEY", "OPENAI_API_KEY"].map(str::to_owned);
        let others = ["OPENAI_BASE_URL"].map(str::to_owned);
        let capabilities = AgentCapabilities { chooses_session: false, resumes: true, reports_cost: false };
        DriverFacts {
            variables: [keys.as_slice(), &others].concat(),
            keys: keys.into(),
            logins: vec![LoginFile { path: ".codex/auth.json".into(), keep: Keep::Whole, proof: Proof::Presence }],
            sessions: vec![SessionFiles { below: ".codex/sessions".into(), ending: ".jsonl".to_owned() }],
            // The service by a key and by a login, and where that is renewed.
            hosts: ["api.openai.com", "chatgpt.com", "auth.openai.com"].map(str::to_owned).into(),
            services: vec!["OPENAI_BASE_URL".to_owned()],
            setup: "install Codex and log in with `codex login`".to_owned(),
            ..DriverFacts::new("codex", capabilities)
        }
    }

    fn behind(&self, found: &Path) -> Vec<PathBuf> {
        native::behind(found)
    }

    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
        // Without a screen it reads this variable only.
        let key = call.variable("CODEX_API_KEY").or(call.variable("OPENAI_API_KEY"));
        Ok(AgentInvocation {
            args: arguments::arguments(call),
            env: key.map(|key| ("CODEX_API_KEY".into(), key.into())).into_iter().collect(),
            stdin: call.request.prompt.clone().into_bytes(),
            files: vec![(".codex/config.toml".into(), arguments::configuration(call).into_bytes())],
            keeps_turns: false,
            keeps_cost: false,
        })
    }

    fn parser(&self, _call: &AgentCall<'_>, earlier: Earlier) -> Box<dyn AgentParser> {
        Box::new(CodexParser::new(earlier))
    }
}
