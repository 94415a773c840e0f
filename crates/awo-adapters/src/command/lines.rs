//! Owns the reading of a program that prints lines of JSON in a form that is described.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode, Usage};
use serde_json::Value;

use super::LinesFormat;
use crate::agent::{
    AgentOutcome, AgentParser, ProgramEnd, answered, clip, code_of_status, detail, fail, object, status_in,
    without_result,
};

/// Longest session id that is taken, in bytes.
const LONGEST_ID: usize = 200;

/// Reads lines as they come. What is not described is passed over; what is no object is counted.
#[derive(Debug)]
pub(super) struct LinesParser {
    name: String,
    format: LinesFormat,
    session_id: Option<Arc<str>>,
    said: Option<String>,
    /// The answer of the last result, or the error that came last.
    result: Option<Result<Option<String>, String>>,
    working: bool,
    usage: Option<Usage>,
    skipped: u64,
}

impl LinesParser {
    pub(super) fn new(name: String, format: LinesFormat) -> Self {
        Self { name, format, session_id: None, said: None, result: None, working: false, usage: None, skipped: 0 }
    }

    fn consumed(&mut self, line: &Value) -> Option<Usage> {
        let number = |field: &Option<String>| at(line, field.as_deref()?)?.as_u64();
        let now = Usage {
            input_tokens: number(&self.format.input_tokens),
            output_tokens: number(&self.format.output_tokens),
            turns: number(&self.format.turns),
            cost_nanousd: self.format.cost_usd.as_deref().and_then(|field| nanousd(at(line, field)?)),
            ..Usage::default()
        };
        if now == Usage::default() {
            return None;
        }
        let before = self.usage.take().unwrap_or_default();
        let usage = Usage {
            input_tokens: now.input_tokens.or(before.input_tokens),
            output_tokens: now.output_tokens.or(before.output_tokens),
            turns: now.turns.or(before.turns),
            cost_nanousd: now.cost_nanousd.or(before.cost_nanousd),
            ..before
        };
        self.usage = Some(usage.clone());
        Some(usage)
    }

    /// The error of a line, in words, if it has one.
    fn error(&self, line: &Value) -> Option<String> {
        match at(line, self.format.error.as_deref()?)? {
            Value::Null | Value::Bool(false) => None,
            Value::String(words) if words.is_empty() => None,
            Value::String(words) => Some(words.clone()),
            Value::Bool(true) => Some("no reason given".to_owned()),
            other => Some(other.to_string()),
        }
    }

    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        match &self.result {
            None => Err(without_result(&self.name, end, self.skipped)),
            Some(Err(error)) => {
                let code = status_in(error).map_or(FailureCode::AgentCrashed, code_of_status);
                fail(code, format!("{} failed: {}", self.name, clip(error)))
            }
            Some(Ok(answer)) => answered(&self.name, end, answer.as_deref()),
        }
    }
}

impl AgentParser for LinesParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if line.trim().is_empty() {
            return;
        }
        let Some(line) = object(line) else {
            return self.skip();
        };
        let id = self.format.session.as_deref().and_then(|field| at(&line, field)?.as_str());
        if let Some(id) = id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID) {
            self.session_id = Some(id.into());
        }
        if let Some(used) = self.consumed(&line) {
            tell(AgentProgress::Used(used));
        }
        let Some(kind) = at(&line, &self.format.kind).and_then(Value::as_str) else {
            return self.skip();
        };
        let is = |kinds: &[String]| kinds.iter().any(|other| other == kind);
        let text = |field: &Option<String>| at(&line, field.as_deref()?)?.as_str();
        if kind == self.format.result_kind {
            self.working = false;
            self.result = Some(match self.error(&line) {
                Some(error) => Err(error),
                None if self.format.answer.is_some() => Ok(text(&self.format.answer).map(str::to_owned)),
                None => Ok(self.said.take()),
            });
        } else if is(&self.format.error_kinds) {
            self.working = false;
            self.result = Some(Err(self.error(&line).unwrap_or_else(|| "no reason given".to_owned())));
        } else if is(&self.format.text_kinds) {
            self.working = true;
            let said = text(&self.format.text).unwrap_or_default();
            tell(AgentProgress::Text(said.into()));
            self.said = Some(said.to_owned());
        } else if is(&self.format.tool_kinds) {
            self.working = true;
            let tool = text(&self.format.tool).unwrap_or("a tool");
            tell(AgentProgress::ToolStarted { tool: tool.into(), detail: detail(Some(&line)) });
        }
    }

    fn skip(&mut self) {
        self.skipped += 1;
    }

    fn has_answered(&self) -> bool {
        self.result.is_some() && !self.working
    }

    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome { answer: self.answer(end), session_id: self.session_id, usage: self.usage, session_total: None }
    }
}

/// What is at a path of fields.
fn at<'a>(line: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(line, |value, field| value.get(field))
}

/// Dollars as billionths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range just before")]
fn nanousd(value: &Value) -> Option<u64> {
    let nanousd = (value.as_f64()? * 1e9).round();
    (0.0..1e18).contains(&nanousd).then_some(nanousd as u64)
}
