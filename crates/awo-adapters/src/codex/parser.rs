//! Owns the meaning of `codex`'s lines: a pure fold over them, settled by how the program ended.
//!
//! Commands that its sandbox refuses leave no trace in the lines. What it did, only the checkout tells.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode, Usage};
use serde_json::Value;

use super::usage;
use crate::agent::{
    AgentOutcome, AgentParser, Earlier, ProgramEnd, answered, clip, code_of_status, detail, name, object, status_in,
    text, without_result,
};

/// Reads lines as they come. What is not known is passed over; what is no object is counted.
#[derive(Debug)]
pub(super) struct CodexParser {
    earlier: Earlier,
    thread: Option<Arc<str>>,
    /// What it said last in this turn.
    said: Option<String>,
    /// How the last turn that ended did so: with these words, or with this error.
    turn: Option<Result<Option<String>, String>>,
    working: bool,
    total: Option<Usage>,
    /// The tools whose use has begun, by their items.
    begun: Vec<Arc<str>>,
    skipped: u64,
}

impl CodexParser {
    pub(super) fn new(earlier: Earlier) -> Self {
        Self {
            earlier,
            thread: None,
            said: None,
            turn: None,
            working: false,
            total: None,
            begun: Vec::new(),
            skipped: 0,
        }
    }

    fn item(&mut self, kind: &str, item: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        let ended = kind == "item.completed";
        match text(item, "type") {
            Some("agent_message") if ended => {
                let said = text(item, "text").unwrap_or_default();
                tell(AgentProgress::Text(said.into()));
                self.said = Some(said.to_owned());
            }
            // Thoughts are no words, errors here are warnings, and a plan is no work.
            Some("agent_message" | "reasoning" | "error" | "todo_list") | None => {}
            Some(tool) => self.tool(tool, ended, item, tell),
        }
    }

    /// Some tools are only told of when their use has ended.
    fn tool(&mut self, tool: &str, ended: bool, item: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        let Some(id) = name(item, "id") else {
            return;
        };
        let known = self.begun.iter().position(|begun| *begun == id);
        if known.is_none() {
            let detail = match text(item, "tool") {
                Some(called) => called.into(),
                None => detail(Some(item)),
            };
            tell(AgentProgress::ToolStarted { tool: tool.into(), detail });
        }
        match (known, ended) {
            (Some(at), true) => drop(self.begun.swap_remove(at)),
            // As many at once as nobody uses; more are not remembered.
            (None, false) if self.begun.len() < 1000 => self.begun.push(id),
            _ => {}
        }
        if ended {
            let success = text(item, "status") == Some("completed");
            tell(AgentProgress::ToolEnded { tool: Some(tool.into()), success });
        }
    }

    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        match &self.turn {
            None => Err(without_result("codex", end, self.skipped)),
            Some(Err(error)) => Err(Failure::new(code_of(error), format!("codex failed: {}", clip(error)))),
            Some(Ok(said)) => answered("codex", end, said.as_deref()),
        }
    }
}

impl AgentParser for CodexParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = object(line) else {
            return self.skip();
        };
        match text(&line, "type") {
            Some("thread.started") => self.thread = self.thread.take().or_else(|| name(&line, "thread_id")),
            Some("turn.started") => {
                self.working = true;
                self.said = None;
            }
            Some(kind @ ("item.started" | "item.updated" | "item.completed")) => {
                if let Some(item) = line.get("item") {
                    self.item(kind, item, tell);
                }
            }
            // Most are of calls that it tries again. One that is not ends the turn, which says so itself.
            Some("error") => {
                let reason = text(&line, "message").unwrap_or("an error without words");
                tell(AgentProgress::Retry { reason: reason.into() });
            }
            Some("turn.completed") => {
                self.working = false;
                self.turn = Some(Ok(self.said.take()));
                if let Some(total) = line.get("usage").and_then(usage::total) {
                    if let Some(used) = usage::since(&self.earlier, &total) {
                        tell(AgentProgress::Used(used));
                    }
                    self.total = Some(total);
                }
            }
            Some("turn.failed") => {
                self.working = false;
                let message = line.get("error").and_then(|error| text(error, "message"));
                self.turn = Some(Err(message.unwrap_or("no reason given").to_owned()));
            }
            Some(_) => {}
            None => self.skip(),
        }
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn has_answered(&self) -> bool {
        self.turn.is_some() && !self.working
    }

    /// The outcome. *Completed* needs all of: ended by itself, exit code 0, a turn that was completed as the last one that
    /// ended, and words in it.
    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome {
            answer: self.answer(end),
            usage: self.total.as_ref().and_then(|total| usage::since(&self.earlier, total)),
            session_id: self.thread,
            session_total: self.total,
        }
    }
}

/// The class of an error, of which there are only words.
fn code_of(error: &str) -> FailureCode {
    if let Some(status) = status_in(error) {
        return code_of_status(status);
    }
    let error = error.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
    if has(&["usage limit", "rate limit", "quota exceeded", "too many requests"]) {
        FailureCode::AgentRateLimited
    } else if has(&["not logged in", "log in again", "sign in again", "refresh token", "invalid api key"]) {
        FailureCode::AgentAuth
    } else if has(&[
        "high demand",
        "overloaded",
        "stream disconnected",
        "error sending request",
        "internal server error",
    ]) {
        FailureCode::AgentOverloaded
    } else {
        FailureCode::AgentCrashed
    }
}
