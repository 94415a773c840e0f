//! Owns the reading of a program whose whole output is its answer.

use std::sync::Arc;

use awo_engine::ports::AgentProgress;
use awo_models::{Failure, FailureCode};

use crate::agent::{AgentOutcome, AgentParser, ProgramEnd, answered, fail, without_result};

/// Longest answer, in bytes.
const LONGEST: usize = 4 << 20;

/// Collects lines. Its end is its final result: there is no other sign of it.
#[derive(Debug)]
pub(super) struct PlainParser {
    name: String,
    said: String,
    too_long: bool,
}

impl PlainParser {
    pub(super) fn new(name: String) -> Self {
        Self { name, said: String::new(), too_long: false }
    }

    fn answer(&self, end: &ProgramEnd) -> Result<Arc<str>, Failure> {
        if !end.is_clean() {
            return Err(without_result(&self.name, end, 0));
        }
        if self.too_long {
            return fail(FailureCode::OutputInvalid, format!("{} said more than {LONGEST} bytes", self.name));
        }
        answered(&self.name, end, Some(self.said.trim()))
    }
}

impl AgentParser for PlainParser {
    fn feed(&mut self, line: &str, tell: &mut dyn FnMut(AgentProgress)) {
        if self.said.len() + line.len() > LONGEST {
            self.too_long = true;
            return;
        }
        if !line.trim().is_empty() {
            tell(AgentProgress::Text(line.into()));
        }
        self.said.push_str(line);
        self.said.push('\n');
    }

    fn skip(&mut self) {
        self.too_long = true;
    }

    fn has_answered(&self) -> bool {
        false
    }

    fn finish(self: Box<Self>, end: &ProgramEnd) -> AgentOutcome {
        AgentOutcome { answer: self.answer(end), session_id: None, usage: None, session_total: None }
    }
}
