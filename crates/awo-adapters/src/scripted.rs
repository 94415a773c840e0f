//! Owns the agent inside the process: it replays a script of effects and answers, for the demo and for tests.
//!
//! It is never a silent stand-in for a real agent: it runs only where it was asked for by name.

mod demo;
mod effects;
mod script;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentHealth, AgentProgress, AgentReport, AgentRequest};
use awo_models::{Failure, FailureCode};
use tokio_util::sync::CancellationToken;

pub use script::{Action, Script, ScriptError};

/// Plays a [`Script`]. In its texts and paths `{order}` stands for the short form of the order's id, `{step}` for the step.
#[derive(Debug, Clone)]
pub struct ScriptedAgent {
    script: Arc<Script>,
}

impl ScriptedAgent {
    /// An agent that plays a script.
    pub fn new(script: Script) -> Self {
        Self { script: script.into() }
    }

    /// An agent with a built-in script for every step of the built-in workflows. It fits any repository, as it only
    /// adds files and appends to the README, and takes about five seconds in all.
    pub fn demo() -> Self {
        Self::new(demo::script())
    }

    async fn play(&self, request: &AgentRequest) -> Result<Arc<str>, Failure> {
        let role = request.agent_name.as_str();
        let actions = self.script.actions(request.step.as_str(), request.attempt);
        // Steps that prompts become have numbers in their names.
        let actions = actions.or_else(|| self.script.actions(role, request.attempt)).ok_or_else(|| {
            let step = &request.step;
            Failure::new(
                FailureCode::AgentNoResult,
                format!("the script of the scripted agent has no step `{step}`; add it to the script"),
            )
        })?;
        let tail = request.order.tail();
        let filled = |text: &str| text.replace("{order}", &tail).replace("{step}", request.step.as_str());
        for action in actions {
            match action {
                Action::PauseMilliseconds(time) => {
                    request.progress.tell(AgentProgress::Text(format!("pauses for {time} ms").into()));
                    tokio::time::sleep(Duration::from_millis(*time)).await;
                }
                Action::Answer(text) => return Ok(filled(text).into()),
                Action::Fail { code, message } => return Err(Failure::new(*code, filled(message))),
                effect => {
                    let effect = effect.mapped(filled);
                    let (tool, detail) = effect.told();
                    request.progress.tell(AgentProgress::ToolStarted { tool: tool.into(), detail: detail.into() });
                    let root: PathBuf = request.working_dir.clone();
                    let done = tokio::task::spawn_blocking(move || effects::apply(&root, &effect)).await;
                    let done = done.unwrap_or_else(|error| Err(error.to_string()));
                    let ended = AgentProgress::ToolEnded { tool: Some(tool.into()), success: done.is_ok() };
                    request.progress.tell(ended);
                    done.map_err(|error| Failure::new(FailureCode::AgentCrashed, error))?;
                }
            }
        }
        Err(Failure::new(
            FailureCode::AgentNoResult,
            format!("the script of the scripted agent ends step `{}` without an answer", request.step),
        ))
    }
}

#[async_trait]
impl AgentExecutor for ScriptedAgent {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities { chooses_session: true, resumes: true, reports_cost: false }
    }

    async fn probe(&self) -> AgentHealth {
        AgentHealth::built_in()
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::new(FailureCode::Cancelled, "the agent was stopped as asked")),
            played = tokio::time::timeout(request.timeout, self.play(&request)) => played.unwrap_or_else(|_| {
                let time = request.timeout.as_secs_f64();
                Err(Failure::new(FailureCode::AgentTimeout, format!("the script was stopped after {time} s of work")))
            }),
        };
        AgentReport {
            answer,
            session_id: request.session.id().cloned(),
            usage: None,
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
}
