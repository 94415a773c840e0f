//! The step in progress, and what one execution of a step left.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AgentName, Evidence, Failure, FailureCode, ProgramExit, StepName, Usage, serde_nanos};

/// What one attempt of a step left: one entry of the step history, written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepExecutionResult {
    /// The step.
    pub step: StepName,
    /// The role that did it.
    pub agent_name: AgentName,
    /// Counts the attempts of this step over the order's whole life, from 1; never reset.
    pub attempt: u32,
    /// Whether the step did what it is for, by the engine's own evidence.
    pub success: bool,
    /// What the step gave: the agent's answer, or what the engine made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Arc<str>>,
    /// Whether `output` is the beginning only; the whole is then an artifact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_truncated: bool,
    /// Class of the failure, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<FailureCode>,
    /// The failure told to a person, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<Arc<str>>,
    /// How the agent's program ended, if it crashed. Results of older releases do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_exit: Option<ProgramExit>,
    /// Time that the attempt was at work. Time that it was suspended does not count.
    #[serde(rename = "duration_nanoseconds", with = "serde_nanos")]
    pub duration: Duration,
    /// Session of the agent program, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Arc<str>>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// When the attempt ended.
    pub timestamp: Timestamp,
    /// What the engine saw of its effect.
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
    /// What the agent consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Executions of the agent inside this attempt that were not good enough, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// Names of artifacts kept for this attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<crate::ArtifactName>,
}

/// An execution of the agent that did not settle the attempt, for example an answer that was asked for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Why it was not good enough.
    pub error_code: FailureCode,
    /// The same, told to a person.
    pub error_message: Arc<str>,
    /// How the agent's program ended, if it crashed. Those of older releases do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_exit: Option<ProgramExit>,
    /// Wall time it took.
    #[serde(rename = "duration_nanoseconds", with = "serde_nanos")]
    pub duration: Duration,
    /// How long the order was to wait before the next one, if it had to.
    #[serde(
        default,
        rename = "waited_nanoseconds",
        with = "serde_nanos::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub waited: Option<Duration>,
}

impl Try {
    /// An execution that failed, and after which the next one begins at once.
    pub fn failed(failure: Failure, duration: Duration) -> Self {
        Self { error_exit: failure.exit, ..Self::new(failure.code, failure.message, duration) }
    }

    /// An execution that came to nothing, and after which the next one begins at once.
    pub fn new(error_code: FailureCode, error_message: impl Into<Arc<str>>, duration: Duration) -> Self {
        Self { error_code, error_message: error_message.into(), error_exit: None, duration, waited: None }
    }
}

/// The attempt in progress. It is stored before its agent starts, as long as the store takes writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentStep {
    /// The step.
    pub step: StepName,
    /// The role that does it.
    pub agent_name: AgentName,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// Session id that awo chose for the agent program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Arc<str>>,
    /// Commit and tree of the workspace before it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<crate::WorkspaceSnapshot>,
}

/// How long a step usually takes, told by attempts of it that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualDuration {
    /// Half of them took no longer.
    #[serde(rename = "p50_nanoseconds", with = "serde_nanos")]
    pub p50: Duration,
    /// 95 of 100 took no longer.
    #[serde(rename = "p95_nanoseconds", with = "serde_nanos")]
    pub p95: Duration,
    /// How many there are.
    pub samples: usize,
}

/// An attempt that was found to be slow while it was at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowAttempt {
    /// The step.
    pub step: StepName,
    /// The role that does it.
    pub agent_name: AgentName,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// When it was found.
    pub since: Timestamp,
    /// Time at work after which it counts as slow.
    #[serde(rename = "slow_after_nanoseconds", with = "serde_nanos")]
    pub slow_after: Duration,
    /// What it was compared with; `None` if that was a set bound alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<UsualDuration>,
}

impl SlowAttempt {
    /// Whether it is about this attempt of this step.
    pub fn is_of(&self, step: &StepName, attempt: u32) -> bool {
        self.step == *step && self.attempt == attempt
    }
}

/// An attempt that has begun and not ended: the service of its agent could not be used, and the order waits until it can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedAttempt {
    /// The attempt as it began.
    pub current: CurrentStep,
    /// Where it goes on; `None` if it has to begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<SuspendedPlace>,
    /// Executions so far. The last one is why it waits.
    pub tries: Vec<Try>,
    /// What they consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Time that it was at work.
    #[serde(rename = "worked_nanoseconds", with = "serde_nanos")]
    pub worked: Duration,
    /// Names of artifacts kept for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<crate::ArtifactName>,
}

/// Where a suspended attempt goes on: in a session of the agent, which knows the files as they were left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedPlace {
    /// The session.
    pub session_id: Arc<str>,
    /// The workspace as the agent left it.
    pub left: crate::WorkspaceSnapshot,
}

/// A retry or follow-up: results before `first_result` whose step is at or after `resumes_at` no longer count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Length of the history when the round began.
    pub first_result: usize,
    /// Index in the workflow of the step it begins with.
    pub resumes_at: usize,
}
