//! Figures of steps.

use bytes::Bytes;

use super::Client;
use super::files::bytes;
use crate::call::{Asked, Call};
use crate::operation::Operation;
use crate::types::StepStats;

/// Which attempts are counted, and by what. The default is what the server likes: the last 30 days, by step and agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsQuery {
    /// Those of the last so many days; or, instead:
    pub days: Option<u32>,
    /// Those that ended at this time (RFC 3339) or later.
    pub since: Option<String>,
    /// Those that ended before this time (RFC 3339).
    pub until: Option<String>,
    /// Only those of exactly this repository.
    pub repository_url: Option<String>,
    /// Only those of this agent program.
    pub agent: Option<String>,
    /// Only those of this model.
    pub model: Option<String>,
    /// Only those of this step; `prompt` for all that prompts became.
    pub step: Option<String>,
    /// Only those of orders with this workflow; `selected_commands` for orders without one.
    pub workflow_type: Option<String>,
    /// What those of a group have in common: `step`, `agent`, `model`, `repository_url`, `workflow_type`.
    pub group_by: Vec<String>,
    /// So many of the last attempts of each group.
    pub recent: Option<u32>,
    /// So many of the slowest orders.
    pub slowest: Option<u32>,
}

impl StatsQuery {
    fn asked(&self) -> Asked {
        let asked = Asked::new(Operation::GetStepStats, &[]).query("days", self.days);
        let asked = asked.query("since", self.since.as_ref()).query("until", self.until.as_ref());
        let asked = asked.query("repository_url", self.repository_url.as_ref()).query("agent", self.agent.as_ref());
        let asked = asked.query("model", self.model.as_ref()).query("step", self.step.as_ref());
        let asked = asked.query("workflow_type", self.workflow_type.as_ref());
        let asked = self.group_by.iter().fold(asked, |asked, by| asked.query("group_by", Some(by)));
        asked.query("recent", self.recent).query("slowest", self.slowest)
    }
}

impl Client {
    /// Gets figures of steps: how long they took, what they cost, and why they failed.
    pub fn get_step_stats(&self, which: &StatsQuery) -> Call<StepStats> {
        Call::json(self, which.asked())
    }

    /// The same as lines and columns (CSV), one line for each group.
    pub fn get_step_stats_table(&self, which: &StatsQuery) -> Call<Bytes> {
        Call::new(self, which.asked().query("format", Some("csv")), bytes)
    }
}
