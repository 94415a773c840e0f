//! Figures of steps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::step::Tokens;

/// How long steps took that ended in a window of time, what they cost, and why they failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepStats {
    /// Whether all that is stored has been read. For some seconds after a start it may not have been.
    pub complete: bool,
    /// Of those that ended on a day (UTC), oldest first. Days without any are left out.
    pub days: Vec<DayFigures>,
    /// What the attempts of a group have in common.
    pub group_by: Vec<String>,
    /// Of those that have something in common; those first that took most time in all.
    pub groups: Vec<StepStatsGroup>,
    /// Orders that were created before are not counted, as there are too many; null: all are.
    pub reaches_back_to: Option<Timestamp>,
    /// Of those of a repository; those first that cost most, at most 50.
    pub repositories: Vec<RepositoryFigures>,
    /// Attempts that ended at this time or later are counted; null: however long ago.
    pub since: Option<Timestamp>,
    /// Of those of an order; those first that took most time in all.
    pub slowest_orders: Vec<OrderFigures>,
    /// Of all attempts.
    pub total: StepFigures,
    /// Orders that are damaged, and so not counted.
    pub unreadable_orders: u64,
    /// Attempts that ended before this time are counted; null: until now.
    pub until: Option<Timestamp>,
}

/// Figures of attempts that have a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepFigures {
    /// How many there are.
    pub attempts: u64,
    /// What they cost, as far as their agents said.
    pub cost_usd: Option<f64>,
    /// How many did not succeed.
    pub failed: u64,
    /// These by their error codes.
    pub failures: BTreeMap<String, u64>,
    /// Of those that succeeded: the longest time at work in seconds; null if none did.
    pub max_seconds: Option<f64>,
    /// Orders that they are of.
    pub orders: u64,
    /// Of those that succeeded: time at work in seconds that half of them did not exceed.
    pub p50_seconds: Option<f64>,
    /// The same, that 95 of 100 did not exceed. It is the time of one of them (nearest rank).
    pub p95_seconds: Option<f64>,
    /// How many succeeded.
    pub succeeded: u64,
    /// Tokens, as far as their agents said.
    pub tokens: Option<Tokens>,
    /// Time at work of all attempts together, failed ones included.
    pub total_seconds: f64,
    /// Turns, as far as their agents said.
    pub turns: Option<u64>,
}

/// Attempts that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepStatsGroup {
    /// The agent program; null unless it is grouped by.
    pub agent: Option<String>,
    /// Their figures.
    #[serde(flatten)]
    pub figures: StepFigures,
    /// The model that answered, else the one that was asked for; null unless it is known and grouped by.
    pub model: Option<String>,
    /// The last ones, newest first; as many as are asked for.
    pub recent: Vec<RecentAttempt>,
    /// Address of the repository; null unless it is grouped by.
    pub repository_url: Option<String>,
    /// The step, `prompt` for all that prompts became; null unless it is grouped by.
    pub step: Option<String>,
    /// The workflow, `selected_commands` where there is none; null unless it is grouped by.
    pub workflow_type: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecentAttempt {
    /// The order.
    pub agent_work_order_id: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Time at work in seconds.
    pub duration_seconds: f64,
    /// Why it failed, as a stable code.
    pub error_code: Option<String>,
    /// The step.
    pub step: String,
    /// Whether it succeeded.
    pub success: bool,
    /// When it ended.
    pub timestamp: Timestamp,
}

/// Attempts that ended on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DayFigures {
    /// The day (UTC): `2026-01-02`.
    pub date: String,
    /// Their figures.
    #[serde(flatten)]
    pub figures: StepFigures,
}

/// Attempts of orders for one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepositoryFigures {
    /// Their figures.
    #[serde(flatten)]
    pub figures: StepFigures,
    /// Address of the repository.
    pub repository_url: String,
}

/// Attempts of one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderFigures {
    /// Its agent program.
    pub agent: String,
    /// The order.
    pub agent_work_order_id: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Their figures.
    #[serde(flatten)]
    pub figures: StepFigures,
    /// Address of its repository.
    pub repository_url: String,
    /// The step that took most time in all its attempts.
    pub slowest_step: String,
    /// Its workflow, `selected_commands` if it has none.
    pub workflow_type: String,
}
