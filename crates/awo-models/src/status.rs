//! The one table of status changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an order stands.
///
/// *Waiting* is `Running` with `waiting_for` set; *interrupted* is a step result, never a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentWorkOrderStatus {
    /// Saved, and waiting for a worker.
    Pending,
    /// A worker has claimed it.
    Running,
    /// Every step whose failure matters has succeeded, with evidence.
    Completed,
    /// It ended without success; `error_code` and `error_message` say why.
    Failed,
    /// Somebody cancelled it and nothing of it runs any more.
    Cancelled,
}

impl AgentWorkOrderStatus {
    /// All statuses, in the order of an order's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether the order has ended. Final within a round; only a retry opens another.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for AgentWorkOrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for AgentWorkOrderStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
            format!("{text:?} is not a status: expected pending, running, completed, failed or cancelled")
        })
    }
}

/// The table has no such change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot become {to}")]
pub struct TransitionRefused {
    /// Where the order stands.
    pub from: AgentWorkOrderStatus,
    /// What was asked for.
    pub to: AgentWorkOrderStatus,
}

/// Decides a change of status. `retry` is true only for an explicit retry or follow-up prompt, which opens a new round.
///
/// | from \ to | pending | running | completed, failed | cancelled |
/// |---|---|---|---|---|
/// | pending | – | claim | failed (cannot run) | cancel |
/// | running | handed over | claim by another owner | end | cancel |
/// | ended | retry only | – | – | – |
pub fn next_status(
    from: AgentWorkOrderStatus,
    to: AgentWorkOrderStatus,
    retry: bool,
) -> Result<AgentWorkOrderStatus, TransitionRefused> {
    use AgentWorkOrderStatus::{Cancelled, Completed, Failed, Pending, Running};
    match (from, to) {
        (Pending, Running | Cancelled | Failed) | (Running, _) => Ok(to),
        (Completed | Failed | Cancelled, Pending) if retry => Ok(to),
        _ => Err(TransitionRefused { from, to }),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for from in AgentWorkOrderStatus::ALL {
            for to in AgentWorkOrderStatus::ALL {
                let allowed = |retry| next_status(from, to, retry).is_ok();
                let mark = match (allowed(false), allowed(true)) {
                    (true, true) => "yes",
                    (false, true) => "retry",
                    (false, false) => "-",
                    (true, false) => "only without retry?",
                };
                writeln!(table, "{from:>9} → {to:<9} {mark}").unwrap();
            }
        }
        insta::assert_snapshot!(table, @r"
          pending → pending   -
          pending → running   yes
          pending → completed -
          pending → failed    yes
          pending → cancelled yes
          running → pending   yes
          running → running   yes
          running → completed yes
          running → failed    yes
          running → cancelled yes
        completed → pending   retry
        completed → running   -
        completed → completed -
        completed → failed    -
        completed → cancelled -
           failed → pending   retry
           failed → running   -
           failed → completed -
           failed → failed    -
           failed → cancelled -
        cancelled → pending   retry
        cancelled → running   -
        cancelled → completed -
        cancelled → failed    -
        cancelled → cancelled -
        ");
    }
}
