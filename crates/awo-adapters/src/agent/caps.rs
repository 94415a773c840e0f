//! Owns the limits that a program does not keep by itself: they are counted out of what it tells while it works.

use awo_engine::ports::{AgentProgress, AgentRequest};
use awo_models::{Failure, FailureCode};

use super::driver::AgentInvocation;

/// Counts what an execution has used of its turns and its money.
#[derive(Debug, Default)]
pub(super) struct Caps {
    max_turns: Option<u64>,
    max_cost: Option<u64>,
    /// Turns, as the program counts them.
    turns: Option<u64>,
    /// Tools whose use began. A program that does not count turns takes one for each, or more.
    tools: u64,
    cost: Option<u64>,
}

/// A limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cap {
    /// More turns than these.
    Turns(u64),
    /// So much money, more than the second figure.
    Cost(u64, u64),
}

impl Caps {
    /// The limits of a request that the program does not keep.
    pub(super) fn of(request: &AgentRequest, invocation: &AgentInvocation) -> Self {
        Self {
            max_turns: request.max_turns.map(u64::from).filter(|_| !invocation.keeps_turns),
            max_cost: request.max_cost_nanousd.filter(|_| !invocation.keeps_cost),
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, progress: &AgentProgress) {
        match progress {
            AgentProgress::ToolStarted { .. } => self.tools += 1,
            AgentProgress::Used(usage) => {
                self.turns = usage.turns.or(self.turns);
                self.cost = usage.cost_nanousd.or(self.cost);
            }
            _ => {}
        }
    }

    /// The limit that was passed, if one was. What is used up exactly is not passed.
    pub(super) fn passed(&self) -> Option<Cap> {
        let turns = self.turns.unwrap_or(self.tools);
        if let Some(max) = self.max_turns.filter(|max| turns > *max) {
            return Some(Cap::Turns(max));
        }
        let (cost, max) = (self.cost?, self.max_cost?);
        (cost > max).then_some(Cap::Cost(cost, max))
    }
}

impl Cap {
    pub(super) fn failure(self, name: &str) -> Failure {
        match self {
            Self::Turns(max) => Failure::new(
                FailureCode::AgentTurnLimit,
                format!("{name} was stopped after {max} turns, all it may take"),
            ),
            Self::Cost(cost, max) => Failure::new(
                FailureCode::AgentBudget,
                format!("{name} was stopped after it had spent {} of {} US dollars", usd(cost), usd(max)),
            ),
        }
    }
}

/// Billionths of a dollar as a decimal number of dollars, exactly.
pub(crate) fn usd(nanousd: u64) -> String {
    let text = format!("{}.{:09}", nanousd / 1_000_000_000, nanousd % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use awo_models::Usage;

    use super::*;

    fn tool() -> AgentProgress {
        AgentProgress::ToolStarted { tool: "shell".into(), detail: "".into() }
    }

    fn used(turns: Option<u64>, cost_nanousd: Option<u64>) -> AgentProgress {
        AgentProgress::Used(Usage { turns, cost_nanousd, ..Usage::default() })
    }

    fn passed(max_turns: u64, max_cost: u64, story: &[AgentProgress]) -> Option<Cap> {
        let mut caps = Caps { max_turns: Some(max_turns), max_cost: Some(max_cost), ..Caps::default() };
        for progress in story {
            caps.count(progress);
        }
        caps.passed()
    }

    #[test]
    fn a_limit_may_be_used_up_and_not_passed() {
        assert_eq!(passed(2, 10, &[tool(), tool(), used(None, Some(10))]), None);
        assert_eq!(passed(2, 10, &[tool(), tool(), tool()]), Some(Cap::Turns(2)));
        assert_eq!(passed(2, 10, &[used(None, Some(4)), used(None, Some(11))]), Some(Cap::Cost(11, 10)));
    }

    #[test]
    fn the_programs_own_count_of_turns_is_better_than_that_of_tools() {
        assert_eq!(passed(2, 10, &[tool(), tool(), tool(), used(Some(2), None)]), None);
        assert_eq!(passed(2, 10, &[used(Some(3), None)]), Some(Cap::Turns(2)));
    }

    #[test]
    fn without_limits_nothing_is_passed() {
        let mut caps = Caps::default();
        (0..100).for_each(|_| caps.count(&tool()));
        caps.count(&used(Some(100), Some(100)));
        assert_eq!(caps.passed(), None);
    }

    #[test]
    fn money_is_written_exactly() {
        for (nanousd, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (20_000_000_000, "20"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(usd(nanousd), text);
        }
    }
}
