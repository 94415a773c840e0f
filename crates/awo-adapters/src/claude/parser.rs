//! Owns the meaning of `claude`'s lines: a pure fold over them, settled by how the program ended.

use std::fmt::Write;
use std::sync::Arc;

use awo_models::{Failure, FailureCode, Timestamp, Usage};
use serde_json::Value;

use super::failure::{ApiError, clip, failure_of};
use super::usage::UsageCount;
use crate::process::{EndCause, Exit, RunEnd, RunLimits};

/// What an execution came to.
#[derive(Debug)]
pub(super) struct ClaudeOutcome {
    pub(super) answer: Result<Arc<str>, Failure>,
    pub(super) session_id: Option<Arc<str>>,
    pub(super) usage: Option<Usage>,
}

/// Reads lines as they come. Lines that are not objects, or of a type that is not known, are counted and passed over.
#[derive(Debug, Default)]
pub(super) struct ClaudeParser {
    session_id: Option<Arc<str>>,
    api_error: Option<String>,
    resets_at: Option<Timestamp>,
    last: Option<ResultLine>,
    usage: UsageCount,
    skipped: u64,
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

impl ClaudeParser {
    pub(super) fn feed(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let Ok(Value::Object(line)) = serde_json::from_str(line) else {
            return self.skip();
        };
        let line = Value::Object(line);
        match (text(&line, "type"), text(&line, "subtype")) {
            (Some("system"), Some("init")) => {
                self.confirm(&line);
                self.usage.init(&line);
            }
            (Some("assistant"), _) => self.api_error = text(&line, "error").map(str::to_owned),
            (Some("rate_limit_event"), _) => self.resets_at = resets_at(&line),
            (Some("result"), subtype) => {
                let result = ResultLine::new(&line, subtype.unwrap_or_default());
                if !result.is_error {
                    self.confirm(&line);
                }
                self.usage.result(&line);
                // Several may come; the last one before the end counts.
                self.last = Some(result);
            }
            (Some(_), _) => {}
            (None, _) => self.skip(),
        }
    }

    /// Notes a line that cannot be read.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// The outcome. *Completed* needs all of: ended by itself, exit code 0, a final result, no error flag in it, no
    /// denials, and an answer. Each of these alone has been seen to claim success for work that was not done.
    pub(super) fn finish(self, end: &RunEnd, limits: &RunLimits) -> ClaudeOutcome {
        ClaudeOutcome {
            answer: self.answer(end, limits).map(Into::into),
            session_id: self.session_id,
            usage: self.usage.into_usage(),
        }
    }

    fn answer(&self, end: &RunEnd, limits: &RunLimits) -> Result<String, Failure> {
        match end.cause {
            EndCause::Own => {}
            EndCause::Cancelled => return fail(FailureCode::Cancelled, "the agent was stopped as asked"),
            EndCause::WallTimeout => {
                let time = limits.wall.as_secs_f64();
                return fail(FailureCode::AgentTimeout, format!("claude was stopped after {time} s of work"));
            }
            EndCause::SilenceTimeout => {
                let time = limits.silence.unwrap_or_default().as_secs_f64();
                return fail(FailureCode::AgentSilent, format!("claude was stopped after {time} s of silence"));
            }
            EndCause::OutputLimit => {
                let bytes = limits.max_output;
                return fail(FailureCode::AgentBudget, format!("claude was stopped after {bytes} bytes of output"));
            }
        }
        let Some(last) = &self.last else {
            return Err(self.without_result(end));
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
        if end.exit != Exit::Exited(0) {
            let how = told(end.exit);
            return fail(FailureCode::AgentCrashed, format!("claude reported success but {how}{}", errors(end)));
        }
        if !last.denied.is_empty() {
            let tools = last.denied.join(", ");
            return fail(FailureCode::AgentDenied, format!("claude was denied tools that it needed: {tools}"));
        }
        match &last.text {
            Some(text) if !text.trim().is_empty() => Ok(text.clone()),
            _ => fail(FailureCode::AgentNoResult, "claude ended without error, but its answer is empty"),
        }
    }

    fn without_result(&self, end: &RunEnd) -> Failure {
        let mut story = format!("claude gave no result and {}{}", told(end.exit), errors(end));
        if self.skipped > 0 {
            let _ = write!(story, "; {} lines of its output could not be read", self.skipped);
        }
        let code = if end.exit == Exit::Exited(0) { FailureCode::AgentNoResult } else { FailureCode::AgentCrashed };
        Failure::new(code, story)
    }

    /// Takes the session that the program itself named, once.
    fn confirm(&mut self, line: &Value) {
        if self.session_id.is_none() {
            self.session_id = text(line, "session_id").filter(|id| !id.is_empty()).map(Into::into);
        }
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

fn fail<T>(code: FailureCode, message: impl Into<Arc<str>>) -> Result<T, Failure> {
    Err(Failure::new(code, message))
}

fn told(exit: Exit) -> String {
    match exit {
        Exit::Exited(code) => format!("ended with exit code {code}"),
        Exit::Signalled(signal) => format!("was ended by signal {signal}"),
    }
}

/// What it wrote to stderr, as the end of a sentence.
fn errors(end: &RunEnd) -> String {
    match end.stderr_tail.trim() {
        "" => String::new(),
        errors => format!(": {}", clip(errors)),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// When a limit ends that was reached. Limits are told of before they are, too.
fn resets_at(line: &Value) -> Option<Timestamp> {
    let limit = line.get("rate_limit_info").filter(|limit| text(limit, "status") == Some("rejected"))?;
    let seconds = limit.get("resetsAt")?.as_i64()?;
    Timestamp::from_second(seconds).ok()
}
