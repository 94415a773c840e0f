//! The run loop: claim, then execute, save, execute, save …, then the end. The heart of the system.

use std::sync::Arc;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventKind, FailureCode, OrderId, OrderPatch, StepDefinition,
    StepExecutionResult,
};
use awo_state::{LogLevel, StateError};
use tracing::{info, warn};

use crate::claim::{Claim, end_patch, last_snapshot};
use crate::claiming::{claim, read};
use crate::engine::Engine;
use crate::figures;
use crate::live::{LiveOrder, StopReason};
use crate::progress::{Ending, Move, ending, next_move};
use crate::recorder::{Recorder, Stopped, describe};
use crate::recovery::{Need, need};
use crate::spilling::settle_spill;
use crate::steps::StepRunner;
use crate::workspace::Workspace;

/// How a run ended, as far as this process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// The order ended with this status, and that is stored.
    Ended(AgentWorkOrderStatus),
    /// The order went back to the queue, because this process ends.
    HandedOver,
    /// There was nothing to run: the order had ended, is gone, or runs here already.
    NothingToDo,
}

/// Runs an order from where it stands to its end. An error means that this process may not, or cannot, go on; the order
/// is then untouched for its next owner.
pub(crate) async fn run_order(engine: &Engine, id: OrderId) -> Result<RunEnd, StateError> {
    if engine.draining.is_cancelled() {
        return Ok(RunEnd::NothingToDo); // the next start finds it
    }
    let Some(entered) = engine.live.enter(id) else {
        return Ok(RunEnd::NothingToDo);
    };
    let live = &*entered.order;
    let Some(seen) = read(engine, id).await? else {
        return Ok(RunEnd::NothingToDo);
    };
    let Some(seen) = settle_spill(engine, seen).await?.filter(|seen| !seen.order.state.status.is_terminal()) else {
        return Ok(RunEnd::NothingToDo);
    };
    let workspace = match need(&seen, engine.settings.max_interruptions) {
        Need::Workspace(_) => Workspace::find(engine, &seen).await,
        // Nothing is left to do in it; but what still runs in it ends before anybody says that it has.
        Need::Nothing(_) => Ok(Workspace::unneeded(engine, &seen).await),
        Need::Refused(failure) => {
            Workspace::unneeded(engine, &seen).await;
            Err(failure)
        }
    };
    let Some((claim, claimed)) = claim(engine, seen, workspace.as_ref().err()).await? else {
        return Ok(RunEnd::NothingToDo);
    };
    let Claim { order, history, first, .. } = claim;
    let status = order.state.status;
    let resumed = history.len();
    engine.note(id, LogLevel::Info, "workflow_started", |entry| {
        entry.with_field("total_steps", order.spec.workflow.len()).with_field("results_before", resumed)
    });
    let mut recorder = Recorder::new(engine, live, order, history, claimed);
    let (Some(first), Ok(workspace)) = (first, workspace) else {
        tell_end(engine, recorder.order(), recorder.history().len());
        return Ok(RunEnd::Ended(status)); // the claim's own commit said so
    };
    let mut runner = StepRunner::new(engine, live, workspace);
    let end = run_steps(engine, live, &mut recorder, &mut runner, first).await;
    match &end {
        Ok(RunEnd::Ended(status)) => {
            figures::ended(*status);
            info!(agent_work_order_id = %id, %status, total_steps = recorder.history().len(), "workflow_completed");
            tell_end(engine, recorder.order(), recorder.history().len());
            runner.clean_up(recorder.order()).await;
        }
        Ok(_) => {
            info!(agent_work_order_id = %id, "workflow_handed_over");
            engine.note(id, LogLevel::Info, "workflow_handed_over", |entry| {
                entry.with_message("the worker ends; the next one goes on")
            });
        }
        Err(stop) => {
            warn!(agent_work_order_id = %id, reason = describe(stop), "workflow_stopped");
            engine.note(id, LogLevel::Warning, "workflow_stopped", |entry| entry.with_message(&describe(stop)));
        }
    }
    end
}

/// The last line of a run in the order's log.
fn tell_end(engine: &Engine, order: &AgentWorkOrder, results: usize) {
    let state = &order.state;
    let (level, event) = match state.status {
        AgentWorkOrderStatus::Failed => (LogLevel::Error, "workflow_failed"),
        AgentWorkOrderStatus::Cancelled => (LogLevel::Info, "workflow_cancelled"),
        _ => (LogLevel::Info, "workflow_completed"),
    };
    let took = state.started_at.zip(state.completed_at).map(|(from, to)| to.duration_since(from).as_secs_f64());
    engine.note(order.agent_work_order_id, level, event, |entry| {
        let mut entry = entry.with_field("total_steps", results).with_field("total_duration_seconds", took);
        if let Some(code) = state.error_code {
            entry = entry.with_field("error_code", code.as_str());
        }
        match &state.error_message {
            Some(message) => entry.with_message(message),
            None => entry,
        }
    });
}

/// The loop.
async fn run_steps(
    engine: &Engine,
    live: &LiveOrder,
    recorder: &mut Recorder<'_>,
    runner: &mut StepRunner<'_>,
    first: Move,
) -> Result<RunEnd, Stopped> {
    let mut next = first;
    let end = loop {
        let Move::Run(definition) = next else { break next };
        let (order, history) = (Arc::clone(recorder.order()), recorder.history().clone());
        let outcome = recorder.flushing(runner.execute(&order, &history, &definition)).await?;
        for (event, patch) in outcome.events {
            recorder.record(event, patch);
        }
        let stop = stop_after(&outcome.result, live, engine);
        let cancelled = ending(AgentWorkOrderStatus::Cancelled, &outcome.result);
        recorder.finished(outcome.result, outcome.patch);
        next = next_move(recorder.order(), recorder.history());
        match stop {
            // What follows at once rides on the save of the result: one commit, one sync.
            Some(Stop::Cancelled) => return finish(engine, live, recorder, &cancelled).await,
            Some(Stop::HandOver) if matches!(next, Move::Run(_)) => return hand_over(engine, recorder).await,
            Some(Stop::HandOver) | None => {
                if let Move::Run(definition) = &next {
                    recorder.started(begin(engine, recorder, definition));
                }
            }
        }
        recorder.save().await?;
    };
    match end {
        Move::End(ending) => finish(engine, live, recorder, &ending).await,
        Move::Run(_) => unreachable!("the loop ends with an end"),
    }
}

/// What the result of an attempt, or the state of this process, means for the order.
enum Stop {
    Cancelled,
    HandOver,
}

fn stop_after(result: &StepExecutionResult, live: &LiveOrder, engine: &Engine) -> Option<Stop> {
    match (live.stopped(), result.error_code) {
        (Some(StopReason::Cancelled), Some(FailureCode::Cancelled)) => Some(Stop::Cancelled),
        (Some(StopReason::ShuttingDown), _) => Some(Stop::HandOver),
        _ if engine.draining.is_cancelled() => Some(Stop::HandOver),
        _ => None,
    }
}

/// The attempt that comes next, as it is stored before its agent starts.
fn begin(engine: &Engine, recorder: &Recorder<'_>, definition: &StepDefinition) -> CurrentStep {
    CurrentStep {
        step: definition.step.clone(),
        agent_name: definition.agent_name.clone(),
        attempt: AgentWorkOrder::next_attempt(recorder.history(), &definition.step),
        started_at: engine.clock.now(),
        session_id: engine.new_session_id(recorder.order().spec.agent_of(definition)),
        before: last_snapshot(recorder.order(), recorder.history()),
    }
}

/// The last commit. Until it is stored the order stays `running`, shown as finishing.
async fn finish(
    engine: &Engine,
    live: &LiveOrder,
    recorder: &mut Recorder<'_>,
    ending: &Ending,
) -> Result<RunEnd, Stopped> {
    live.set_finishing();
    let at = engine.clock.now();
    recorder.record(EventKind::Ended { status: ending.status }, end_patch(ending, at));
    recorder.save_until_stored(&engine.giving_up).await?;
    Ok(RunEnd::Ended(ending.status))
}

/// Gives the order back to the queue with the result of the attempt, in one commit.
async fn hand_over(engine: &Engine, recorder: &mut Recorder<'_>) -> Result<RunEnd, Stopped> {
    let patch = OrderPatch { status: Some(AgentWorkOrderStatus::Pending), ..OrderPatch::default() };
    recorder.record(EventKind::HandedOver, patch);
    recorder.save_until_stored(&engine.giving_up).await?;
    Ok(RunEnd::HandedOver)
}
