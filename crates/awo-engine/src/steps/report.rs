//! Collects what an attempt leaves, until its result is built.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    ArtifactName, CurrentStep, Evidence, Failure, FailureCode, StepDefinition, StepExecutionResult, SuspendedAttempt,
    SuspendedPlace, Timestamp, Try, Usage,
};

use crate::budget::Used;

/// What is known of an attempt so far.
#[derive(Debug, Default)]
pub(super) struct AttemptReport {
    pub(super) evidence: Evidence,
    pub(super) session_id: Option<Arc<str>>,
    pub(super) usage: Option<Usage>,
    pub(super) tries: Vec<Try>,
    pub(super) artifacts: Vec<ArtifactName>,
    /// Trouble that did not end it.
    pub(super) warnings: Vec<Failure>,
    /// The agent's last answer, shown also if it was not good enough.
    pub(super) answer: Option<Arc<str>>,
    /// Session that the next execution goes on in, if the agent's program can.
    pub(super) goes_on_in: Option<Arc<str>>,
    /// Time that the attempt was at work before it was suspended.
    pub(super) worked_before: Duration,
    /// How long each execution since then took.
    pub(super) executions: Vec<Duration>,
}

impl AttemptReport {
    /// A new attempt, or one that was suspended and goes on.
    pub(super) fn new(current: Option<&CurrentStep>, earlier: Option<&SuspendedAttempt>) -> Self {
        let evidence = Evidence { before: current.and_then(|c| c.before.clone()), ..Evidence::default() };
        let report = Self { evidence, ..Self::default() };
        let Some(earlier) = earlier else { return report };
        let session = earlier.place.as_ref().map(|place| Arc::clone(&place.session_id));
        Self {
            session_id: session.clone(),
            goes_on_in: session,
            usage: earlier.usage.clone(),
            tries: earlier.tries.clone(),
            artifacts: earlier.artifacts.clone(),
            worked_before: earlier.worked,
            ..report
        }
    }

    /// What the attempt has used so far. What the engine itself does before the agent takes nothing of the agent's time.
    pub(super) fn used(&self) -> Used {
        let worked = self.worked_before.saturating_add(self.executions.iter().sum());
        Used::so_far(self.usage.as_ref(), worked)
    }

    /// Number of the next execution in the attempt, from 1.
    pub(super) fn next_execution(&self) -> usize {
        self.tries.len() + 1
    }

    /// Answers that could not be used.
    pub(super) fn refused_answers(&self) -> usize {
        self.tries.iter().filter(|tried| tried.error_code == FailureCode::OutputInvalid).count()
    }

    /// The attempt as it is kept while the order waits. It goes on in its session only if the files are known that this
    /// session knows.
    pub(super) fn suspended(self, current: CurrentStep, worked: Duration) -> SuspendedAttempt {
        let place = self.goes_on_in.zip(self.evidence.after);
        let place = place.map(|(session_id, left)| SuspendedPlace { session_id, left });
        // What began with a fresh checkout, and begins anew, begins with another fresh one.
        let before = if place.is_some() { self.evidence.before } else { current.before };
        SuspendedAttempt {
            current: CurrentStep { before, ..current },
            place,
            tries: self.tries,
            usage: self.usage,
            worked,
            artifacts: self.artifacts,
        }
    }

    /// Adds what an execution of the agent consumed.
    pub(super) fn add_usage(&mut self, used: Option<&Usage>) {
        if let Some(used) = used {
            self.usage.get_or_insert_default().add(used);
        }
    }

    /// The result, built once.
    pub(super) fn result(
        self,
        definition: &StepDefinition,
        attempt: u32,
        started_at: Timestamp,
        ended_at: Timestamp,
        duration: Duration,
        ended: Result<String, Failure>,
    ) -> StepExecutionResult {
        let (output, failure) = match ended {
            Ok(output) => (Some(output.into()), None),
            Err(failure) => (self.answer, Some(failure)),
        };
        StepExecutionResult {
            step: definition.step.clone(),
            agent_name: definition.agent_name.clone(),
            attempt,
            success: failure.is_none(),
            output,
            output_truncated: false,
            error_code: failure.as_ref().map(|f| f.code),
            error_exit: failure.as_ref().and_then(|f| f.exit),
            error_message: failure.map(|f| f.message),
            duration,
            session_id: self.session_id,
            started_at,
            timestamp: ended_at,
            evidence: self.evidence,
            usage: self.usage,
            tries: self.tries,
            artifacts: self.artifacts,
        }
    }
}
