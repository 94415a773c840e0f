//! One line of a log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use awo_models::{StepName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Result, StateError};

/// How much a line matters. Later ones matter more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For those who look for a fault in awo.
    Debug,
    /// What happens.
    Info,
    /// What may need attention, while the order goes on.
    Warning,
    /// Why the order fails.
    Error,
}

impl LogLevel {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// This level and those that matter more, for [`LogQuery::levels`](crate::LogQuery::levels).
    pub fn and_above(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|level| *level >= self).collect()
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a log level: expected debug, info, warning or error")]
pub struct ParseLogLevelError(String);

impl FromStr for LogLevel {
    type Err = ParseLogLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseLogLevelError(text.chars().take(64).collect());
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(refused)
    }
}

/// What is said once, before the store numbers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was said.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// What happened, as a stable word such as `step_started`.
    pub event: Arc<str>,
    /// The step it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepName>,
    /// The same for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// Everything else that is known of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl LogEntry {
    /// Most bytes of an entry, as JSON. What is larger belongs in an artifact.
    pub const LARGEST: usize = 64 * 1024;

    /// An entry about no step, without message and fields.
    pub fn new(at: Timestamp, level: LogLevel, event: &str) -> Self {
        Self { at, level, event: event.into(), step: None, message: None, fields: Map::new() }
    }

    /// Says which step it is about.
    pub fn with_step(mut self, step: StepName) -> Self {
        self.step = Some(step);
        self
    }

    /// Says it for a person.
    pub fn with_message(mut self, message: &str) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Adds a field; the last value of a name counts.
    pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Bytes of the entry as JSON; `Refused` if it is larger than [`LogEntry::LARGEST`].
    pub fn checked_size(&self) -> Result<usize> {
        let size = serde_json::to_vec(self).map_err(|error| StateError::Backend(error.into()))?.len();
        if size > Self::LARGEST {
            return Err(StateError::Refused("a log entry is larger than 64 KiB; store it as an artifact"));
        }
        Ok(size)
    }
}

/// An entry with the number the store gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts the lines of the order from 1.
    pub number: u64,
    /// What was said.
    #[serde(flatten)]
    pub entry: LogEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words_in_the_order_of_their_weight() {
        assert_eq!(LogLevel::Warning.and_above(), [LogLevel::Warning, LogLevel::Error]);
        for level in LogLevel::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        for wrong in ["", "Info", "warn", "fatal"] {
            assert!(wrong.parse::<LogLevel>().is_err(), "{wrong}");
        }
    }
}
