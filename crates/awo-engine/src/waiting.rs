//! Decides whether and how long an order waits: for the service of its agent, and before another attempt. Pure.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, Failure, FailureCode, RetryPolicy, StepDefinition, StepHistory, StepName, Timestamp, Try,
};

/// Longest time after a reset at which an order goes on: not all that wait for it begin in the same moment.
const SPREAD: Duration = Duration::from_secs(10);

/// How long an order may wait for the service of its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPolicy {
    /// Longest single wait: a limit that resets later fails the step.
    pub longest: Duration,
    /// All waits of an order in one round.
    pub in_all: Duration,
    /// Waits of one attempt.
    pub times: u32,
}

impl Default for WaitingPolicy {
    fn default() -> Self {
        Self { longest: Duration::from_hours(6), in_all: Duration::from_hours(24), times: 10 }
    }
}

/// A wait that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) waiting_for: Arc<str>,
    pub(crate) until: Timestamp,
    pub(crate) time: Duration,
}

/// The moment of a decision, and the chance in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) random: [u8; 16],
}

impl Moment {
    /// A share of something, from none to all of it.
    fn share(self, of: Duration) -> Duration {
        let [a, b, c, d, ..] = self.random;
        let chance = u32::from_le_bytes([a, b, c, d]);
        of.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }

    fn pause(self, waiting_for: impl Into<Arc<str>>, time: Duration) -> Option<Pause> {
        let until = self.now.checked_add(time).ok()?;
        Some(Pause { waiting_for: waiting_for.into(), until, time })
    }
}

/// The pause after so many failures in a row: doubled with each, and somewhere between half of that and all of it, so that
/// what failed together does not begin again together.
pub(crate) fn back_off(policy: &RetryPolicy, failures: u32, moment: Moment) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let pause = policy.first_pause.saturating_mul(1 << doublings).min(policy.longest_pause);
    pause / 2 + moment.share(pause / 2)
}

/// The pause before the next step, if the last result is an attempt of it that failed by itself.
pub(crate) fn before_attempt(
    order: &AgentWorkOrder,
    history: &StepHistory,
    next: &StepDefinition,
    moment: impl FnOnce() -> Moment,
) -> Option<Pause> {
    let last = history.last().filter(|last| last.step == next.step)?;
    let failed = last.error_code.filter(|code| *code != FailureCode::Interrupted);
    if !failed.is_some_and(FailureCode::allows_another_attempt) {
        return None;
    }
    let (step, moment) = (&last.step, moment());
    let failures = u32::try_from(order.attempts(history, step).count()).unwrap_or(u32::MAX);
    let pause = back_off(&next.retry, failures, moment);
    let attempt = AgentWorkOrder::next_attempt(history, step);
    moment.pause(format!("attempt {attempt} of step `{step}`"), pause)
}

/// An attempt whose agent could not use its service.
#[derive(Debug)]
pub(crate) struct Trouble<'a> {
    pub(crate) agent: &'a str,
    pub(crate) step: &'a StepName,
    pub(crate) failure: &'a Failure,
    /// Executions of the attempt before this one.
    pub(crate) tries: &'a [Try],
    /// How long the order has waited in its present round.
    pub(crate) waited: Duration,
}

/// How long the attempt is suspended; or the failure that says why it is not.
pub(crate) fn suspension(
    trouble: &Trouble<'_>,
    policy: &WaitingPolicy,
    retry: &RetryPolicy,
    moment: Moment,
) -> Result<Pause, Failure> {
    let Trouble { agent, step, failure, .. } = trouble;
    let refused = |why: String| {
        let message = format!("{}; {why}", failure.message);
        Err(Failure { message: message.into(), ..(*failure).clone() })
    };
    let times = trouble.tries.iter().filter(|tried| tried.error_code.suspends()).count();
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    if times >= policy.times {
        return refused(format!("the step has waited {times} times for it, and waits no more (waiting.times)"));
    }
    let reset = failure.until.map(|until| Duration::try_from(until.duration_since(moment.now)).unwrap_or_default());
    let time = match reset.filter(|reset| !reset.is_zero()) {
        Some(reset) => reset,
        None => back_off(retry, times.saturating_add(1), moment),
    };
    if time > policy.longest {
        let when = failure.until.map(|until| format!("it can be used again at {until:.0}, and ")).unwrap_or_default();
        let longest = policy.longest.as_secs();
        return refused(format!("{when}an order waits at most {longest} s (waiting.longest_seconds)"));
    }
    // Not all that wait for one reset go on in the same moment; a back-off has its chance already.
    let time = if reset == Some(time) { time + moment.share(SPREAD) } else { time };
    if trouble.waited.saturating_add(time) > policy.in_all {
        let (waited, in_all) = (trouble.waited.as_secs(), policy.in_all.as_secs());
        return refused(format!(
            "the order has waited {waited} s of the {in_all} s that it may (waiting.in_all_seconds), and would have to \
             wait {} s more",
            time.as_secs()
        ));
    }
    let what = match failure.code {
        FailureCode::AgentRateLimited => format!("the rate limit of {agent}, in step `{step}`"),
        _ => format!("the service of {agent}, which has trouble, in step `{step}`"),
    };
    match moment.pause(what, time) {
        Some(pause) => Ok(pause),
        None => refused("it cannot be waited for so long".into()),
    }
}

/// How long an order has waited for services in its present round.
pub(crate) fn waited(order: &AgentWorkOrder, history: &StepHistory) -> Duration {
    let begin = order.state.rounds.last().map_or(0, |round| round.first_result);
    let tries = history.iter().skip(begin).flat_map(|result| &result.tries);
    total(tries)
}

/// How long was waited after tries.
pub(crate) fn total<'t>(tries: impl IntoIterator<Item = &'t Try>) -> Duration {
    tries.into_iter().filter_map(|tried| tried.waited).sum()
}

#[cfg(test)]
mod tests;
