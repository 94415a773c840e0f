//! Owns the form of scripts: JSON, from step names to what is done.

use std::collections::BTreeMap;

use awo_models::{FailureCode, StepName};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// What a scripted agent does, by step; or by role, for steps that it does not name.
///
/// ```
/// use awo_adapters::Script;
/// let script = Script::from_json(r#"{
///     "classify": [{"answer": "/feature"}],
///     "implement": [
///         [{"fail": {"code": "agent_crashed", "message": "the first attempt fails"}}],
///         [{"write": {"hello.txt": "hello\n"}}, {"pause_milliseconds": 10}, {"answer": "done"}]
///     ]
/// }"#);
/// assert!(script.is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(BTreeMap<StepName, Attempts>);

/// What is done in each attempt. The last one is for all that follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Attempts(Vec<Vec<Action>>);

/// One thing that a scripted agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Writes files, with their directories. Paths are relative to the checkout.
    Write(BTreeMap<String, String>),
    /// Appends to files, which are made if they are not there.
    Append(BTreeMap<String, String>),
    /// Removes a file, if it is there.
    Remove(String),
    /// Waits. Ends early when the order is cancelled.
    PauseMilliseconds(u64),
    /// Answers; nothing after it is done.
    Answer(String),
    /// Fails; nothing after it is done.
    Fail {
        /// Class of the failure.
        code: FailureCode,
        /// What is told.
        message: String,
    },
}

/// A text is not a script.
#[derive(Debug, thiserror::Error)]
#[error("not a script of a scripted agent")]
pub struct ScriptError(#[from] serde_json::Error);

impl Script {
    /// Reads a script.
    pub fn from_json(text: &str) -> Result<Self, ScriptError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Adds a step, or another attempt of it.
    pub fn with(mut self, step: &StepName, actions: Vec<Action>) -> Self {
        let attempts = self.0.entry(step.clone()).or_insert_with(|| Attempts(Vec::new()));
        attempts.0.push(actions);
        self
    }

    /// What is done in an attempt of a step, or by a role, counted from 1.
    pub(super) fn actions(&self, step: &str, attempt: u32) -> Option<&[Action]> {
        let attempts = &self.0.get(&StepName::new(step).ok()?)?.0;
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        attempts.get(index).or(attempts.last()).map(Vec::as_slice)
    }
}

impl Action {
    /// What it does, as an agent would tell it: the tool, and what it is used on.
    pub(super) fn told(&self) -> (&'static str, String) {
        let paths = |files: &BTreeMap<String, String>| files.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::Write(files) => ("write", paths(files)),
            Self::Append(files) => ("append", paths(files)),
            Self::Remove(path) => ("remove", path.clone()),
            Self::PauseMilliseconds(_) | Self::Answer(_) | Self::Fail { .. } => ("answer", String::new()),
        }
    }

    /// The same with its texts and paths changed.
    pub(super) fn mapped(&self, change: impl Fn(&str) -> String) -> Self {
        let files = |files: &BTreeMap<String, String>| {
            let files = files.iter();
            files.map(|(path, content)| (change(path), change(content))).collect()
        };
        match self {
            Self::Write(content) => Self::Write(files(content)),
            Self::Append(content) => Self::Append(files(content)),
            Self::Remove(path) => Self::Remove(change(path)),
            other => other.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Attempts {
    /// A list of actions is one attempt, a list of such lists several.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Value>::deserialize(deserializer)?;
        let attempts = if list.first().is_some_and(Value::is_array) {
            serde_json::from_value(Value::Array(list))
        } else {
            serde_json::from_value(Value::Array(list)).map(|actions| vec![actions])
        };
        attempts.map(Self).map_err(D::Error::custom)
    }
}
