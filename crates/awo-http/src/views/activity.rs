//! What an agent at work does, on the wire.

use awo_engine::ActivityEntry;
use awo_engine::ports::AgentProgress;
use awo_models::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that an agent did. Kept while its step is at work, and never stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activity)]
pub(crate) struct ActivityView<'a> {
    /// When awo heard of it.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `text`, `tool_started`, `tool_ended` or `retry`; more may come.
    #[schema(example = "tool_started")]
    kind: &'static str,
    /// Of `text`: what it said, its end if that was long. Of `retry`: why a call of the model's service failed.
    text: Option<&'a str>,
    /// Of tools: their name, where the agent says it.
    tool: Option<&'a str>,
    /// Of `tool_started`: what it is used on, in a few words.
    detail: Option<&'a str>,
    /// Of `tool_ended`: whether it did what was asked, as far as the agent says.
    success: Option<bool>,
}

impl<'a> ActivityView<'a> {
    /// `None` for what has no words here yet.
    pub(super) fn of(entry: &'a ActivityEntry) -> Option<Self> {
        let said = |kind| Self { at: entry.at, kind, text: None, tool: None, detail: None, success: None };
        Some(match &entry.what {
            AgentProgress::Text(text) => Self { text: Some(text), ..said("text") },
            AgentProgress::ToolStarted { tool, detail } => {
                let detail = Some(&**detail).filter(|detail| !detail.is_empty());
                Self { tool: Some(tool), detail, ..said("tool_started") }
            }
            AgentProgress::ToolEnded { tool, success } => {
                Self { tool: tool.as_deref(), success: Some(*success), ..said("tool_ended") }
            }
            AgentProgress::Retry { reason } => Self { text: Some(reason), ..said("retry") },
            _ => return None,
        })
    }
}
