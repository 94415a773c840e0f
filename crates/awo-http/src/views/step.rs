//! The step history on the wire.

use awo_engine::OrderView;
use awo_models::{AgentWorkOrder, FailureCode, ProgramExit, StepExecutionResult, Timestamp, Try, Usage};
use serde::Serialize;
use utoipa::ToSchema;

use super::evidence::EvidenceView;
use super::order::{CurrentStepView, TokensView};
use super::persistence_word;

/// The results of an order so far, and the step in progress.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepHistory)]
pub(crate) struct StepHistoryView<'a> {
    /// The order.
    #[schema(example = "wo-019b7c9f5ac07e3d8f1a2b3c4d5e6f70")]
    agent_work_order_id: String,
    /// The results, oldest first; empty before the first step ends. Entries are added and never changed.
    steps: Vec<StepView<'a>>,
    /// Status of the order.
    #[schema(example = "running")]
    status: &'static str,
    /// The attempt in progress.
    current_step: Option<CurrentStepView<'a>>,
    /// What the order waits for, told to a person; no step is in progress then. `start` while it is held.
    waiting_for: Option<&'a str>,
    /// Until when it waits. A little later it goes on by itself; null while it is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_until: Option<Timestamp>,
    /// Steps of the workflow, those that prompts became or will become included.
    #[schema(example = 7)]
    total_steps: usize,
    /// Their names, in the order in which they come; prompts that wait have none yet.
    workflow: Vec<String>,
    /// Prompts that wait until the order takes them up.
    queued_prompts: usize,
    /// `degraded` while the store does not take the order's saves; the work goes on.
    #[schema(example = "ok")]
    persistence: &'static str,
    /// Finished steps that are not stored yet, and so not in `steps`.
    pending_steps: usize,
    /// Number of the order's last event: what `after` and the `ETag` count.
    #[schema(example = 12)]
    version: u64,
}

/// What one attempt of a step left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepExecutionResult)]
pub(crate) struct StepView<'a> {
    /// The step.
    #[schema(example = "plan")]
    step: &'a str,
    /// The role that did it.
    #[schema(example = "planner")]
    agent_name: &'a str,
    /// Whether the step did what it is for, by the engine's own evidence.
    success: bool,
    /// The follow-up prompt that became this step; null for steps of the workflow.
    prompt_text: Option<&'a str>,
    /// What the step gave; its beginning if `output_truncated`.
    output: Option<&'a str>,
    /// Why it failed, told to a person.
    error_message: Option<&'a str>,
    /// Time in seconds that the attempt was at work; time that it waited does not count.
    duration_seconds: f64,
    /// Session of the agent program.
    session_id: Option<&'a str>,
    /// When the attempt ended.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// Why it failed, as a stable code.
    error_code: Option<&'static str>,
    /// Of `agent_crashed`: the code that the agent's program ended with, if it ended by itself.
    exit_code: Option<i32>,
    /// Of `agent_crashed`: the number of the signal that ended the agent's program.
    exit_signal: Option<i32>,
    /// What a person can do about it, in one sentence.
    advice: Option<&'static str>,
    /// Whether trying the same again may help; null if it succeeded.
    retryable: Option<bool>,
    /// Number of the attempt, counted per step over the order's life, from 1.
    attempt: u32,
    /// Executions of the agent inside this attempt that were not good enough.
    tries: Vec<TryView<'a>>,
    /// Whether a later result or a later round has overtaken it.
    superseded: bool,
    /// When the attempt began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// What the engine itself saw of its effect.
    evidence: EvidenceView<'a>,
    /// What the agent consumed; null is unknown.
    usage: Option<UsageView<'a>>,
    /// Whether `output` is the beginning only; the whole is at `/steps/{n}/output`.
    output_truncated: bool,
    /// Names of files kept for this attempt.
    #[schema(value_type = Vec<String>)]
    artifacts: Vec<&'a str>,
}

/// An execution of the agent that did not settle the attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepTry)]
pub(crate) struct TryView<'a> {
    /// Why it was not good enough, as a stable code.
    error_code: &'static str,
    /// The same, told to a person.
    error_message: &'a str,
    /// Of `agent_crashed`: the code that the agent's program ended with, if it ended by itself.
    exit_code: Option<i32>,
    /// Of `agent_crashed`: the number of the signal that ended the agent's program.
    exit_signal: Option<i32>,
    /// Wall time in seconds.
    duration_seconds: f64,
    /// How long the order was to wait before the next one, in seconds; null if that began at once.
    waited_seconds: Option<f64>,
}

/// What an agent consumed, as it reports it. null is unknown, which is not zero.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepUsage)]
pub(crate) struct UsageView<'a> {
    /// Tokens; null if none are known.
    tokens: Option<TokensView>,
    /// Turns of the conversation.
    turns: Option<u64>,
    /// Cost in US dollars.
    cost_usd: Option<f64>,
    /// Model that answered.
    model: Option<&'a str>,
    /// Version of the agent program.
    agent_version: Option<&'a str>,
}

impl<'a> StepHistoryView<'a> {
    pub(crate) fn new(view: &'a OrderView) -> Self {
        let OrderView { order, history, seq, persistence, activity, .. } = view;
        let results = history.iter().enumerate();
        Self {
            agent_work_order_id: order.agent_work_order_id.to_string(),
            steps: results.map(|(index, r)| StepView::new(r, order, order.superseded(history, index))).collect(),
            status: order.state.status.as_str(),
            current_step: CurrentStepView::of(order, activity.as_ref()),
            waiting_for: order.waiting_for(),
            waiting_until: order.state.waiting_until,
            total_steps: order.total_steps(),
            workflow: order.workflow().iter().map(|definition| definition.step.to_string()).collect(),
            queued_prompts: order.waiting_prompts(),
            persistence: persistence_word(*persistence),
            pending_steps: persistence.pending_steps,
            version: seq.0,
        }
    }
}

impl<'a> StepView<'a> {
    fn new(result: &'a StepExecutionResult, order: &'a AgentWorkOrder, superseded: bool) -> Self {
        Self {
            step: result.step.as_str(),
            agent_name: result.agent_name.as_str(),
            success: result.success,
            prompt_text: order.prompt_of(&result.step).map(|prompt| &*prompt.text),
            output: result.output.as_deref(),
            error_message: result.error_message.as_deref(),
            duration_seconds: result.duration.as_secs_f64(),
            session_id: result.session_id.as_deref(),
            timestamp: result.timestamp,
            error_code: result.error_code.map(FailureCode::as_str),
            exit_code: exit_code(result.error_exit),
            exit_signal: exit_signal(result.error_exit),
            advice: result.error_code.map(FailureCode::advice),
            retryable: result.error_code.map(FailureCode::is_retryable),
            attempt: result.attempt,
            tries: result.tries.iter().map(TryView::from).collect(),
            superseded,
            started_at: result.started_at,
            evidence: EvidenceView::from(&result.evidence),
            usage: result.usage.as_ref().map(UsageView::from),
            output_truncated: result.output_truncated,
            artifacts: result.artifacts.iter().map(awo_models::ArtifactName::as_str).collect(),
        }
    }
}

fn exit_code(exit: Option<ProgramExit>) -> Option<i32> {
    match exit {
        Some(ProgramExit::Code(code)) => Some(code),
        _ => None,
    }
}

fn exit_signal(exit: Option<ProgramExit>) -> Option<i32> {
    match exit {
        Some(ProgramExit::Signal(signal)) => Some(signal),
        _ => None,
    }
}

impl<'a> From<&'a Try> for TryView<'a> {
    fn from(tried: &'a Try) -> Self {
        Self {
            error_code: tried.error_code.as_str(),
            error_message: &tried.error_message,
            exit_code: exit_code(tried.error_exit),
            exit_signal: exit_signal(tried.error_exit),
            duration_seconds: tried.duration.as_secs_f64(),
            waited_seconds: tried.waited.map(|time| time.as_secs_f64()),
        }
    }
}

impl<'a> From<&'a Usage> for UsageView<'a> {
    fn from(usage: &'a Usage) -> Self {
        Self {
            tokens: TokensView::of(usage),
            turns: usage.turns,
            cost_usd: usage.cost_usd(),
            model: usage.model.as_deref(),
            agent_version: usage.agent_version.as_deref(),
        }
    }
}
