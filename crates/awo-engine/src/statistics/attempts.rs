//! What is counted of an order: its attempts that have a result, without their words. Pure.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, FailureCode, OrderId, StepExecutionResult, StepHistory, StepName, Timestamp, Usage, WorkflowType,
    follow_up_number,
};

/// The one name that all steps have which prompts became.
static PROMPT: LazyLock<StepName> = LazyLock::new(|| StepName::known("prompt"));

/// The workflow of orders whose commands were selected.
pub const SELECTED_COMMANDS: &str = "selected_commands";

/// An order, as far as it is counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CountedOrder {
    pub(crate) id: OrderId,
    pub(crate) created_at: Timestamp,
    pub(crate) repository_url: Arc<str>,
    pub(crate) workflow: &'static str,
    pub(crate) agent: Arc<str>,
    pub(crate) attempts: Vec<Attempt>,
}

/// An attempt that has its result, as far as it is counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) step: StepName,
    pub(crate) number: u32,
    /// The agent program that was to do it.
    pub(crate) agent: Arc<str>,
    /// The model that answered, else the one that was asked for.
    pub(crate) model: Option<Arc<str>>,
    /// Time at work.
    pub(crate) took: Duration,
    pub(crate) ended: Timestamp,
    /// `None` if it succeeded.
    pub(crate) error: Option<FailureCode>,
    /// What it consumed, without names.
    pub(crate) usage: Option<Box<Usage>>,
}

impl CountedOrder {
    /// An order as it is stored. Names are shared with the order, not copied.
    pub(crate) fn of(order: &AgentWorkOrder, history: &StepHistory) -> Self {
        let spec = &order.spec;
        let mut attempts: Vec<Attempt> = Vec::with_capacity(history.len());
        for result in history.iter() {
            let known = attempts.last().and_then(|before| before.model.clone());
            attempts.push(Attempt::of(order, result, known));
        }
        Self {
            id: order.agent_work_order_id,
            created_at: order.created_at,
            repository_url: Arc::clone(&spec.repository_url),
            workflow: spec.workflow_type.map_or(SELECTED_COMMANDS, WorkflowType::as_str),
            agent: Arc::clone(&spec.agent),
            attempts,
        }
    }
}

impl Attempt {
    /// `known` is a name of a model that is kept already.
    fn of(order: &AgentWorkOrder, result: &StepExecutionResult, known: Option<Arc<str>>) -> Self {
        let asked = order.spec.model.clone();
        let model = match result.usage.as_ref().and_then(|usage| usage.model.as_deref()) {
            Some(answered) => {
                let kept = [known, asked].into_iter().flatten().find(|kept| **kept == *answered);
                Some(kept.unwrap_or_else(|| answered.into()))
            }
            None => asked,
        };
        let definition = order.definition(&result.step);
        let agent = definition.as_ref().map_or(&order.spec.agent, |definition| order.spec.agent_of(definition));
        let step = definition.as_ref().map_or(&result.step, |definition| &definition.step);
        Self {
            step: counted_step(step).clone(),
            number: result.attempt,
            agent: Arc::clone(agent),
            model,
            took: result.duration,
            ended: result.timestamp,
            error: (!result.success).then(|| result.error_code.unwrap_or(FailureCode::Internal)),
            usage: result.usage.as_ref().map(|usage| {
                let usage = Usage { model: None, agent_version: None, ..usage.clone() };
                Box::new(usage)
            }),
        }
    }
}

/// The name that a step is counted under: its own, or the one that all prompts have.
pub(crate) fn counted_step(step: &StepName) -> &StepName {
    if follow_up_number(step).is_some() { &PROMPT } else { step }
}
