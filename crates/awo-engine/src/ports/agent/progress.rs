//! What an agent does, told while it does it: for people who watch, never for decisions.

use std::fmt;
use std::sync::Arc;

use awo_models::Usage;
use serde::{Deserialize, Serialize};

/// Something that an agent did. May be dropped, and is never stored with the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentProgress {
    /// It said something: the whole text, or a part of it.
    Text(Arc<str>),
    /// It began to use a tool.
    ToolStarted {
        /// The tool, as the program calls it.
        tool: Arc<str>,
        /// What it is used on, in a few words: a path, a command. Empty where the program does not say.
        detail: Arc<str>,
    },
    /// The use of a tool ended.
    ToolEnded {
        /// The tool, where the program says which.
        tool: Option<Arc<str>>,
        /// Whether it did what was asked, as far as the program says.
        success: bool,
    },
    /// A call of the model's service failed, and the program tries again by itself.
    Retry {
        /// Why, in a few words.
        reason: Arc<str>,
    },
    /// What the execution has consumed so far, in all.
    Used(Usage),
}

/// Takes what an agent does. Cheap to clone; telling it never waits and never fails.
#[derive(Clone, Default)]
pub struct ProgressSink(Option<Arc<dyn Fn(AgentProgress) + Send + Sync>>);

impl ProgressSink {
    /// Nobody listens.
    pub fn none() -> Self {
        Self::default()
    }

    /// Hands each on. `take` is called on the executor's task and must not block.
    pub fn new(take: impl Fn(AgentProgress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    /// Whether anybody listens; what would only be told need not be made otherwise.
    pub fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Tells it.
    pub fn tell(&self, progress: AgentProgress) {
        if let Some(take) = &self.0 {
            take(progress);
        }
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressSink").field(&self.listens()).finish()
    }
}
