//! Decides what an agent is told next, runs it once, and takes what it left.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{Failure, FailureCode, Try};
use awo_state::{ArtifactContent, LogLevel};
use tracing::Instrument as _;

use super::artifact_name;
use super::context::Context;
use super::report::AttemptReport;
use crate::budget::{Used, Watch, caps};
use crate::follow_ups::resumed_session;
use crate::ports::{AgentExecutor, AgentFile, AgentReport, AgentRequest, AgentSession};
use crate::traces;

/// Time an executor gets beyond the step's limit to end its program; after that the attempt fails without it.
const EXECUTOR_GRACE: Duration = Duration::from_mins(1);

/// What an agent is told that goes on after its service could not be used.
const GO_ON: &str = "The service could not be used for a while; now it can again. Go on where you were interrupted, and \
                     answer as you were asked to.\n";

/// What an agent is told next, and in which conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) prompt: String,
    pub(super) session: AgentSession,
}

/// The conversation that an attempt begins in: of a follow-up the order's last one, if the agent can go on in it; else a
/// new one.
pub(super) fn first_session(context: &Context<'_>) -> AgentSession {
    let order = context.order;
    let (definition, history) = (context.definition, context.history);
    let resumes = context.engine.resumes(order.spec.agent_of(definition));
    match resumed_session(order, definition, history, resumes) {
        Some(id) => AgentSession::Resumed(id),
        None => AgentSession::New(order.state.current_step.as_ref().and_then(|current| current.session_id.clone())),
    }
}

/// The next question of an attempt. `prompt` is the step's whole prompt; an agent that goes on in its session has it
/// already, and is told only what is new.
pub(super) fn next_question(prompt: &str, report: &AttemptReport, first: &AgentSession) -> Question {
    let refused = report.tries.iter().rev().find(|tried| tried.error_code == FailureCode::OutputInvalid);
    let reminder = refused.map(|tried| format!("Your last answer could not be used: {}.\n", tried.error_message));
    let went_wrong = report.tries.last().map(|tried| tried.error_code);
    match (&report.goes_on_in, went_wrong, reminder) {
        (Some(session), Some(FailureCode::OutputInvalid), Some(reminder)) => {
            Question { prompt: reminder, session: AgentSession::Resumed(Arc::clone(session)) }
        }
        (Some(session), Some(_), _) => {
            Question { prompt: GO_ON.to_owned(), session: AgentSession::Resumed(Arc::clone(session)) }
        }
        (_, _, reminder) => {
            let reminder = reminder.map(|reminder| format!("\n\n{reminder}")).unwrap_or_default();
            // A session id is used once: a second execution of an attempt lets the program choose.
            let session = if report.tries.is_empty() { first.clone() } else { AgentSession::New(None) };
            Question { prompt: format!("{prompt}{reminder}"), session }
        }
    }
}

/// Whether an execution failed because the session that it was to go on in is not there any more: it ended without having
/// done anything.
fn is_session_lost(session: &AgentSession, executed: &AgentReport) -> bool {
    use FailureCode::{AgentCrashed, AgentNoResult, Internal};
    let code = executed.answer.as_ref().err().map(|failure| failure.code);
    let usage = executed.usage.as_ref();
    let did_something = usage.is_some_and(|u| u.output_tokens.is_some_and(|n| n > 0) || u.turns.is_some_and(|n| n > 0));
    matches!(session, AgentSession::Resumed(_))
        && matches!(code, Some(AgentCrashed | AgentNoResult | Internal))
        && !did_something
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Asked {
    /// An answer.
    Answer(Arc<str>),
    /// The session that was to go on is not there any more, which is among the tries now.
    SessionLost,
}

/// Asks the agent, and keeps what it left.
pub(super) async fn ask(
    context: &Context<'_>,
    question: Question,
    report: &mut AttemptReport,
) -> Result<Asked, Failure> {
    let (order, definition) = (context.order, context.definition);
    let name = order.spec.agent_of(definition);
    let agent = context
        .engine
        .agents
        .get(&**name)
        .ok_or_else(|| Failure::new(FailureCode::AgentMissing, format!("this worker has no agent `{name}`")))?;
    let execution = report.next_execution();
    let limits = &order.spec.limits;
    let round = Used::in_round(order, context.history);
    let step_timeout = definition.timeout.unwrap_or(limits.step_timeout);
    let caps = caps(limits, step_timeout, &round, &report.used())?;
    let timeout = caps.timeout;
    let cancel = context.live.token().child_token();
    let watch = Watch::new(caps.clone(), cancel.clone());
    let trace = traces::agent(context.engine, name, execution, &question.prompt);
    let request = AgentRequest {
        order: order.agent_work_order_id,
        step: definition.step.clone(),
        agent_name: definition.agent_name.clone(),
        attempt: context.attempt,
        prompt: question.prompt,
        working_dir: context.sandbox.working_dir().to_owned(),
        borrowed: context.sandbox.borrowed(),
        repository_url: Arc::clone(&order.spec.repository_url),
        isolation: context.sandbox.isolation(),
        network: context.sandbox.network(),
        // Models have the names of their own agents.
        model: order.spec.model.clone().filter(|_| *name == order.spec.agent),
        session: question.session.clone(),
        max_turns: caps.max_turns,
        max_cost_nanousd: caps.max_cost_nanousd,
        timeout,
        silence: limits.silence_timeout,
        progress: watch.sink(context.live.activity().sink(&context.engine.clock)),
    };
    let (id, begun) = (order.agent_work_order_id, context.engine.clock.monotonic());
    context.engine.note(id, LogLevel::Info, "agent_command_started", |entry| {
        let entry = entry.with_step(definition.step.clone()).with_field("agent", &**name);
        entry.with_field("execution", execution).with_field("timeout_seconds", timeout.as_secs_f64())
    });
    let executing = tokio::time::timeout(timeout + EXECUTOR_GRACE, agent.execute(request, cancel));
    let executed = context.live.activity().told_while(id, &context.engine.activity_hints, executing);
    let executed = executed.instrument(trace.clone()).await;
    let mut executed = executed.unwrap_or_else(|_| {
        let message = format!("the agent did not end within {} s and its grace", timeout.as_secs());
        AgentReport::failed(Failure::new(FailureCode::AgentTimeout, message))
    });
    let lost = is_session_lost(&question.session, &executed);
    executed.answer = executed.answer.map_err(|failure| watch.explained(failure));
    // One that was stopped may not get to say what it used; what it said before counts.
    executed.usage = executed.usage.or_else(|| watch.usage());
    traces::agent_ended(trace, &executed);
    let took = context.engine.clock.monotonic().saturating_sub(begun);
    let level = if executed.answer.is_ok() { LogLevel::Info } else { LogLevel::Warning };
    context.engine.note(id, level, "agent_command_completed", |entry| {
        let entry = entry.with_step(definition.step.clone()).with_field("execution", execution);
        let entry = entry.with_field("duration_seconds", took.as_secs_f64());
        match &executed.answer {
            Ok(_) => entry.with_field("success", true),
            Err(failure) => entry.with_field("success", false).with_message(&failure.to_string()),
        }
    });
    for warning in std::mem::take(&mut executed.warnings) {
        context.engine.note(id, LogLevel::Warning, warning.code.as_str(), |entry| {
            entry.with_step(definition.step.clone()).with_message(&warning.message)
        });
        report.warnings.push(warning);
    }
    report.add_usage(executed.usage.as_ref());
    report.executions.push(took);
    report.session_id = executed.session_id.clone().or(report.session_id.take());
    report.goes_on_in = executed.session_id.filter(|_| agent.capabilities().resumes).or(report.goes_on_in.take());
    keep_files(context, &**agent, executed.files, execution, report).await;
    match executed.answer {
        Ok(answer) => {
            report.answer = Some(Arc::clone(&answer));
            Ok(Asked::Answer(answer))
        }
        Err(failure) if lost && context.live.stopped().is_none() => {
            let message = format!("its session could not go on: {}", failure.message);
            report.tries.push(Try::failed(Failure { message: message.into(), ..failure }, took));
            report.goes_on_in = None;
            Ok(Asked::SessionLost)
        }
        Err(failure) => Err(failure),
    }
}

async fn keep_files(
    context: &Context<'_>,
    agent: &dyn AgentExecutor,
    files: Vec<AgentFile>,
    execution: usize,
    report: &mut AttemptReport,
) {
    let id = context.order.agent_work_order_id;
    for file in files {
        let kind = if execution == 1 { file.kind } else { format!("{execution}.{}", file.kind) };
        let Some(name) = artifact_name(context.history.len(), &context.definition.step, context.attempt, &kind) else {
            agent.discard(&file.path).await;
            continue;
        };
        if context.engine.keep(id, &name, ArtifactContent::File(file.path.clone())).await {
            report.artifacts.push(name);
        } else {
            // Nobody else would before the next start.
            agent.discard(&file.path).await;
        }
    }
}
