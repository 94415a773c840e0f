//! Runs the agent once, and takes what it left.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{Failure, FailureCode};
use awo_state::{ArtifactContent, LogLevel};

use super::artifact_name;
use super::context::Context;
use super::report::AttemptReport;
use crate::ports::{AgentExecutor, AgentFile, AgentReport, AgentRequest, AgentSession, ProgressSink};

/// Time an executor gets beyond the step's limit to end its program; after that the attempt fails without it.
const EXECUTOR_GRACE: Duration = Duration::from_mins(1);

/// Runs the agent once, and keeps what it left.
pub(super) async fn ask(
    context: &Context<'_>,
    prompt: String,
    answer_number: u32,
    report: &mut AttemptReport,
) -> Result<Arc<str>, Failure> {
    let (order, definition) = (context.order, context.definition);
    let name = order.spec.agent_of(definition);
    let agent = context
        .engine
        .agents
        .get(&**name)
        .ok_or_else(|| Failure::new(FailureCode::AgentMissing, format!("this worker has no agent `{name}`")))?;
    let timeout = definition.timeout.unwrap_or(order.spec.limits.step_timeout);
    // A session id is used once: the second execution of an attempt lets the program choose.
    let chosen = order.state.current_step.as_ref().filter(|_| answer_number == 1).and_then(|c| c.session_id.clone());
    let request = AgentRequest {
        order: order.agent_work_order_id,
        step: definition.step.clone(),
        agent_name: definition.agent_name.clone(),
        attempt: context.attempt,
        prompt,
        working_dir: context.sandbox.working_dir().to_owned(),
        // Models have the names of their own agents.
        model: order.spec.model.clone().filter(|_| *name == order.spec.agent),
        session: AgentSession::New(chosen),
        max_turns: order.spec.limits.max_turns,
        max_cost_nanousd: order.spec.limits.max_cost_nanousd,
        timeout,
        silence: None,
        progress: ProgressSink::none(),
    };
    let (id, begun) = (order.agent_work_order_id, context.engine.clock.monotonic());
    context.engine.note(id, LogLevel::Info, "agent_command_started", |entry| {
        let entry = entry.with_step(definition.step.clone()).with_field("agent", &**name);
        entry.with_field("execution", answer_number).with_field("timeout_seconds", timeout.as_secs_f64())
    });
    let executing = agent.execute(request, context.live.token().child_token());
    let executed = tokio::time::timeout(timeout + EXECUTOR_GRACE, executing).await;
    let executed = executed.unwrap_or_else(|_| {
        let message = format!("the agent did not end within {} s and its grace", timeout.as_secs());
        AgentReport::failed(Failure::new(FailureCode::AgentTimeout, message))
    });
    let took = context.engine.clock.monotonic().saturating_sub(begun);
    let level = if executed.answer.is_ok() { LogLevel::Info } else { LogLevel::Warning };
    context.engine.note(id, level, "agent_command_completed", |entry| {
        let entry = entry.with_step(definition.step.clone()).with_field("execution", answer_number);
        let entry = entry.with_field("duration_seconds", took.as_secs_f64());
        match &executed.answer {
            Ok(_) => entry.with_field("success", true),
            Err(failure) => entry.with_field("success", false).with_message(&failure.to_string()),
        }
    });
    report.add_usage(executed.usage.as_ref());
    report.session_id = executed.session_id.clone().or(report.session_id.take());
    keep_files(context, &**agent, executed.files, answer_number, report).await;
    if let Ok(answer) = &executed.answer {
        report.answer = Some(Arc::clone(answer));
    }
    executed.answer
}

async fn keep_files(
    context: &Context<'_>,
    agent: &dyn AgentExecutor,
    files: Vec<AgentFile>,
    answer_number: u32,
    report: &mut AttemptReport,
) {
    let id = context.order.agent_work_order_id;
    for file in files {
        let kind = if answer_number == 1 { file.kind } else { format!("{answer_number}.{}", file.kind) };
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
