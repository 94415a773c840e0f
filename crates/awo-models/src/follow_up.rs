//! Follow-up prompts: what somebody says to an order after its request, and the step that each becomes.
//!
//! A prompt waits in the order until its owner takes it up. From then on its step has a place among those of the
//! specification, which never changes itself; [`AgentWorkOrder::workflow`] puts the two together.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AgentName, AgentWorkOrder, FailureCode, Idempotency, PromptInput, RetryPolicy, StepDefinition, StepExecutionResult,
    StepGoal, StepHistory, StepName, agents,
};

/// What the names of steps begin with that prompts become; a number from 1 follows.
const PREFIX: &str = "prompt-";

/// Something that somebody said to an order after its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// What was said. Untrusted text.
    pub text: Arc<str>,
    /// When it came.
    pub at: Timestamp,
    /// It is taken up as soon as so many attempts have ended by themselves, or nothing else is left to do.
    pub after_results: usize,
    /// The caller's key against doubled requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}

/// Name of the step that the n-th prompt of an order becomes, from 1.
pub fn follow_up_step(number: usize) -> StepName {
    StepName::new(&format!("{PREFIX}{number}")).unwrap_or_else(|_| unreachable!("a word and a number are a name"))
}

/// Number of the prompt that a step of this name is for.
pub fn follow_up_number(step: &StepName) -> Option<usize> {
    let digits = step.as_str().strip_prefix(PREFIX)?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (follow_up_step(number) == *step).then_some(number)
}

/// The step that the n-th prompt of an order becomes, from 1.
fn definition(number: usize) -> StepDefinition {
    StepDefinition {
        step: follow_up_step(number),
        agent_name: AgentName::known(agents::FOLLOW_UP),
        agent: None,
        prompt: agents::FOLLOW_UP.to_owned(),
        inputs: vec![
            PromptInput::FollowUpPrompt,
            PromptInput::UserRequest,
            PromptInput::PlanFile,
            PromptInput::BranchName,
            PromptInput::ChangedFiles,
        ],
        goal: StepGoal::FollowUp,
        required: true,
        timeout: None,
        retry: RetryPolicy::default(),
    }
}

impl AgentWorkOrder {
    /// The steps of the order, in order: those of its specification, and those that prompts became.
    pub fn workflow(&self) -> Vec<Cow<'_, StepDefinition>> {
        let spec = &self.spec.workflow;
        let mut all = Vec::with_capacity(spec.len() + self.state.prompts_placed.len());
        for place in 0..=spec.len() {
            let here = self.state.prompts_placed.iter().zip(1..).filter(|(before, _)| **before == place);
            all.extend(here.map(|(_, number)| Cow::Owned(definition(number))));
            all.extend(spec.get(place).map(Cow::Borrowed));
        }
        all
    }

    /// Number of its steps, those that waiting prompts will become included.
    pub fn total_steps(&self) -> usize {
        self.spec.workflow.len() + self.state.prompts.len()
    }

    /// The definition of a step.
    pub fn definition(&self, step: &StepName) -> Option<Cow<'_, StepDefinition>> {
        let follow_up = || {
            let number = follow_up_number(step).filter(|number| *number <= self.state.prompts.len())?;
            Some(Cow::Owned(definition(number)))
        };
        self.spec.workflow.iter().find(|d| d.step == *step).map(Cow::Borrowed).or_else(follow_up)
    }

    /// Place of a step in [`workflow`](Self::workflow), from 0.
    pub fn place_of(&self, step: &StepName) -> Option<usize> {
        let placed = &self.state.prompts_placed;
        if let Some(place) = self.spec.workflow.iter().position(|d| d.step == *step) {
            return Some(place + placed.iter().filter(|before| **before <= place).count());
        }
        let number = follow_up_number(step)?;
        let place = *placed.get(number - 1)?;
        let earlier = |(other, before): (usize, &usize)| *before < place || *before == place && other < number;
        Some(place + (1..).zip(placed).filter(|it| earlier(*it)).count())
    }

    /// What a step of this name was told, if a prompt became it.
    pub fn prompt_of(&self, step: &StepName) -> Option<&FollowUp> {
        self.state.prompts.get(follow_up_number(step)? - 1)
    }

    /// Prompts that are not taken up yet.
    pub fn waiting_prompts(&self) -> usize {
        self.state.prompts.len().saturating_sub(self.state.prompts_placed.len())
    }

    /// The step that the first waiting prompt becomes, and whether its turn has come.
    pub fn next_prompt(&self, history: &StepHistory) -> Option<(StepDefinition, bool)> {
        let number = self.state.prompts_placed.len() + 1;
        let prompt = self.state.prompts.get(number - 1)?;
        Some((definition(number), results_by_themselves(history) >= prompt.after_results))
    }

    /// Where the steps of prompts are once this step has begun, if it is that of the first waiting prompt: it comes right
    /// before the first step of the specification that is not done.
    pub fn placed_with(&self, history: &StepHistory, step: &StepName) -> Option<Vec<usize>> {
        let mut placed = self.state.prompts_placed.clone();
        if follow_up_number(step)? != placed.len() + 1 || self.waiting_prompts() == 0 {
            return None;
        }
        let spec = &self.spec.workflow;
        placed.push(spec.iter().position(|d| !self.is_done(history, d)).unwrap_or(spec.len()));
        Some(placed)
    }

    /// The last success of a follow-up that still counts, with its place in the history.
    pub(crate) fn last_follow_up<'h>(&self, history: &'h StepHistory) -> Option<(usize, &'h Arc<StepExecutionResult>)> {
        if self.state.prompts_placed.is_empty() {
            return None;
        }
        let standing = |(index, result): &(usize, &Arc<StepExecutionResult>)| {
            result.success && follow_up_number(&result.step).is_some() && !self.reopened(&result.step, *index)
        };
        history.iter().enumerate().rev().find(standing)
    }
}

/// Attempts that ended by themselves so far: all but those that were cut.
pub fn results_by_themselves(history: &StepHistory) -> usize {
    history.iter().filter(|result| result.error_code != Some(FailureCode::Interrupted)).count()
}

#[cfg(test)]
mod tests;
