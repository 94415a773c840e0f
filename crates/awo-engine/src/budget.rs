//! Budgets of an order: what its present round has used, what that leaves for the next execution, and when it is over.
//! Pure, but for the watch on an execution that is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::{AgentWorkOrder, Failure, FailureCode, Limits, OrderLimits, StepHistory, Usage};
use tokio_util::sync::CancellationToken;

use crate::ports::{AgentProgress, ProgressSink};

/// Share of a budget, in percent, at which people are warned.
const WARNED_AT: u128 = 80;

/// What is counted against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Turns,
    Tokens,
    Cost,
    Time,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Turns, Self::Tokens, Self::Cost, Self::Time];

    /// The budget; time in nanoseconds.
    fn limit(self, limits: &OrderLimits) -> Option<u64> {
        match self {
            Self::Turns => limits.max_turns,
            Self::Tokens => limits.max_tokens,
            Self::Cost => limits.max_cost_nanousd,
            Self::Time => limits.timeout.map(nanoseconds),
        }
    }

    /// What an agent says of it.
    fn told_by(self, usage: &Usage) -> Option<u64> {
        match self {
            Self::Turns => usage.turns,
            Self::Tokens => usage.tokens(),
            Self::Cost => usage.cost_nanousd,
            Self::Time => None,
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Turns => "limits.order.max_turns",
            Self::Tokens => "limits.order.max_tokens",
            Self::Cost => "limits.order.max_cost_usd",
            Self::Time => "limits.order.timeout_seconds",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn shown(self, amount: u64) -> String {
        match self {
            Self::Turns => format!("{amount} turns"),
            Self::Tokens => format!("{amount} tokens"),
            Self::Cost => format!("{:.4} USD", amount as f64 / 1e9),
            Self::Time => format!("{:.0} s", amount as f64 / 1e9),
        }
    }

    /// The end of a budget.
    fn used_up(self, used: u64, limit: u64) -> Failure {
        let code = if self == Self::Time { FailureCode::AgentTimeout } else { FailureCode::AgentBudget };
        let (used, limit, field) = (self.shown(used), self.shown(limit), self.field());
        let message = format!(
            "the order has used {used} of the {limit} that {field} gives it; a retry gives it as much again, a new order \
             may be given more"
        );
        Failure::new(code, message)
    }
}

/// A sum of what agents told. What they did not tell is unknown, which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    told: u64,
    incomplete: bool,
}

/// What was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Used {
    turns: Sum,
    tokens: Sum,
    cost: Sum,
    worked: Duration,
}

impl Used {
    /// What the attempts of the present round used that have a result. How long a cut attempt was at work is not known
    /// and not counted; what its agent told is.
    pub(crate) fn in_round(order: &AgentWorkOrder, history: &StepHistory) -> Self {
        let begin = order.state.rounds.last().map_or(0, |round| round.first_result);
        let mut used = Self::default();
        for result in history.iter().skip(begin) {
            if result.error_code == Some(FailureCode::Interrupted) {
                used = used.with(&Used::told(result.usage.as_ref()));
            } else {
                used = used.with(&Self::of(result.usage.as_ref(), result.duration));
            }
        }
        used
    }

    /// What one attempt used.
    pub(crate) fn of(usage: Option<&Usage>, worked: Duration) -> Self {
        let sum = |measure: Measure| {
            let told = usage.and_then(|usage| measure.told_by(usage));
            Sum { told: told.unwrap_or(0), incomplete: told.is_none() }
        };
        Self { turns: sum(Measure::Turns), tokens: sum(Measure::Tokens), cost: sum(Measure::Cost), worked }
    }

    /// What one attempt used as far as it was told; the rest does not count as unknown.
    fn told(usage: Option<&Usage>) -> Self {
        let used = Self::of(usage, Duration::ZERO);
        let whole = |sum: Sum| Sum { incomplete: false, ..sum };
        Self { turns: whole(used.turns), tokens: whole(used.tokens), cost: whole(used.cost), ..used }
    }

    /// What an attempt used before its first execution has ended.
    pub(crate) fn so_far(usage: Option<&Usage>, worked: Duration) -> Self {
        Self { worked, ..Self::told(usage) }
    }

    /// Both together.
    pub(crate) fn with(&self, more: &Self) -> Self {
        let sum =
            |a: Sum, b: Sum| Sum { told: a.told.saturating_add(b.told), incomplete: a.incomplete || b.incomplete };
        Self {
            turns: sum(self.turns, more.turns),
            tokens: sum(self.tokens, more.tokens),
            cost: sum(self.cost, more.cost),
            worked: self.worked.saturating_add(more.worked),
        }
    }

    fn of_measure(&self, measure: Measure) -> Sum {
        match measure {
            Measure::Turns => self.turns,
            Measure::Tokens => self.tokens,
            Measure::Cost => self.cost,
            Measure::Time => Sum { told: nanoseconds(self.worked), incomplete: false },
        }
    }
}

/// The budget of the order that is used up, if one is: no execution begins any more in this round.
pub(crate) fn used_up(order: &AgentWorkOrder, history: &StepHistory) -> Option<Failure> {
    let limits = &order.spec.limits.order;
    if limits.is_empty() {
        return None;
    }
    let suspended = order.state.suspended.as_ref();
    let suspended = suspended.map(|s| Used::so_far(s.usage.as_ref(), s.worked)).unwrap_or_default();
    is_used_up(limits, &Used::in_round(order, history).with(&suspended))
}

/// The budget that is used up, if one is.
pub(crate) fn is_used_up(limits: &OrderLimits, used: &Used) -> Option<Failure> {
    Measure::ALL.into_iter().find_map(|measure| {
        let (limit, used) = (measure.limit(limits)?, used.of_measure(measure).told);
        (used >= limit).then(|| measure.used_up(used, limit))
    })
}

/// What people are told of the budgets once an attempt has used more: each the moment it becomes true.
pub(crate) fn warnings(limits: &OrderLimits, before: &Used, after: &Used) -> Vec<Failure> {
    let mut warnings = Vec::new();
    for measure in Measure::ALL {
        let Some(limit) = measure.limit(limits) else { continue };
        let (was, is) = (before.of_measure(measure), after.of_measure(measure));
        let reached = |used: u64| u128::from(used) * 100 >= u128::from(limit) * WARNED_AT;
        if reached(is.told) && !reached(was.told) {
            let (used, limit, field) = (measure.shown(is.told), measure.shown(limit), measure.field());
            let message = format!("the order has used {used} of the {limit} that {field} gives it");
            warnings.push(Failure::new(FailureCode::AgentBudget, message));
        }
        if is.incomplete && !was.incomplete {
            let field = measure.field();
            let message =
                format!("the agent did not say all that {field} counts: it is kept to only as far as it does");
            warnings.push(Failure::new(FailureCode::AgentBudget, message));
        }
    }
    warnings
}

/// What one execution of an agent may use: the least of what is left for the step and for the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) max_turns: Option<u32>,
    pub(crate) max_cost_nanousd: Option<u64>,
    pub(crate) timeout: Duration,
    /// What the order has used before it, and what it may use in all.
    used: Used,
    limits: OrderLimits,
    /// Whether the order, and not the step, is what leaves so little.
    turns_of_order: bool,
    cost_of_order: bool,
    time_of_order: bool,
}

/// What the next execution may use, `round` and `attempt` being what was used before it; or why none begins.
pub(crate) fn caps(limits: &Limits, step_timeout: Duration, round: &Used, attempt: &Used) -> Result<Caps, Failure> {
    let used = round.with(attempt);
    if let Some(failure) = is_used_up(&limits.order, &used) {
        return Err(failure);
    }
    let of_step = |code, limit: &str| Failure::new(code, format!("the step has used all that {limit} gives it"));
    let step_left = |limit: Option<u64>, used: u64, code, field| match limit.map(|limit| limit.saturating_sub(used)) {
        Some(0) => Err(of_step(code, field)),
        left => Ok(left),
    };
    let turns = limits.max_turns.map(u64::from);
    let turns = step_left(turns, attempt.turns.told, FailureCode::AgentTurnLimit, "limits.max_turns")?;
    let cost = step_left(limits.max_cost_nanousd, attempt.cost.told, FailureCode::AgentBudget, "limits.max_cost_usd")?;
    let time = nanoseconds(step_timeout);
    let time =
        step_left(Some(time), nanoseconds(attempt.worked), FailureCode::AgentTimeout, "limits.step_timeout_seconds")?;
    let least = |step: Option<u64>, measure: Measure| {
        let left = measure.limit(&limits.order).map(|limit| limit.saturating_sub(used.of_measure(measure).told));
        match (step, left) {
            (Some(step), Some(order)) if order < step => (Some(order), true),
            (None, Some(order)) => (Some(order), true),
            (step, _) => (step, false),
        }
    };
    let (turns, turns_of_order) = least(turns, Measure::Turns);
    let (max_cost_nanousd, cost_of_order) = least(cost, Measure::Cost);
    let (time, time_of_order) = least(time, Measure::Time);
    Ok(Caps {
        max_turns: turns.map(|turns| u32::try_from(turns).unwrap_or(u32::MAX)),
        max_cost_nanousd,
        timeout: time.map_or(step_timeout, Duration::from_nanos),
        used,
        limits: limits.order.clone(),
        turns_of_order,
        cost_of_order,
        time_of_order,
    })
}

impl Caps {
    /// The order's budget that an execution has passed, by what it used so far.
    fn passed(&self, usage: &Usage) -> Option<Failure> {
        [Measure::Turns, Measure::Tokens, Measure::Cost].into_iter().find_map(|measure| {
            let limit = measure.limit(&self.limits)?;
            let used = self.used.of_measure(measure).told.saturating_add(measure.told_by(usage)?);
            (used > limit).then(|| measure.used_up(used, limit))
        })
    }

    /// The failure of an execution that met a cap: the order's words, where the cap was the order's.
    fn explained(&self, failure: Failure) -> Failure {
        let measure = match failure.code {
            FailureCode::AgentTurnLimit if self.turns_of_order => Measure::Turns,
            FailureCode::AgentBudget if self.cost_of_order => Measure::Cost,
            FailureCode::AgentTimeout if self.time_of_order => Measure::Time,
            _ => return failure,
        };
        let limit = measure.limit(&self.limits).unwrap_or_default();
        let story = measure.used_up(limit, limit);
        Failure { message: format!("{} ({})", story.message, failure.message).into(), ..story }
    }
}

/// Watches what an execution uses while it is under way, and stops it when the order may not use more.
#[derive(Debug)]
pub(crate) struct Watch {
    caps: Caps,
    stop: CancellationToken,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    usage: Option<Usage>,
    passed: Option<Failure>,
}

impl Watch {
    /// A watch that fires `stop`.
    pub(crate) fn new(caps: Caps, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { caps, stop, seen: Mutex::default() })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an agent tells goes to `next`, too.
    pub(crate) fn sink(self: &Arc<Self>, next: ProgressSink) -> ProgressSink {
        let watch = Arc::clone(self);
        ProgressSink::new(move |progress| {
            if let AgentProgress::Used(usage) = &progress {
                watch.look(usage);
            }
            next.tell(progress);
        })
    }

    fn look(&self, usage: &Usage) {
        let mut seen = self.seen();
        seen.usage = Some(usage.clone());
        if seen.passed.is_none() {
            seen.passed = self.caps.passed(usage);
            if seen.passed.is_some() {
                self.stop.cancel();
            }
        }
    }

    /// What the execution was last known to have used.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.seen().usage.clone()
    }

    /// Why the execution really failed.
    pub(crate) fn explained(&self, failure: Failure) -> Failure {
        match self.seen().passed.take() {
            Some(passed) => passed,
            None => self.caps.explained(failure),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
