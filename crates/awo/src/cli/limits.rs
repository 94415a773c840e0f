//! The flags that say what an order may use.

use awo_client::{NewLimits, NewOrderLimits};
use clap::Args;

/// What an order may use: each of its steps, and all of them together.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Turns of the agent in one step.
    #[arg(long, value_name = "TURNS")]
    max_turns: Option<u32>,
    /// Cost of one step in US dollars.
    #[arg(long, value_name = "USD")]
    max_cost_usd: Option<f64>,
    /// Time in seconds that one step may be at work.
    #[arg(long, value_name = "SECONDS")]
    step_timeout: Option<f64>,
    /// Longest time in seconds that an agent may give no sign of life.
    #[arg(long, value_name = "SECONDS")]
    silence_timeout: Option<f64>,
    /// Attempts of each step; failures that may pass are tried again after a pause.
    #[arg(long, value_name = "ATTEMPTS")]
    max_attempts: Option<u32>,
    /// Turns of all steps together.
    #[arg(long, value_name = "TURNS")]
    order_max_turns: Option<u32>,
    /// Tokens of all steps together: input, output and what goes into the provider's cache.
    #[arg(long, value_name = "TOKENS")]
    order_max_tokens: Option<u32>,
    /// Cost of all steps together in US dollars.
    #[arg(long, value_name = "USD")]
    order_max_cost_usd: Option<f64>,
    /// Time in seconds that all steps together may be at work; time that the order waits does not count.
    #[arg(long, value_name = "SECONDS")]
    order_timeout: Option<f64>,
}

impl LimitArguments {
    /// The limits as a request has them; `None` if there are none.
    pub(crate) fn body(&self) -> Option<NewLimits> {
        let of_order = NewOrderLimits {
            max_turns: self.order_max_turns.map(Into::into),
            max_tokens: self.order_max_tokens.map(Into::into),
            max_cost_usd: self.order_max_cost_usd,
            timeout_seconds: self.order_timeout,
        };
        let limits = NewLimits {
            max_turns: self.max_turns.map(Into::into),
            max_cost_usd: self.max_cost_usd,
            step_timeout_seconds: self.step_timeout,
            silence_timeout_seconds: self.silence_timeout,
            max_attempts: self.max_attempts.map(Into::into),
            order: (of_order != NewOrderLimits::default()).then_some(of_order),
        };
        (limits != NewLimits::default()).then_some(limits)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use crate::cli::{Arguments, Command};

    fn body(flags: &[&str]) -> Option<serde_json::Value> {
        let arguments = [["awo", "create", "do it"].as_slice(), flags].concat();
        match Arguments::parse_from(arguments).command {
            Command::Create(create) => create.order.limits.body().map(|limits| json!(limits)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_the_limits_of_the_request() {
        assert_eq!(body(&[]), None);
        let flags = ["--max-turns=5", "--max-cost-usd=0.5", "--step-timeout=60", "--silence-timeout=30"];
        let expected = json!({
            "max_turns": 5, "max_cost_usd": 0.5, "step_timeout_seconds": 60.0, "silence_timeout_seconds": 30.0
        });
        assert_eq!(body(&flags), Some(expected));
        let flags = ["--max-attempts=2", "--order-max-turns=9", "--order-max-tokens=1000", "--order-max-cost-usd=2.5"];
        let expected = json!({
            "max_attempts": 2, "order": {"max_turns": 9, "max_tokens": 1000, "max_cost_usd": 2.5}
        });
        assert_eq!(body(&flags), Some(expected));
        assert_eq!(body(&["--order-timeout=3600"]), Some(json!({"order": {"timeout_seconds": 3600.0}})));
    }
}
