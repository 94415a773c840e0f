//! Which lines of a log are asked for, and the page that answers.

use std::sync::Arc;

use awo_models::{StepName, Timestamp};
use serde_json::Value;

use super::{LogLevel, LogLine};

/// Which lines of a log to read. The default asks for the oldest hundred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Any of these; empty means all. See [`LogLevel::and_above`].
    pub levels: Vec<LogLevel>,
    /// Only lines about this step.
    pub step: Option<StepName>,
    /// Only lines of this time or later.
    pub since: Option<Timestamp>,
    /// Lines whose event, message or fields contain this text, whatever its case.
    pub text: Option<String>,
    /// Only lines with a higher number: the last one that a follower has seen.
    pub after: u64,
    /// So many of the lines that match are passed over.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self { levels: Vec::new(), step: None, since: None, text: None, after: 0, offset: 0, limit: 100 }
    }
}

/// Lines of a log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPage {
    /// Oldest first.
    pub lines: Vec<Arc<LogLine>>,
    /// Lines that match, on all pages.
    pub total: usize,
    /// Number of the newest line of the log, whether it matches or not; 0 if there is none.
    pub last: u64,
    /// The oldest so many lines are gone, because the store keeps no more of an order.
    pub dropped: u64,
    /// So many lines are there but cannot be read.
    pub damaged: u64,
}

impl LogQuery {
    /// Whether a line is asked for, offset and limit apart.
    pub fn matches(&self, line: &LogLine) -> bool {
        let entry = &line.entry;
        line.number > self.after
            && (self.levels.is_empty() || self.levels.contains(&entry.level))
            && self.step.as_ref().is_none_or(|step| entry.step.as_ref() == Some(step))
            && self.since.is_none_or(|since| entry.at >= since)
            && self.text.as_ref().is_none_or(|text| says(line, &text.to_lowercase()))
    }

    /// The page of a log whose readable lines are these, oldest first. Backends set the other counts.
    pub fn page(&self, lines: impl IntoIterator<Item = Arc<LogLine>>) -> LogPage {
        let mut page = LogPage::default();
        for line in lines {
            page.last = line.number;
            if self.matches(&line) {
                if page.total >= self.offset && page.lines.len() < self.limit {
                    page.lines.push(line);
                }
                page.total += 1;
            }
        }
        page
    }
}

fn says(line: &LogLine, needle: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(needle);
    let entry = &line.entry;
    holds(&entry.event) || entry.message.as_deref().is_some_and(holds) || entry.fields.values().any(|v| any(v, &holds))
}

fn any(value: &Value, holds: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(values) => values.iter().any(|value| any(value, holds)),
        Value::Object(values) => values.values().any(|value| any(value, holds)),
        other => holds(&other.to_string()),
    }
}
