//! What an order may use, on the wire.

use std::time::Duration;

use awo_models::{AgentWorkOrder, Limits, OrderLimits};
use serde::Serialize;
use utoipa::ToSchema;

/// Limits of an order: of each of its steps, and of all of them together. null is no limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsView {
    /// Turns of the agent in one step.
    max_turns: Option<u32>,
    /// Cost of one step in US dollars.
    max_cost_usd: Option<f64>,
    /// Time in seconds that one step may be at work.
    #[schema(example = 3600.0)]
    step_timeout_seconds: f64,
    /// Longest time in seconds that an agent may give no sign of life; null leaves it to the server.
    silence_timeout_seconds: Option<f64>,
    /// Attempts of the step that has most of them.
    #[schema(example = 1)]
    max_attempts: u32,
    /// All steps together, in one round: a retry has all of it anew.
    order: OrderLimitsView,
}

/// What all steps of an order may use together. null is no limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLimits)]
pub(crate) struct OrderLimitsView {
    /// Turns of its agents.
    max_turns: Option<u64>,
    /// Tokens of its agents: input, output and what went into the provider's cache.
    max_tokens: Option<u64>,
    /// Cost in US dollars.
    max_cost_usd: Option<f64>,
    /// Time in seconds that its steps may be at work; time that it waits does not count.
    timeout_seconds: Option<f64>,
}

impl LimitsView {
    pub(super) fn of(order: &AgentWorkOrder) -> Self {
        let Limits { max_turns, max_cost_nanousd, step_timeout, silence_timeout, order: all } = &order.spec.limits;
        let OrderLimits { max_turns: all_turns, max_tokens, max_cost_nanousd: all_cost, timeout } = all;
        let attempts = order.spec.workflow.iter().map(|definition| definition.retry.max_attempts);
        Self {
            max_turns: *max_turns,
            max_cost_usd: max_cost_nanousd.map(usd),
            step_timeout_seconds: step_timeout.as_secs_f64(),
            silence_timeout_seconds: silence_timeout.map(|time| time.as_secs_f64()),
            max_attempts: attempts.max().unwrap_or(1),
            order: OrderLimitsView {
                max_turns: *all_turns,
                max_tokens: *max_tokens,
                max_cost_usd: all_cost.map(usd),
                timeout_seconds: timeout.as_ref().map(Duration::as_secs_f64),
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people; the exact figure is kept in nanodollars")]
fn usd(nanousd: u64) -> f64 {
    nanousd as f64 / 1e9
}
