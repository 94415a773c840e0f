//! Collects what an attempt leaves, until its result is built.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    ArtifactName, CurrentStep, Evidence, Failure, StepDefinition, StepExecutionResult, Timestamp, Try, Usage,
};

/// What is known of an attempt so far.
#[derive(Debug, Default)]
pub(super) struct AttemptReport {
    pub(super) evidence: Evidence,
    pub(super) session_id: Option<Arc<str>>,
    pub(super) usage: Option<Usage>,
    pub(super) tries: Vec<Try>,
    pub(super) artifacts: Vec<ArtifactName>,
    /// The agent's last answer, shown also if it was not good enough.
    pub(super) answer: Option<Arc<str>>,
}

impl AttemptReport {
    pub(super) fn new(current: Option<&CurrentStep>) -> Self {
        let evidence = Evidence { before: current.and_then(|c| c.before.clone()), ..Evidence::default() };
        Self { evidence, ..Self::default() }
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
