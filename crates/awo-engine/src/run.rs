//! The run loop: claim, then execute, save, execute, save …, then the end. The heart of the system.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, CurrentStep, EventKind, Failure, FailureCode, OrderId, OrderPatch,
    StepDefinition, StepExecutionResult,
};
use awo_state::{LogLevel, StateError};
use tracing::{Instrument as _, info, warn};

use crate::claim::{Claim, end_patch};
use crate::claiming::claim;
use crate::engine::Engine;
use crate::entering::{Ready, ready};
use crate::figures;
use crate::follow_ups::resumed_session;
use crate::live::{LiveOrder, StopReason};
use crate::parking::{Seat, Woken, wait_until};
use crate::progress::{Ending, Move, ending, next_move};
use crate::recorder::{Recorder, Stopped, describe};
use crate::slowness::slow;
use crate::snapshots::last_snapshot;
use crate::steps::{StepEnd, StepRunner};
use crate::suspension::{self, goes_on, resumed, settled_fields};
use crate::traces;
use crate::waiting::before_attempt;

/// How a run ended, as far as this process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// The order ended with this status, and that is stored.
    Ended(AgentWorkOrderStatus),
    /// The order went back to the queue, because this process ends.
    HandedOver,
    /// There was nothing to run: the order had ended, is held, is gone, or runs here already.
    NothingToDo,
}

/// Runs an order from where it stands to its end, in its place among those that run. An error means that this process may
/// not, or cannot, go on; the order is then untouched for its next owner.
pub(crate) async fn run_order(engine: &Engine, id: OrderId, seat: &mut Seat) -> Result<RunEnd, StateError> {
    if engine.draining.is_cancelled() {
        return Ok(RunEnd::NothingToDo); // the next start finds it
    }
    let mut end = RunEnd::NothingToDo;
    loop {
        let Some(entered) = engine.live.enter(id) else {
            return Ok(end); // whoever runs it looks again before they leave
        };
        match run_entered(engine, &entered.order, id, seat).await? {
            RunEnd::NothingToDo => {}
            ran => end = ran,
        }
        // Where leases are dealt out, whatever was wanted of the order meanwhile is for its next holder.
        if !entered.leave() || engine.draining.is_cancelled() || engine.leasing.is_some() {
            return Ok(end);
        }
    }
}

async fn run_entered(engine: &Engine, live: &LiveOrder, id: OrderId, seat: &mut Seat) -> Result<RunEnd, StateError> {
    engine.may_go_on(id)?;
    let Some(Ready { seen, owner_lives, workspace }) = ready(engine, live, id).await? else {
        return Ok(RunEnd::NothingToDo);
    };
    let Some((claim, claimed)) = claim(engine, seen, owner_lives, workspace.as_ref().err()).await? else {
        return Ok(RunEnd::NothingToDo);
    };
    let Claim { order, history, first, .. } = claim;
    let status = order.state.status;
    let resumed = history.len();
    let trace = traces::order(engine, &order, claimed.epoch, resumed);
    engine.note(id, LogLevel::Info, "workflow_started", |entry| {
        entry.with_field("total_steps", order.total_steps()).with_field("results_before", resumed)
    });
    let mut recorder = Recorder::new(engine, live, order, history, claimed);
    let (Some(first), Ok(workspace)) = (first, workspace) else {
        tell_end(engine, recorder.order(), recorder.history().len());
        let end = RunEnd::Ended(status); // the claim's own commit said so
        traces::order_ended(&trace, Some(end), recorder.order(), resumed);
        return Ok(end);
    };
    let mut runner = StepRunner::new(engine, live, workspace);
    let running = run_steps(engine, live, seat, &mut recorder, &mut runner, first);
    let end = running.instrument(trace.clone()).await;
    traces::order_ended(&trace, end.as_ref().ok().copied(), recorder.order(), recorder.history().len());
    match &end {
        Ok(RunEnd::Ended(status)) => {
            figures::ended(*status);
            tell_end(engine, recorder.order(), recorder.history().len());
            runner.clean_up(recorder.order(), recorder.history()).await;
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

/// The last line of a run, in the order's log and in that of the process.
fn tell_end(engine: &Engine, order: &AgentWorkOrder, results: usize) {
    let (id, state) = (order.agent_work_order_id, &order.state);
    info!(
        agent_work_order_id = %id,
        status = %state.status,
        total_steps = results,
        error_code = state.error_code.map(FailureCode::as_str),
        error = state.error_message.as_deref(),
        "workflow_completed"
    );
    let (level, event) = match state.status {
        AgentWorkOrderStatus::Failed => (LogLevel::Error, "workflow_failed"),
        AgentWorkOrderStatus::Cancelled => (LogLevel::Info, "workflow_cancelled"),
        _ => (LogLevel::Info, "workflow_completed"),
    };
    let took = state.started_at.zip(state.completed_at).map(|(from, to)| to.duration_since(from).as_secs_f64());
    engine.note(id, level, event, |entry| {
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
    seat: &mut Seat,
    recorder: &mut Recorder<'_>,
    runner: &mut StepRunner<'_>,
    first: Move,
) -> Result<RunEnd, Stopped> {
    let mut next = first;
    loop {
        let definition = match next {
            Move::Run(definition) => definition,
            Move::Wait(definition, until) => {
                match recorder.flushing(wait_until(engine, live, seat, until)).await? {
                    Woken::Due => {}
                    Woken::Stopped => {
                        next = Move::End(cancel_waiting(engine, recorder));
                        continue;
                    }
                    Woken::Draining => return hand_over(engine, recorder).await,
                }
                go_on(engine, recorder, runner, &definition);
                recorder.save().await?;
                definition
            }
            Move::End(ending) => {
                if let Some(end) = finish(engine, live, recorder, &ending).await? {
                    return Ok(end);
                }
                // A prompt came before the end.
                next = next_move(recorder.order(), recorder.history());
                if engine.draining.is_cancelled() {
                    return hand_over(engine, recorder).await;
                }
                if let Move::Run(definition) = &next {
                    recorder.started(begin(engine, recorder, definition));
                    recorder.save().await?;
                }
                continue;
            }
        };
        let (order, history) = (Arc::clone(recorder.order()), recorder.history().clone());
        let slow = slow(engine, live, &order, &history, &definition);
        let outcome = recorder.watching(runner.execute(&order, &history, &definition), slow).await?;
        for (event, patch) in outcome.events {
            recorder.record(event, patch);
        }
        let (result, patch) = match outcome.end {
            StepEnd::Settled(result, patch) => (*result, *patch),
            StepEnd::Suspended(suspended, pause) => {
                recorder.waits(pause, Some(suspended));
                recorder.save().await?;
                next = next_move(recorder.order(), recorder.history());
                continue;
            }
        };
        let (stop, failed) = (stop_after(&result, live, engine), !result.success);
        let cancelled = ending(AgentWorkOrderStatus::Cancelled, &result);
        recorder.finished(result, patch);
        if failed {
            // Whatever comes next, what a failed attempt left is not gone on with.
            runner.begin_again(last_snapshot(recorder.order(), recorder.history()));
        }
        if live.is_prompted() {
            let _ = recorder.hear_prompts().await; // if the store does not tell now, it does before the order ends
        }
        next = next_move(recorder.order(), recorder.history());
        if let Move::Run(definition) = &next
            && let Some(pause) = before_attempt(recorder.order(), recorder.history(), definition, || engine.moment())
        {
            recorder.waits(pause, None);
            next = next_move(recorder.order(), recorder.history());
        }
        match stop {
            // What follows at once rides on the save of the result: one commit, one sync.
            Some(Stop::Cancelled) => next = Move::End(cancelled),
            Some(Stop::HandOver) if next.step().is_some() => return hand_over(engine, recorder).await,
            Some(Stop::HandOver) | None => {
                if let Move::Run(definition) = &next {
                    recorder.started(begin(engine, recorder, definition));
                }
                recorder.save().await?;
            }
        }
    }
}

/// Goes on with the step that the order waited to run: with the attempt that was suspended, or with another one.
fn go_on(engine: &Engine, recorder: &mut Recorder<'_>, runner: &mut StepRunner<'_>, definition: &StepDefinition) {
    let suspended = goes_on(recorder.order(), definition).map(Arc::clone);
    if suspended.as_ref().is_some_and(|suspended| suspended.place.is_none()) {
        runner.begin_again(last_snapshot(recorder.order(), recorder.history()));
    }
    match suspended {
        Some(suspended) => recorder.resumed(resumed(&suspended, engine.clock.now())),
        None => recorder.started(begin(engine, recorder, definition)),
    }
}

/// The end of an order that was cancelled while it waited. An attempt that was suspended leaves a result.
fn cancel_waiting(engine: &Engine, recorder: &mut Recorder<'_>) -> Ending {
    let order = Arc::clone(recorder.order());
    let what = order.state.waiting_for.as_deref().unwrap_or("its next step");
    let failure = Failure::new(FailureCode::Cancelled, format!("cancelled on request while it waited for {what}"));
    if let Some(suspended) = &order.state.suspended {
        let now = engine.clock.now();
        let result = suspension::ended(&suspended.current, Some(suspended), &failure, now, Duration::ZERO);
        let patch = settled_fields(&order, &result);
        recorder.finished(result, patch);
    }
    Ending {
        status: AgentWorkOrderStatus::Cancelled,
        error_code: Some(failure.code),
        error_message: Some(failure.message),
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
        session_id: session_id(engine, recorder, definition),
        before: last_snapshot(recorder.order(), recorder.history()),
    }
}

/// The session that an attempt is part of, as far as that is known before it begins.
fn session_id(engine: &Engine, recorder: &Recorder<'_>, definition: &StepDefinition) -> Option<Arc<str>> {
    let order = recorder.order();
    let agent = order.spec.agent_of(definition);
    let resumed = resumed_session(order, definition, recorder.history(), engine.resumes(agent));
    resumed.or_else(|| engine.new_session_id(agent))
}

/// The last commit. Until it is stored the order stays `running`, shown as finishing. `None` if a prompt came before it:
/// the order goes on.
async fn finish(
    engine: &Engine,
    live: &LiveOrder,
    recorder: &mut Recorder<'_>,
    ending: &Ending,
) -> Result<Option<RunEnd>, Stopped> {
    live.set_finishing(true);
    if recorder.end(end_patch(ending, engine.clock.now()), &engine.giving_up).await? {
        return Ok(Some(RunEnd::Ended(ending.status)));
    }
    live.set_finishing(false);
    Ok(None)
}

/// Gives the order back to the queue with the result of the attempt, in one commit.
async fn hand_over(engine: &Engine, recorder: &mut Recorder<'_>) -> Result<RunEnd, Stopped> {
    let patch = OrderPatch { status: Some(AgentWorkOrderStatus::Pending), ..OrderPatch::default() };
    recorder.record(EventKind::HandedOver, patch);
    recorder.save_until_stored(&engine.giving_up).await?;
    Ok(RunEnd::HandedOver)
}
