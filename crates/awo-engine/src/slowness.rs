//! When an attempt in progress is slow: compared with what is usual, or with a set bound. It is said once of an attempt.

use std::time::Duration;

use awo_models::{AgentWorkOrder, SlowAttempt, StepDefinition, StepHistory, UsualDuration};
use awo_state::LogLevel;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::engine::Engine;
use crate::figures;
use crate::live::LiveOrder;

/// When a step that runs is called slow. Nothing is done about it: that is what time-outs are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowPolicy {
    /// It takes longer than so many percent of the time that 95 of 100 attempts do not exceed; 0: however long.
    pub percent: u32,
    /// So many attempts at least have to tell what is usual.
    pub least_samples: usize,
    /// What is usual makes no step slow before this time.
    pub least: Duration,
    /// It takes longer than this, whatever is usual.
    pub bound: Option<Duration>,
}

impl Default for SlowPolicy {
    fn default() -> Self {
        Self { percent: 200, least_samples: 5, least: Duration::from_mins(1), bound: None }
    }
}

impl SlowPolicy {
    /// Attempts that tell what is usual, at most: the newest. More cannot be asked for.
    pub const MOST_SAMPLES: usize = 200;

    /// Time at work after which an attempt is slow, and what that was compared with; `None` if it never is.
    fn slow_after(&self, usual: Option<UsualDuration>) -> Option<(Duration, Option<UsualDuration>)> {
        let by_usual = usual.filter(|_| self.percent > 0).map(|usual| {
            let longest = usual.p95.saturating_mul(self.percent) / 100;
            (longest.max(self.least), Some(usual))
        });
        let set = self.bound.map(|bound| (bound, None));
        by_usual.into_iter().chain(set).min_by_key(|(after, _)| *after)
    }
}

/// Finds out how long the step usually takes, for who looks at it, and waits until the attempt in progress is slow. Does
/// not end if it cannot become so, or was found to be so before, perhaps by another process.
pub(crate) async fn slow(
    engine: &Engine,
    live: &LiveOrder,
    order: &AgentWorkOrder,
    history: &StepHistory,
    definition: &StepDefinition,
) -> SlowAttempt {
    let attempt = AgentWorkOrder::next_attempt(history, &definition.step);
    let worked = order.state.suspended.as_ref().map(|earlier| earlier.worked).unwrap_or_default();
    let begun = Instant::now();
    let reached = async |after: Duration| match begun.checked_add(after.saturating_sub(worked)) {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await, // as good as never
    };
    let policy = &engine.settings.slow;
    let bounded = async {
        match policy.bound {
            Some(bound) => reached(bound).await,
            None => std::future::pending().await,
        }
    };
    // The bound holds also while nobody knows yet what is usual.
    let usual = tokio::select! {
        biased;
        usual = engine.statistics.usual(&definition.step, order.spec.agent_of(definition), policy.least_samples) => usual,
        () = bounded => None,
    };
    live.activity().set_usual(usual);
    let was_said = order.state.slow.as_ref().is_some_and(|slow| slow.is_of(&definition.step, attempt));
    let Some((slow_after, usual)) = policy.slow_after(usual).filter(|_| !was_said) else {
        return std::future::pending().await;
    };
    reached(slow_after).await;
    SlowAttempt {
        step: definition.step.clone(),
        agent_name: definition.agent_name.clone(),
        attempt,
        since: engine.clock.now(),
        slow_after,
        usual,
    }
}

/// Tells it to those who watch this process, and in the order's own log. Whoever is to be notified beyond hears of the
/// event that is stored with it.
pub(crate) fn tell(engine: &Engine, order: &AgentWorkOrder, slow: &SlowAttempt) {
    let id = order.agent_work_order_id;
    let slow_after_seconds = slow.slow_after.as_secs_f64();
    warn!(agent_work_order_id = %id, step = %slow.step, attempt = slow.attempt, slow_after_seconds, "step_slow");
    figures::step_slow(&slow.step);
    let message = match slow.usual {
        Some(usual) => format!(
            "it is at work for {slow_after_seconds:.0} s; 95 of 100 attempts take no longer than {:.0} s",
            usual.p95.as_secs_f64()
        ),
        None => format!("it is at work for {slow_after_seconds:.0} s, the longest that is set"),
    };
    engine.note(id, LogLevel::Warning, "step_slow", |entry| {
        let entry = entry.with_step(slow.step.clone()).with_field("attempt", slow.attempt);
        entry.with_field("slow_after_seconds", slow_after_seconds).with_message(&message)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(p95: u64) -> UsualDuration {
        UsualDuration { p50: Duration::from_secs(p95 / 2), p95: Duration::from_secs(p95), samples: 5 }
    }

    #[test]
    fn the_nearer_of_usual_and_bound_counts() {
        let after = |percent, least, bound: Option<u64>, p95: Option<u64>| {
            let (least, bound) = (Duration::from_secs(least), bound.map(Duration::from_secs));
            let policy = SlowPolicy { percent, least_samples: 5, least, bound };
            policy.slow_after(p95.map(usual)).map(|(after, usual)| (after.as_secs(), usual.is_some()))
        };
        for (percent, least, bound, p95, expected) in [
            (200, 60, None, Some(100), Some((200, true))),
            (150, 60, None, Some(100), Some((150, true))),
            (200, 60, None, Some(1), Some((60, true))),
            (200, 60, None, None, None),
            (0, 60, None, Some(100), None),
            (0, 60, Some(300), Some(100), Some((300, false))),
            (200, 60, Some(300), None, Some((300, false))),
            (200, 60, Some(10), Some(100), Some((10, false))),
            (200, 60, Some(300), Some(100), Some((200, true))),
            (u32::MAX, 0, None, Some(u64::MAX / 2), Some((Duration::MAX.as_secs() / 100, true))),
        ] {
            assert_eq!(after(percent, least, bound, p95), expected, "{percent} {least} {bound:?} {p95:?}");
        }
    }
}
