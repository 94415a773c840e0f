//! Owns the meaning of `opencode`'s lines: a pure fold over them, settled by how the program ended.
//!
//! There is no final line: it is done when its last turn ended because the model had no more to do.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode, Usage};
use serde_json::Value;

use crate::agent::{
    AgentOutcome, AgentParser, ProgramEnd, answered, clip, code_of_status, detail, errors, fail, name, object, text,
    told, without_result,
};

/// Longest answer that is kept, in bytes. It comes in parts, and nothing else bounds their number.
const LONGEST_ANSWER: usize = 4 << 20;

/// Reads lines as they come. What is not known is passed over; what is no object is counted.
#[derive(Debug, Default)]
pub(super) struct OpenCodeParser {
    session_id: Option<Arc<str>>,
    /// What it has said in this turn: its parts, with an empty line between them.
    said: String,
    /// Why the last turn ended, and what was said in it.
    turn: Option<(String, String)>,
    working: bool,
    error: Option<CallError>,
    /// Tools that were refused to it.
    denied: Vec<String>,
    usage: Option<Usage>,
    skipped: u64,
}

/// What it says of a failure.
#[derive(Debug)]
struct CallError {
    status: Option<u64>,
    name: String,
    message: String,
}

impl OpenCodeParser {
    fn say(&mut self, part: &str) {
        let gap = if self.said.is_empty() { "" } else { "\n\n" };
        if !part.is_empty() && self.said.len() + gap.len() + part.len() <= LONGEST_ANSWER {
            self.said.push_str(gap);
            self.said.push_str(part);
        }
    }

    fn tool(&mut self, part: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        let tool: Arc<str> = text(part, "tool").unwrap_or("a tool").into();
        let Some(state) = part.get("state") else {
            return;
        };
        // It is only told of when it has ended.
        tell(AgentProgress::ToolStarted { tool: Arc::clone(&tool), detail: detail(state.get("input")) });
        let exit = state.get("metadata").and_then(|metadata| metadata.get("exit")).and_then(Value::as_i64);
        let success = text(state, "status") == Some("completed") && exit.is_none_or(|exit| exit == 0);
        let refused = text(state, "error").is_some_and(|error| error.contains("rejected permission"));
        if refused && self.denied.len() < 100 && !self.denied.iter().any(|denied| **denied == *tool) {
            self.denied.push(tool.to_string());
        }
        tell(AgentProgress::ToolEnded { tool: Some(tool), success });
    }

    fn turn_ended(&mut self, part: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        self.working = false;
        let mut used = usage_of(part);
        if let Some(before) = &self.usage {
            used.add(before);
        }
        tell(AgentProgress::Used(used.clone()));
        self.usage = Some(used);
        let said = std::mem::take(&mut self.said);
        self.turn = Some((text(part, "reason").unwrap_or_default().to_owned(), said));
        // What came right after an error is its end; what was retried and went on is none.
        if self.is_done() {
            self.error = None;
        }
    }

    fn is_done(&self) -> bool {
        !self.working && self.turn.as_ref().is_some_and(|(reason, _)| reason == "stop")
    }

    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        if let Some(error) = &self.error {
            let code = error.code();
            return fail(code, format!("opencode failed: {}: {}", error.name, clip(&error.message)));
        }
        if !self.denied.is_empty() && !self.is_done() && end.is_clean() {
            let tools = self.denied.join(", ");
            return fail(FailureCode::AgentDenied, format!("opencode was denied tools that it needed: {tools}"));
        }
        match &self.turn {
            _ if self.working => Err(without_result("opencode", end, self.skipped)),
            Some((reason, said)) if reason == "stop" => answered("opencode", end, Some(said)),
            Some((reason, _)) => {
                let code = if end.is_clean() { FailureCode::AgentNoResult } else { FailureCode::AgentCrashed };
                let how = told(end.exit);
                fail(code, format!("opencode stopped in its work ({}) and {how}{}", clip(reason), errors(end)))
            }
            None => Err(without_result("opencode", end, self.skipped)),
        }
    }
}

impl CallError {
    fn new(error: &Value) -> Self {
        let data = error.get("data");
        Self {
            status: data.and_then(|data| data.get("statusCode")).and_then(Value::as_u64),
            name: text(error, "name").unwrap_or("an error").to_owned(),
            message: data.and_then(|data| text(data, "message")).unwrap_or("no reason given").to_owned(),
        }
    }

    fn code(&self) -> FailureCode {
        match (self.status, &*self.name) {
            (Some(status), _) => code_of_status(status),
            (None, "ProviderAuthError") => FailureCode::AgentAuth,
            (None, _) => FailureCode::AgentCrashed,
        }
    }
}

impl AgentParser for OpenCodeParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = object(line) else {
            return self.skip();
        };
        if self.session_id.is_none() {
            self.session_id = name(&line, "sessionID");
        }
        let part = line.get("part").unwrap_or(&Value::Null);
        match text(&line, "type") {
            Some("step_start") => {
                self.working = true;
                self.said.clear();
            }
            Some("text") => {
                self.working = true;
                let said = text(part, "text").unwrap_or_default();
                tell(AgentProgress::Text(said.into()));
                self.say(said);
            }
            Some("tool_use") => {
                self.working = true;
                self.tool(part, tell);
            }
            Some("step_finish") => self.turn_ended(part, tell),
            Some("error") => self.error = Some(CallError::new(line.get("error").unwrap_or(&Value::Null))),
            Some(_) => {}
            None => self.skip(),
        }
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn has_answered(&self) -> bool {
        self.is_done()
    }

    /// The outcome. *Completed* needs all of: ended by itself, exit code 0, no error, a last turn that is whole and ended
    /// because there was no more to do, and words in it.
    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome { answer: self.answer(end), session_id: self.session_id, usage: self.usage, session_total: None }
    }
}

/// What a turn consumed. What came from the cache is not among the input.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range just before")]
fn usage_of(part: &Value) -> Usage {
    let tokens = part.get("tokens");
    let count = |field: &str| tokens?.get(field)?.as_u64();
    let cache = |field: &str| tokens?.get("cache")?.get(field)?.as_u64();
    let nanousd = part.get("cost").and_then(Value::as_f64).map(|usd| (usd * 1e9).round());
    let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other.unwrap_or(0)));
    Usage {
        input_tokens: count("input"),
        output_tokens: sum(count("output"), count("reasoning")),
        cache_read_tokens: cache("read"),
        cache_write_tokens: cache("write"),
        turns: Some(1),
        cost_nanousd: nanousd.filter(|nano| (0.0..1e18).contains(nano)).map(|nano| nano as u64),
        ..Usage::default()
    }
}
