//! Figures of steps on the wire.

use std::collections::BTreeMap;

use awo_engine::{DayFigures, Dimension, Figures, OrderFigures, RecentAttempt, StatsGroup, StatsSummary, StepStats};
use awo_models::{FailureCode, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::order::TokensView;

/// How long steps took that ended in a window of time, what they cost, and why they failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepStats)]
pub(crate) struct StatsView<'a> {
    /// Attempts that ended at this time or later are counted; null: however long ago.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Attempts that ended before this time are counted; null: until now.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Whether all that is stored has been read. For some seconds after a start it may not have been.
    #[schema(example = true)]
    complete: bool,
    /// Orders that were created before are not counted, as there are too many; null: all are.
    #[schema(value_type = Option<String>, format = DateTime)]
    reaches_back_to: Option<Timestamp>,
    /// Orders that are damaged, and so not counted.
    unreadable_orders: usize,
    /// What the attempts of a group have in common.
    #[schema(value_type = Vec<String>, example = json!(["step", "agent"]))]
    group_by: Vec<&'static str>,
    /// Of all attempts.
    total: FiguresView,
    /// Of those that have something in common; those first that took most time in all.
    pub(crate) groups: Vec<GroupView<'a>>,
    /// Of those that ended on a day (UTC), oldest first. Days without any are left out.
    days: Vec<DayView>,
    /// Of those of a repository; those first that cost most, at most 50.
    repositories: Vec<RepositoryFiguresView<'a>>,
    /// Of those of an order; those first that took most time in all.
    slowest_orders: Vec<OrderFiguresView<'a>>,
}

/// Figures of attempts that have a result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepFigures)]
pub(crate) struct FiguresView {
    /// Orders that they are of.
    #[schema(example = 40)]
    pub(crate) orders: usize,
    /// How many there are.
    #[schema(example = 45)]
    pub(crate) attempts: usize,
    /// How many of them succeeded.
    #[schema(example = 41)]
    pub(crate) succeeded: usize,
    /// How many did not.
    #[schema(example = 4)]
    pub(crate) failed: usize,
    /// These by their error codes.
    #[schema(value_type = BTreeMap<String, usize>, example = json!({"agent_timeout": 3, "interrupted": 1}))]
    pub(crate) failures: BTreeMap<&'static str, usize>,
    /// Of those that succeeded: time at work in seconds that half of them did not exceed; null if none did.
    #[schema(example = 183.2)]
    pub(crate) p50_seconds: Option<f64>,
    /// The same, that 95 of 100 did not exceed. It is the time of one of them (nearest rank).
    #[schema(example = 361.0)]
    pub(crate) p95_seconds: Option<f64>,
    /// The longest of these.
    #[schema(example = 420.7)]
    pub(crate) max_seconds: Option<f64>,
    /// Time at work of all attempts together, failed ones included.
    #[schema(example = 8_100.4)]
    pub(crate) total_seconds: f64,
    /// What they cost, as far as their agents said.
    #[schema(example = 12.81)]
    pub(crate) cost_usd: Option<f64>,
    /// Tokens, as far as their agents said.
    pub(crate) tokens: Option<TokensView>,
    /// Turns, as far as their agents said.
    pub(crate) turns: Option<u64>,
}

/// Attempts that have something in common.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepStatsGroup)]
pub(crate) struct GroupView<'a> {
    /// The step, `prompt` for all that prompts became; null unless it is grouped by.
    #[schema(example = "implement")]
    pub(crate) step: Option<&'a str>,
    /// The agent program; null unless it is grouped by.
    #[schema(example = "claude")]
    pub(crate) agent: Option<&'a str>,
    /// The model that answered, else the one that was asked for; null unless it is known and grouped by.
    pub(crate) model: Option<&'a str>,
    /// Address of the repository; null unless it is grouped by.
    pub(crate) repository_url: Option<&'a str>,
    /// The workflow, `selected_commands` where there is none; null unless it is grouped by.
    pub(crate) workflow_type: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) figures: FiguresView,
    /// The last ones, newest first; as many as are asked for.
    recent: Vec<RecentView<'a>>,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecentAttempt)]
pub(crate) struct RecentView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// The step.
    #[schema(example = "implement")]
    step: &'a str,
    /// Number of the attempt, from 1.
    #[schema(example = 1)]
    attempt: u32,
    /// Whether it succeeded.
    #[schema(example = true)]
    success: bool,
    /// Why it failed, as a stable code.
    error_code: Option<&'static str>,
    /// Time at work in seconds.
    #[schema(example = 180.1)]
    duration_seconds: f64,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// Attempts that ended on one day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DayFigures)]
pub(crate) struct DayView {
    /// The day (UTC).
    #[schema(format = Date, example = "2026-01-02")]
    date: String,
    #[serde(flatten)]
    figures: FiguresView,
}

/// Attempts of orders for one repository.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepositoryFigures)]
pub(crate) struct RepositoryFiguresView<'a> {
    /// Address of the repository.
    #[schema(example = "https://github.com/octo/hello")]
    repository_url: &'a str,
    #[serde(flatten)]
    figures: FiguresView,
}

/// Attempts of one order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderFigures)]
pub(crate) struct OrderFiguresView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// Address of its repository.
    #[schema(example = "https://github.com/octo/hello")]
    repository_url: &'a str,
    /// Its workflow, `selected_commands` if it has none.
    #[schema(example = "agent_workflow_plan")]
    workflow_type: &'static str,
    /// Its agent program.
    #[schema(example = "claude")]
    agent: &'a str,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The step that took most time in all its attempts.
    #[schema(example = "implement")]
    slowest_step: &'a str,
    #[serde(flatten)]
    figures: FiguresView,
}

impl<'a> StatsView<'a> {
    pub(crate) fn new(stats: &'a StepStats, group_by: impl IntoIterator<Item = Dimension>) -> Self {
        let StatsSummary { total, groups, days, repositories, slowest_orders } = &stats.summary;
        let repositories = repositories
            .iter()
            .map(|(url, figures)| RepositoryFiguresView { repository_url: url, figures: FiguresView::from(figures) });
        Self {
            since: stats.since,
            until: stats.until,
            complete: stats.complete,
            reaches_back_to: stats.reaches_back_to,
            unreadable_orders: stats.unreadable_orders,
            group_by: group_by.into_iter().map(Dimension::as_str).collect(),
            total: FiguresView::from(total),
            groups: groups.iter().map(GroupView::from).collect(),
            days: days.iter().map(DayView::from).collect(),
            repositories: repositories.collect(),
            slowest_orders: slowest_orders.iter().map(OrderFiguresView::from).collect(),
        }
    }
}

impl From<&Figures> for FiguresView {
    fn from(figures: &Figures) -> Self {
        let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
        Self {
            orders: figures.orders,
            attempts: figures.attempts,
            succeeded: figures.succeeded,
            failed: figures.failed(),
            failures: figures.failures.iter().map(|(code, count)| (code.as_str(), *count)).collect(),
            p50_seconds: seconds(figures.p50),
            p95_seconds: seconds(figures.p95),
            max_seconds: seconds(figures.max),
            total_seconds: figures.total.as_secs_f64(),
            cost_usd: figures.usage.cost_usd(),
            tokens: TokensView::of(&figures.usage),
            turns: figures.usage.turns,
        }
    }
}

impl<'a> From<&'a StatsGroup> for GroupView<'a> {
    fn from(group: &'a StatsGroup) -> Self {
        let common = &group.common;
        Self {
            step: common.step.as_ref().map(awo_models::StepName::as_str),
            agent: common.agent.as_deref(),
            model: common.model.as_deref(),
            repository_url: common.repository_url.as_deref(),
            workflow_type: common.workflow,
            figures: FiguresView::from(&group.figures),
            recent: group.recent.iter().map(RecentView::from).collect(),
        }
    }
}

impl<'a> From<&'a RecentAttempt> for RecentView<'a> {
    fn from(attempt: &'a RecentAttempt) -> Self {
        Self {
            agent_work_order_id: attempt.order.to_string(),
            step: attempt.step.as_str(),
            attempt: attempt.attempt,
            success: attempt.error.is_none(),
            error_code: attempt.error.map(FailureCode::as_str),
            duration_seconds: attempt.took.as_secs_f64(),
            timestamp: attempt.ended,
        }
    }
}

impl From<&DayFigures> for DayView {
    fn from(day: &DayFigures) -> Self {
        Self { date: day.begins.strftime("%F").to_string(), figures: FiguresView::from(&day.figures) }
    }
}

impl<'a> From<&'a OrderFigures> for OrderFiguresView<'a> {
    fn from(order: &'a OrderFigures) -> Self {
        Self {
            agent_work_order_id: order.order.to_string(),
            repository_url: &order.repository_url,
            workflow_type: order.workflow,
            agent: &order.agent,
            created_at: order.created_at,
            slowest_step: order.slowest_step.as_str(),
            figures: FiguresView::from(&order.figures),
        }
    }
}
