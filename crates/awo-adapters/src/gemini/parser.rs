//! Owns the meaning of `gemini`'s lines: a pure fold over them, settled by how the program ended.
//!
//! Its exit codes are not what they seem: the status of a failed call shows modulo 256, so that codes above 128 are no
//! signals.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode, Usage};
use serde_json::Value;

use crate::agent::{
    AgentOutcome, AgentParser, ProgramEnd, answered, clip, code_of_status, detail, fail, name, object, status_in, text,
    without_result,
};
use crate::process::Exit;

/// Longest answer that is kept, in bytes. It comes in pieces, and nothing else bounds their number.
const LONGEST_ANSWER: usize = 4 << 20;

/// Reads lines as they come. What is not known is passed over; what is no object is counted.
#[derive(Debug)]
pub(super) struct GeminiParser {
    /// Whether it has all its tools.
    may_use_tools: bool,
    session_id: Option<Arc<str>>,
    model: Option<Arc<str>>,
    /// What it has said since it last used a tool.
    said: String,
    /// What of that was not told yet: words come in pieces.
    untold: String,
    result: Option<ResultLine>,
    working: bool,
    /// Tools that it wanted and did not have.
    denied: Vec<String>,
    tool: Option<Arc<str>>,
    skipped: u64,
}

/// What counts of a result line.
#[derive(Debug)]
struct ResultLine {
    success: bool,
    error_type: String,
    error: String,
    answer: String,
    usage: Usage,
}

impl GeminiParser {
    pub(super) fn new(may_use_tools: bool) -> Self {
        Self {
            may_use_tools,
            session_id: None,
            model: None,
            said: String::new(),
            untold: String::new(),
            result: None,
            working: false,
            denied: Vec::new(),
            tool: None,
            skipped: 0,
        }
    }

    fn message(&mut self, line: &Value) {
        self.working = true;
        match (text(line, "role"), text(line, "content")) {
            (Some("assistant"), Some(piece)) if self.said.len() + piece.len() <= LONGEST_ANSWER => {
                self.said.push_str(piece);
                self.untold.push_str(piece);
            }
            _ => {}
        }
    }

    fn tell_words(&mut self, tell: &mut dyn FnMut(AgentProgress)) {
        if !self.untold.is_empty() {
            tell(AgentProgress::Text(std::mem::take(&mut self.untold).into()));
        }
    }

    fn tool_ended(&mut self, line: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        let error = line.get("error").and_then(|error| text(error, "type"));
        let tool = self.tool.take();
        if error == Some("tool_not_registered") && !self.may_use_tools && self.denied.len() < 100 {
            let denied = tool.as_deref().unwrap_or("a tool").to_owned();
            if !self.denied.contains(&denied) {
                self.denied.push(denied);
            }
        }
        tell(AgentProgress::ToolEnded { tool, success: text(line, "status") == Some("success") });
    }

    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        let Some(result) = &self.result else {
            return Err(self.without_result(end));
        };
        if !result.success {
            let code = match (&*result.error_type, status_in(&result.error)) {
                ("FatalTurnLimitedError", _) => FailureCode::AgentTurnLimit,
                ("FatalAuthenticationError", _) => FailureCode::AgentAuth,
                (_, Some(status)) => code_of_status(status),
                _ => FailureCode::AgentCrashed,
            };
            return fail(code, format!("gemini failed: {}", clip(&result.error)));
        }
        if end.is_clean() && !self.denied.is_empty() {
            let tools = self.denied.join(", ");
            return fail(FailureCode::AgentDenied, format!("gemini was denied tools that it needed: {tools}"));
        }
        answered("gemini", end, Some(&result.answer))
    }

    fn without_result(&self, end: &ProgramEnd) -> Failure {
        let mut failure = without_result("gemini", end, self.skipped);
        failure.code = match end.exit {
            Exit::Exited(41) => FailureCode::AgentAuth,
            Exit::Exited(53) => FailureCode::AgentTurnLimit,
            _ => failure.code,
        };
        failure
    }
}

impl AgentParser for GeminiParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = object(line) else {
            return self.skip();
        };
        let kind = text(&line, "type");
        if kind != Some("message") {
            self.tell_words(tell);
        }
        match kind {
            Some("init") => {
                self.working = true;
                self.session_id = self.session_id.take().or_else(|| name(&line, "session_id"));
                self.model = name(&line, "model").or(self.model.take());
            }
            Some("message") => self.message(&line),
            Some("tool_use") => {
                self.working = true;
                self.said.clear();
                let tool: Arc<str> = text(&line, "tool_name").unwrap_or("a tool").into();
                tell(AgentProgress::ToolStarted { tool: Arc::clone(&tool), detail: detail(line.get("parameters")) });
                self.tool = Some(tool);
            }
            Some("tool_result") => {
                self.said.clear();
                self.tool_ended(&line, tell);
            }
            Some("error") => {
                let reason = text(&line, "message").unwrap_or("an error without words");
                tell(AgentProgress::Retry { reason: reason.into() });
            }
            Some("result") => {
                self.working = false;
                let mut usage = usage_of(&line);
                usage.model = self.model.as_deref().map(str::to_owned);
                tell(AgentProgress::Used(usage.clone()));
                let error = line.get("error");
                let of_error = |field| error.and_then(|error| text(error, field)).unwrap_or_default().to_owned();
                self.result = Some(ResultLine {
                    success: text(&line, "status") == Some("success"),
                    error_type: of_error("type"),
                    error: of_error("message"),
                    answer: std::mem::take(&mut self.said),
                    usage,
                });
            }
            Some(_) => {}
            None => self.skip(),
        }
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn has_answered(&self) -> bool {
        self.result.is_some() && !self.working
    }

    /// The outcome. *Completed* needs all of: ended by itself, exit code 0, a result with the status of success, all the
    /// tools that it wanted, and words after its last use of a tool.
    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome {
            answer: self.answer(end),
            session_id: self.session_id,
            usage: self.result.map(|result| result.usage),
            session_total: None,
        }
    }
}

/// What came from the cache is among the input, and told apart as well.
fn usage_of(line: &Value) -> Usage {
    let count = |field: &str| line.get("stats")?.get(field)?.as_u64();
    let cached = count("cached");
    Usage {
        input_tokens: count("input").or_else(|| Some(count("input_tokens")?.saturating_sub(cached.unwrap_or(0)))),
        output_tokens: count("output_tokens"),
        cache_read_tokens: cached,
        ..Usage::default()
    }
}
