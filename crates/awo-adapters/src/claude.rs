//! Owns the agent program `claude`: how it is started, and what its words mean.

mod arguments;
mod failure;
mod parser;
#[cfg(test)]
mod tests;
mod usage;

use awo_engine::ports::AgentCapabilities;
use awo_models::Failure;

pub(crate) use parser::ClaudeParser;

use crate::agent::{
    AgentCall, AgentDriver, AgentInvocation, AgentParser, DriverFacts, Earlier, Keep, LoginFile, Proof, SessionFiles,
};

/// What is taken over from the operator's `.claude.json`. The rest tells of other projects and their servers.
const ACCOUNT: [&str; 4] = ["hasCompletedOnboarding", "oauthAccount", "primaryApiKey", "userID"];

/// Claude Code.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claude;

impl AgentDriver for Claude {
    fn facts(&self) -> DriverFacts {
        let keys = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"].map(str::to_owned);
        let others = ["ANTHROPIC_BASE_URL", "CLAUDE_CODE_MAX_RETRIES", "API_TIMEOUT_MS"].map(str::to_owned);
        let capabilities = AgentCapabilities { chooses_session: true, resumes: true, reports_cost: true };
        DriverFacts {
            variables: [keys.as_slice(), &others].concat(),
            keys: keys.into(),
            logins: vec![
                LoginFile { path: ".claude/.credentials.json".into(), keep: Keep::Whole, proof: Proof::Presence },
                LoginFile {
                    path: ".claude.json".into(),
                    keep: Keep::Fields(ACCOUNT.map(str::to_owned).into()),
                    proof: Proof::Field("primaryApiKey".to_owned()),
                },
            ],
            sessions: vec![SessionFiles { below: ".claude/projects".into(), ending: ".jsonl".to_owned() }],
            // The service, and where a login is renewed.
            hosts: ["api.anthropic.com", "console.anthropic.com", "platform.claude.com"].map(str::to_owned).into(),
            services: vec!["ANTHROPIC_BASE_URL".to_owned()],
            setup: "install Claude Code and log in with `claude`".to_owned(),
            ..DriverFacts::new("claude", capabilities)
        }
    }

    fn invocation(&self, call: &AgentCall<'_>) -> Result<AgentInvocation, Failure> {
        let quiet = [
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            // They would keep the program alive after its answer, and give it a second one.
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
        ];
        // As the superuser it refuses to skip permissions unless it is told this.
        let sandbox = (call.skip_permissions && call.as_root).then_some(("IS_SANDBOX", "1"));
        Ok(AgentInvocation {
            args: arguments::arguments(call),
            env: quiet.into_iter().chain(sandbox).map(|(name, value)| (name.into(), value.into())).collect(),
            stdin: call.request.prompt.clone().into_bytes(),
            files: Vec::new(),
            keeps_turns: true,
            keeps_cost: true,
        })
    }

    /// What the session consumed earlier is not needed: either there are figures of the last turn alone, or totals of
    /// the process.
    fn parser(&self, _call: &AgentCall<'_>, _earlier: Earlier) -> Box<dyn AgentParser> {
        Box::new(ClaudeParser::default())
    }
}
