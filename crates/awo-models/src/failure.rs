//! Why a step or an order did not succeed: stable codes with advice.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Class of a failure. The spellings are stable: clients may match on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// The agent program was not found or could not be started.
    AgentMissing,
    /// The agent program is not logged in, or its key was refused.
    AgentAuth,
    /// The model's service asked to wait.
    AgentRateLimited,
    /// The model's service was overloaded or failed.
    AgentOverloaded,
    /// The model refused the request.
    AgentRefused,
    /// The agent was denied a tool that it needed.
    AgentDenied,
    /// The agent used up its turns.
    AgentTurnLimit,
    /// The agent used up its money, or wrote more than it may.
    AgentBudget,
    /// The agent ended without a final result.
    AgentNoResult,
    /// The agent ended by a signal or with an error code.
    AgentCrashed,
    /// The step took longer than it may.
    AgentTimeout,
    /// The agent was silent for longer than it may.
    AgentSilent,
    /// The agent's answer could not be understood.
    OutputInvalid,
    /// The agent reported success, but its effect was not there.
    EvidenceMissing,
    /// The checkout could not be made or used.
    WorkspaceFailed,
    /// The forge refused, or could not be reached.
    ForgeFailed,
    /// The change holds files that the settings keep from being pushed.
    ChangesHeld,
    /// The isolation that was asked for is not available.
    IsolationUnavailable,
    /// The agent tried to reach a host that it may not.
    NetworkRefused,
    /// Somebody cancelled the order.
    Cancelled,
    /// The worker ended during the step.
    Interrupted,
    /// Its worker ended without a word, again and again, while it ran this order.
    WorkerLost,
    /// What finished steps left in the checkout is gone and cannot be made anew.
    WorkspaceLost,
    /// What was stored of the order was damaged, and its later results are lost.
    ResultsLost,
    /// The store could not be written.
    StoreUnavailable,
    /// A defect of awo.
    Internal,
}

impl FailureCode {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgentMissing => "agent_missing",
            Self::AgentAuth => "agent_auth",
            Self::AgentRateLimited => "agent_rate_limited",
            Self::AgentOverloaded => "agent_overloaded",
            Self::AgentRefused => "agent_refused",
            Self::AgentDenied => "agent_denied",
            Self::AgentTurnLimit => "agent_turn_limit",
            Self::AgentBudget => "agent_budget",
            Self::AgentNoResult => "agent_no_result",
            Self::AgentCrashed => "agent_crashed",
            Self::AgentTimeout => "agent_timeout",
            Self::AgentSilent => "agent_silent",
            Self::OutputInvalid => "output_invalid",
            Self::EvidenceMissing => "evidence_missing",
            Self::WorkspaceFailed => "workspace_failed",
            Self::ForgeFailed => "forge_failed",
            Self::ChangesHeld => "changes_held",
            Self::IsolationUnavailable => "isolation_unavailable",
            Self::NetworkRefused => "network_refused",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::WorkerLost => "worker_lost",
            Self::WorkspaceLost => "workspace_lost",
            Self::ResultsLost => "results_lost",
            Self::StoreUnavailable => "store_unavailable",
            Self::Internal => "internal",
        }
    }

    /// What a person can do about it, in one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::AgentMissing => "install the agent program or set its path; `awo doctor` shows what is found",
            Self::AgentAuth => "log the agent program in, or set its key in awo's environment",
            Self::AgentRateLimited => {
                "wait until the limit resets, then retry the order; or let awo wait longer (waiting.*)"
            }
            Self::AgentOverloaded => "try again later; the model's service had trouble",
            Self::AgentRefused => "rephrase the request; the model declined it",
            Self::AgentDenied => "allow the agent its tools: --skip-permissions (read docs/security.md first)",
            Self::AgentTurnLimit => "raise limits.max_turns, or ask for less at once",
            Self::AgentBudget => "raise limits.max_cost_usd or what the message names, or ask for less at once",
            Self::AgentNoResult => "read the transcript; the agent stopped without saying how it went",
            Self::AgentCrashed => "read the transcript and the agent's error output",
            Self::AgentTimeout => {
                "raise limits.step_timeout_seconds or what the message names, or ask for less at once"
            }
            Self::AgentSilent => {
                "the agent gave no sign of life; see its transcript, or raise limits.silence_timeout_seconds"
            }
            Self::OutputInvalid => "read the step's output; the agent's answer had the wrong form, twice",
            Self::EvidenceMissing => "read the step's output; the agent claimed work that is not in the workspace",
            Self::WorkspaceFailed => "check the repository address, the base branch and the free disk space",
            Self::ForgeFailed => "the branch is kept; open the pull request by hand, or retry the order",
            Self::ChangesHeld => {
                "read the files it names, then push the branch by hand, or retry with hold_ci_changes = false"
            }
            Self::IsolationUnavailable => "ask for an isolation that this machine has",
            Self::NetworkRefused => "allow the host if the work needs it: network.allowed_hosts",
            Self::Cancelled => "retry the order if you still want it",
            Self::Interrupted => "the server ended during this step; finished steps are kept",
            Self::WorkerLost => {
                "find out in this step what ends awo (the log, memory, the machine), then retry the order"
            }
            Self::WorkspaceLost => "retry the order from its first step; its results are kept",
            Self::ResultsLost => "retry the order: it goes on after the last result that could be read",
            Self::StoreUnavailable => "check the state directory and its disk",
            Self::Internal => "this is a defect of awo; please report it with the log",
        }
    }

    /// Whether it is trouble of the model's service, which passes: the attempt is suspended and goes on, instead of being
    /// counted. All other trouble ends the attempt.
    pub fn suspends(self) -> bool {
        matches!(self, Self::AgentRateLimited | Self::AgentOverloaded)
    }

    /// Whether a step may be attempted again after it, where its retry policy has attempts left. Trouble that suspends
    /// was waited for as long as may be.
    pub fn allows_another_attempt(self) -> bool {
        self.is_retryable() && !self.suspends()
    }

    /// Whether trying the same again may help.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::AgentRateLimited
                | Self::AgentOverloaded
                | Self::AgentNoResult
                | Self::AgentCrashed
                | Self::AgentSilent
                | Self::AgentTimeout
                | Self::ForgeFailed
                | Self::Interrupted
        )
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a program ended, as the operating system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramExit {
    /// By itself, with a code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// A failure with its class and its story, fit to be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The class.
    pub code: FailureCode,
    /// What happened, naming the input and the cause. Never holds secrets.
    pub message: Arc<str>,
    /// For a rate limit: when it resets, where that is known.
    pub until: Option<Timestamp>,
    /// For a crash: how the program ended, where one ended.
    pub exit: Option<ProgramExit>,
}

impl Failure {
    /// A failure of a class, with its story.
    pub fn new(code: FailureCode, message: impl Into<Arc<str>>) -> Self {
        Self { code, message: message.into(), until: None, exit: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_spelling_is_the_stored_one() {
        for code in [FailureCode::AgentMissing, FailureCode::EvidenceMissing, FailureCode::Internal] {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
    }
}
