//! Owns the meaning of `claude`'s lines: a pure fold over them, settled by how the program ended.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode, Timestamp, Usage};
use serde_json::Value;

use super::failure::{ApiError, failure_of};
use super::usage::UsageCount;
use crate::agent::{
    AgentOutcome, AgentParser, ProgramEnd, answered, clip, detail, fail, name, object, text, without_result,
};

/// Reads lines as they come. Lines that are not objects, or of a type that is not known, are counted and passed over.
#[derive(Debug, Default)]
pub(crate) struct ClaudeParser {
    session_id: Option<Arc<str>>,
    api_error: Option<String>,
    resets_at: Option<Timestamp>,
    last: Option<ResultLine>,
    /// It has begun to work again after its last result.
    works_again: bool,
    usage: UsageCount,
    replies: Replies,
    skipped: u64,
}

/// Counts the model's replies, each of which may come in several lines.
#[derive(Debug, Default)]
struct Replies {
    last: Option<Arc<str>>,
    count: u64,
}

/// What counts of a result line.
#[derive(Debug)]
struct ResultLine {
    subtype: String,
    is_error: bool,
    text: Option<String>,
    stop_reason: Option<String>,
    status: Option<u64>,
    denied: Vec<String>,
}

impl AgentParser for ClaudeParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = object(line) else {
            return self.skip();
        };
        match (text(&line, "type"), text(&line, "subtype")) {
            (Some("system"), Some("init")) => {
                self.works_again = true;
                self.confirm(&line);
                self.usage.init(&line);
            }
            (Some("system"), Some("api_retry")) => tell(AgentProgress::Retry { reason: reason_of_retry(&line) }),
            (Some("assistant"), _) => {
                self.works_again = true;
                self.api_error = text(&line, "error").map(str::to_owned);
                self.tell_reply(&line, tell);
            }
            (Some("user"), _) => tell_tool_results(&line, tell),
            (Some("rate_limit_event"), _) => self.resets_at = resets_at(&line),
            (Some("result"), subtype) => {
                let result = ResultLine::new(&line, subtype.unwrap_or_default());
                if !result.is_error {
                    self.confirm(&line);
                }
                self.usage.result(&line);
                tell(AgentProgress::Used(self.usage.so_far()));
                // Several may come; the last one before the end counts.
                self.last = Some(result);
                self.works_again = false;
            }
            (Some(_), _) => {}
            (None, _) => self.skip(),
        }
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn has_answered(&self) -> bool {
        self.last.is_some() && !self.works_again
    }

    /// The outcome. *Completed* needs all of: ended by itself, exit code 0, a final result, no error flag in it, no
    /// denials, and an answer. Each of these alone has been seen to claim success for work that was not done.
    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome {
            answer: self.answer(end),
            session_id: self.session_id,
            usage: self.usage.into_usage(),
            session_total: None,
        }
    }
}

impl ClaudeParser {
    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        let Some(last) = &self.last else {
            return Err(without_result("claude", end, self.skipped));
        };
        // With or without an error flag: an earlier refusal is gone on from, the last one is not.
        if last.subtype == "success" && last.stop_reason.as_deref() == Some("refusal") {
            let said = last.text.as_deref().unwrap_or("no reason given");
            return fail(FailureCode::AgentRefused, format!("the model refused to answer: {}", clip(said)));
        }
        if last.is_error {
            let error = ApiError { status: last.status, kind: self.api_error.as_deref(), resets_at: self.resets_at };
            let said = last.text.as_deref().unwrap_or("no reason given");
            return Err(failure_of(&last.subtype, &error, said));
        }
        if end.is_clean() && !last.denied.is_empty() {
            let tools = last.denied.join(", ");
            return fail(FailureCode::AgentDenied, format!("claude was denied tools that it needed: {tools}"));
        }
        answered("claude", end, last.text.as_deref())
    }

    /// Takes the session that the program itself named, once.
    fn confirm(&mut self, line: &Value) {
        if self.session_id.is_none() {
            self.session_id = name(line, "session_id");
        }
    }

    fn tell_reply(&mut self, line: &Value, tell: &mut dyn FnMut(AgentProgress)) {
        let Some(message) = line.get("message") else {
            return;
        };
        if let Some(turns) = self.replies.count(name(message, "id")) {
            tell(AgentProgress::Used(Usage { turns: Some(turns), ..Usage::default() }));
        }
        for block in blocks(message) {
            match text(block, "type") {
                Some("text") => tell(AgentProgress::Text(text(block, "text").unwrap_or_default().into())),
                Some("tool_use") => tell(AgentProgress::ToolStarted {
                    tool: text(block, "name").unwrap_or("a tool").into(),
                    detail: detail(block.get("input")),
                }),
                _ => {}
            }
        }
    }
}

impl Replies {
    /// The number of replies, if this line begins another one.
    fn count(&mut self, id: Option<Arc<str>>) -> Option<u64> {
        let id = id.filter(|id| self.last.as_ref() != Some(id))?;
        self.last = Some(id);
        self.count += 1;
        Some(self.count)
    }
}

fn tell_tool_results(line: &Value, tell: &mut dyn FnMut(AgentProgress)) {
    let results = line.get("message").into_iter().flat_map(blocks);
    for result in results.filter(|block| text(block, "type") == Some("tool_result")) {
        let success = result.get("is_error") != Some(&Value::Bool(true));
        tell(AgentProgress::ToolEnded { tool: None, success });
    }
}

fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    message.get("content").and_then(Value::as_array).into_iter().flatten()
}

fn reason_of_retry(line: &Value) -> Arc<str> {
    let kind = text(line, "error").unwrap_or("the model's service did not answer");
    match line.get("error_status").and_then(Value::as_u64) {
        Some(status) => format!("{kind} ({status})").into(),
        None => kind.into(),
    }
}

impl ResultLine {
    fn new(line: &Value, subtype: &str) -> Self {
        let errors = || {
            let errors = line.get("errors")?.as_array()?.iter();
            Some(errors.filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
        };
        let denials = line.get("permission_denials").and_then(Value::as_array);
        let mut denied: Vec<String> = denials
            .into_iter()
            .flatten()
            .map(|denial| text(denial, "tool_name").unwrap_or("a tool").to_owned())
            .collect();
        denied.dedup();
        Self {
            subtype: subtype.to_owned(),
            // A missing flag is no proof of success.
            is_error: line.get("is_error") != Some(&Value::Bool(false)) || subtype != "success",
            text: text(line, "result").map(str::to_owned).or_else(errors),
            stop_reason: text(line, "stop_reason").map(str::to_owned),
            status: line.get("api_error_status").and_then(Value::as_u64),
            denied,
        }
    }
}

/// When a limit ends that was reached. Limits are told of before they are, too.
fn resets_at(line: &Value) -> Option<Timestamp> {
    let limit = line.get("rate_limit_info").filter(|limit| text(limit, "status") == Some("rejected"))?;
    let seconds = limit.get("resetsAt")?.as_i64()?;
    Timestamp::from_second(seconds).ok()
}
