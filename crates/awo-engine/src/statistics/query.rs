//! What is asked of the statistics.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use awo_models::Timestamp;

use super::attempts::{Attempt, CountedOrder};

/// Which attempts are counted, and by what. The default: the last 30 days, by step and agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsQuery {
    /// When they ended.
    pub window: StatsWindow,
    /// Only those of this repository.
    pub repository_url: Option<String>,
    /// Only those of this agent program.
    pub agent: Option<String>,
    /// Only those of this model.
    pub model: Option<String>,
    /// Only those of this step; `prompt` for all that prompts became.
    pub step: Option<String>,
    /// Only those of orders with this workflow; `selected_commands` for orders without one.
    pub workflow: Option<String>,
    /// What those have in common that are counted together.
    pub group_by: BTreeSet<Dimension>,
    /// How many of the last attempts of each group are told one by one.
    pub recent: usize,
    /// How many of the slowest orders are told.
    pub slowest: usize,
}

impl Default for StatsQuery {
    fn default() -> Self {
        Self {
            window: StatsWindow::Days(30),
            repository_url: None,
            agent: None,
            model: None,
            step: None,
            workflow: None,
            group_by: [Dimension::Step, Dimension::Agent].into(),
            recent: 0,
            slowest: 10,
        }
    }
}

/// When attempts ended that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsWindow {
    /// In the last so many days of 24 hours.
    Days(u32),
    /// At `since` or later, and before `until`.
    Between {
        /// `None`: however long ago.
        since: Option<Timestamp>,
        /// `None`: until now.
        until: Option<Timestamp>,
    },
}

impl StatsWindow {
    /// The bounds of the window at a time.
    pub(crate) fn bounds(self, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        match self {
            Self::Days(days) => (now.checked_sub(Duration::from_hours(24) * days).ok(), None),
            Self::Between { since, until } => (since, until),
        }
    }
}

/// Something that attempts may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// The step.
    Step,
    /// The agent program.
    Agent,
    /// The model.
    Model,
    /// The repository.
    Repository,
    /// The workflow.
    Workflow,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Step, Self::Agent, Self::Model, Self::Repository, Self::Workflow];

    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Repository => "repository_url",
            Self::Workflow => "workflow_type",
        }
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|dimension| dimension.as_str() == text);
        found.ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl StatsQuery {
    pub(crate) fn is_about(&self, order: &CountedOrder) -> bool {
        self.repository_url.as_deref().is_none_or(|url| *url == *order.repository_url)
            && self.workflow.as_deref().is_none_or(|workflow| workflow == order.workflow)
    }

    pub(crate) fn asks_for(&self, attempt: &Attempt) -> bool {
        self.step.as_deref().is_none_or(|step| step == attempt.step.as_str())
            && self.agent.as_deref().is_none_or(|agent| *agent == *attempt.agent)
            && self.model.as_deref().is_none_or(|model| Some(model) == attempt.model.as_deref())
    }
}
