//! The owner's pen: what has happened to an order here, and getting it stored.
//!
//! The rule of a failing store is here, and only here: a save has a budget, then the work goes on; what was not
//! acknowledged stays in the change and is sent again, while the next step runs and with the next save. Until then it
//! is spilled, so that it outlives this process.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, CurrentStep, EventKind, OrderPatch, SlowAttempt, StepExecutionResult, StepHistory, SuspendedAttempt,
};
use awo_state::{Change, Committed, LogLevel, StateError};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::claiming::pause;
use crate::engine::Engine;
use crate::figures;
use crate::follow_ups::start_patch;
use crate::live::{LiveOrder, StopReason};
use crate::ports::Spill;
use crate::slowness;
use crate::spilling::forget;
use crate::traces;
use crate::waiting::Pause;

/// This process may not, or cannot, go on with the order; the order is untouched for its next owner.
pub(crate) type Stopped = StateError;

/// History and unacknowledged words of one order.
#[derive(Debug)]
pub(crate) struct Recorder<'e> {
    engine: &'e Engine,
    live: &'e LiveOrder,
    order: Arc<AgentWorkOrder>,
    history: StepHistory,
    change: Change,
    stored_steps: usize,
    degraded: bool,
    spilled: bool,
}

impl<'e> Recorder<'e> {
    /// The pen of somebody whose claim was acknowledged; `order` and `history` are as the claim left them.
    pub(crate) fn new(
        engine: &'e Engine,
        live: &'e LiveOrder,
        order: AgentWorkOrder,
        history: StepHistory,
        claimed: Committed,
    ) -> Self {
        let recorder = Self {
            engine,
            live,
            order: Arc::new(order),
            history,
            change: Change::after(claimed),
            stored_steps: claimed.steps,
            degraded: false,
            spilled: false,
        };
        recorder.heard(claimed);
        recorder
    }

    /// The order as it is here, stored or not.
    pub(crate) fn order(&self) -> &Arc<AgentWorkOrder> {
        &self.order
    }

    /// The history as it is here, stored or not.
    pub(crate) fn history(&self) -> &StepHistory {
        &self.history
    }

    /// Notes an event and the fields it changes.
    pub(crate) fn record(&mut self, kind: EventKind, patch: OrderPatch) {
        patch.apply(&mut Arc::make_mut(&mut self.order).state);
        self.change.record(kind, self.engine.clock.now(), patch);
    }

    /// Notes that an attempt begins.
    pub(crate) fn started(&mut self, current: CurrentStep) {
        let patch = self.at_work(&current);
        self.record(EventKind::StepStarted(current), patch);
    }

    /// Notes that a suspended attempt goes on.
    pub(crate) fn resumed(&mut self, current: CurrentStep) {
        let patch = self.at_work(&current);
        self.record(EventKind::StepResumed(current), patch);
    }

    fn at_work(&self, current: &CurrentStep) -> OrderPatch {
        let waited = self.order.state.waiting_until.is_some();
        OrderPatch {
            waiting_for: waited.then_some(None),
            waiting_until: waited.then_some(None),
            ..start_patch(&self.order, &self.history, current)
        }
    }

    /// Notes that the order waits; with `suspended`, in the middle of an attempt.
    pub(crate) fn waits(&mut self, pause: Pause, suspended: Option<Arc<SuspendedAttempt>>) {
        let Pause { waiting_for, until: waiting_until, .. } = pause;
        let session_id = suspended.as_ref().and_then(|suspended| suspended.place.as_ref()).map(|p| &p.session_id);
        let patch = OrderPatch {
            current_step: Some(None),
            waiting_for: Some(Some(Arc::clone(&waiting_for))),
            waiting_until: Some(Some(waiting_until)),
            agent_session_id: session_id.map(|id| Some(Arc::clone(id))),
            // The execution has ended by itself, see `finished`.
            interruptions: (suspended.is_some() && self.order.state.interruptions > 0).then_some(0),
            suspended: suspended.map(Some),
            ..OrderPatch::default()
        };
        self.record(EventKind::Waiting { waiting_for, waiting_until }, patch);
    }

    /// Notes the result of an attempt.
    pub(crate) fn finished(&mut self, result: StepExecutionResult, patch: OrderPatch) {
        let event = EventKind::StepFinished {
            index: self.history.len(),
            step: result.step.clone(),
            attempt: result.attempt,
            success: result.success,
        };
        self.history.push(result);
        let done = self.order.count_done(&self.history);
        let patch = OrderPatch {
            current_step: Some(None),
            steps_completed: Some(done),
            // It ended by itself, however it ended: what cut the attempts before does not do it every time.
            interruptions: (self.order.state.interruptions > 0).then_some(0),
            ..patch
        };
        self.record(event, patch);
    }

    /// Notes that the order ends, and saves until that is stored; whether it is. If a prompt came before, it is not: the
    /// prompt is heard of then, and the order goes on.
    pub(crate) async fn end(&mut self, patch: OrderPatch, give_up: &CancellationToken) -> Result<bool, Stopped> {
        let before = Arc::clone(&self.order);
        let Some(status) = patch.status else { unreachable!("an end has a status") };
        self.record(EventKind::Ended { status }, patch);
        match self.save_until_stored(give_up).await {
            Err(StateError::PromptWaiting) => {}
            saved => return saved.map(|()| true),
        }
        self.order = before;
        self.change = self.change.clone().without_end();
        loop {
            match self.hear_prompts().await {
                Ok(()) if self.order.waiting_prompts() > 0 => return Ok(false),
                Ok(()) => return Err(StateError::PromptWaiting), // and it shows none: it contradicts itself
                Err(outage) if outage.is_outage() => pause(self.engine, self.order.agent_work_order_id, outage).await?,
                Err(other) => return Err(other),
            }
        }
    }

    /// Hears of the prompts that came since, as far as the store tells.
    pub(crate) async fn hear_prompts(&mut self) -> Result<(), StateError> {
        self.live.set_prompted(false); // before the look, so that nothing falls in between
        let id = self.order.agent_work_order_id;
        let read = timeout(self.engine.settings.save_try, self.engine.repository.get(id)).await;
        let read = read.unwrap_or_else(|late| Err(StateError::Unavailable(late.into())));
        match &read {
            Ok(Some(seen)) => {
                let state = &mut Arc::make_mut(&mut self.order).state;
                state.prompts.clone_from(&seen.order.state.prompts);
            }
            Ok(None) => return Err(StateError::NotFound(id)),
            Err(_) => self.live.set_prompted(true),
        }
        read.map(|_| ())
    }

    /// Saves within the budget, or spills. Afterwards the work goes on, whether it was stored or not.
    pub(crate) async fn save(&mut self) -> Result<(), Stopped> {
        self.save_in_time().await?;
        self.spill_or_forget().await;
        Ok(())
    }

    /// What is kept beside the store is what the store did not take: all of it, or nothing.
    async fn spill_or_forget(&mut self) {
        if self.degraded {
            self.spill().await;
        } else {
            self.forget_spill().await;
        }
    }

    async fn save_in_time(&mut self) -> Result<(), Stopped> {
        let settings = &self.engine.settings;
        // A store that is known to fail gets the time of one try: the flusher goes on with it.
        let budget = if self.degraded { settings.save_try } else { settings.save_budget };
        let deadline = Instant::now() + budget;
        let mut pause = settings.save_pause;
        loop {
            match timeout_at(deadline, self.send()).await {
                Ok(Sent::Stored) => return Ok(()),
                Ok(Sent::Stop(stop)) => return Err(stop),
                Ok(Sent::Outage(reason)) if Instant::now() + pause >= deadline => {
                    self.set_degraded(Some(&reason));
                    return Ok(());
                }
                Ok(Sent::Outage(_)) => sleep(pause).await,
                Err(_) => {
                    self.set_degraded(Some("no answer in time"));
                    return Ok(());
                }
            }
            pause = (pause * 2).min(settings.flush_pause);
        }
    }

    /// Saves, as often as it takes. Ends early only when `give_up` fires, with the outage as the reason.
    pub(crate) async fn save_until_stored(&mut self, give_up: &CancellationToken) -> Result<(), Stopped> {
        let saved = tokio::select! {
            biased;
            () = give_up.cancelled() => None,
            saved = self.save_in_time() => Some(saved),
        };
        match saved {
            Some(saved) => saved?,
            None => self.set_degraded(Some("the process ends")),
        }
        self.spill_or_forget().await;
        while self.degraded {
            tokio::select! {
                biased;
                () = give_up.cancelled() => {
                    if !self.spilled {
                        error!(
                            agent_work_order_id = %self.order.agent_work_order_id,
                            pending_steps = self.history.len() - self.stored_steps,
                            "unsaved results are lost: the store failed until the end of this process"
                        );
                    }
                    return Err(StateError::Unavailable("the store failed until the end of this process".into()));
                }
                flushed = self.flush(self.engine.settings.flush_pause) => {
                    flushed?;
                }
            }
        }
        Ok(())
    }

    /// Runs `work`, and while the store fails sends what is unsaved again and again beside it, one at a time.
    ///
    /// If the store says meanwhile that the order is somebody else's, the agent is stopped and awaited.
    pub(crate) async fn flushing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        self.watching(work, pending()).await
    }

    /// The same for an attempt, of which `slow` may find that it is slow. That is noted at once and sent beside the work,
    /// without the discipline of results: nobody waits for it, and at the latest it goes with the next save.
    pub(crate) async fn watching<T>(
        &mut self,
        work: impl Future<Output = T>,
        slow: impl Future<Output = SlowAttempt>,
    ) -> Result<T, Stopped> {
        let (mut work, mut slow) = (pin!(work), pin!(slow));
        let (mut found, mut unsent) = (false, false);
        let mut pause = self.engine.settings.flush_pause;
        loop {
            let sent = tokio::select! {
                biased;
                done = &mut work => return self.live.check_lease().map(|()| done),
                attempt = &mut slow, if !found => {
                    self.found_slow(attempt);
                    (found, unsent) = (true, true);
                    if !self.degraded {
                        pause = Duration::ZERO;
                    }
                    continue;
                }
                sent = self.flush(pause), if self.degraded || unsent => sent,
            };
            match sent {
                Ok(stored) => unsent &= !stored,
                Err(stop) => {
                    self.live.stop(StopReason::Lost);
                    work.await;
                    return Err(stop);
                }
            }
            pause = self.engine.settings.flush_pause;
        }
    }

    /// Notes that the attempt in progress is slow.
    fn found_slow(&mut self, slow: SlowAttempt) {
        slowness::tell(self.engine, &self.order, &slow);
        let patch = OrderPatch { slow: Some(Some(slow.clone())), ..OrderPatch::default() };
        self.record(EventKind::StepSlow(slow), patch);
    }

    /// One more try after a pause; whether all is stored. May be dropped at any point: the change stays as it is.
    async fn flush(&mut self, pause: Duration) -> Result<bool, Stopped> {
        sleep(pause).await;
        match self.send().await {
            Sent::Stored => {
                self.forget_spill().await;
                Ok(true)
            }
            Sent::Outage(_) => Ok(false),
            Sent::Stop(stop) => Err(stop),
        }
    }

    /// Keeps what the store did not take where the next owner of the order finds it. Whatever was kept before is
    /// replaced, so what is kept is always all of it.
    async fn spill(&mut self) {
        let Some(spills) = &self.engine.spills else { return };
        let spill = Spill {
            order: self.order.agent_work_order_id,
            acknowledged: self.stored_steps,
            results: self.history.iter().skip(self.stored_steps).cloned().collect(),
            change: self.change.clone(),
        };
        let kept = timeout(self.engine.settings.save_try, spills.keep(&spill)).await;
        let failed = match kept {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure.to_string()),
            Err(_) => Some(format!("no answer within {:?}", self.engine.settings.save_try)),
        };
        self.spilled = failed.is_none();
        figures::spilled(self.spilled);
        if let Some(reason) = failed {
            error!(
                agent_work_order_id = %spill.order, pending_steps = spill.results.len(), reason,
                "unsaved results are not spilled: they are in memory only"
            );
        }
    }

    /// Forgets what was kept, now that the store has it.
    async fn forget_spill(&mut self) {
        if let (true, Some(spills)) = (self.spilled, &self.engine.spills) {
            let id = self.order.agent_work_order_id;
            // If it stays, the next save tries again.
            self.spilled = !forget(&**spills, id, self.engine.settings.save_try).await;
        }
    }

    /// One bounded try.
    async fn send(&mut self) -> Sent {
        if let Err(lost) = self.live.check_lease() {
            return Sent::Stop(lost);
        }
        let id = self.order.agent_work_order_id;
        let begun = self.engine.clock.monotonic();
        let trace = traces::save(self.history.len());
        let saving = self.engine.repository.save_step_history(id, &self.history, &self.change);
        let answer = timeout(self.engine.settings.save_try, saving).await;
        let outcome = match &answer {
            Ok(Ok(_)) => "stored",
            Ok(Err(refused)) if !refused.is_outage() => "refused",
            _ => "failed",
        };
        figures::save_tried(outcome, self.engine.clock.monotonic().saturating_sub(begun));
        traces::save_ended(trace, outcome);
        match answer {
            Ok(Ok(heard)) => {
                self.change.settle(heard);
                if heard.steps > self.stored_steps {
                    self.engine.statistics.stored(&self.order, &self.history);
                }
                self.stored_steps = heard.steps;
                self.set_degraded(None);
                let id = self.order.agent_work_order_id;
                debug!(agent_work_order_id = %id, step_count = heard.steps, version = %heard.seq, "step_history_saved");
                self.engine.note(id, LogLevel::Info, "step_history_saved", |entry| {
                    entry.with_field("step_count", heard.steps)
                });
                self.heard(heard);
                Sent::Stored
            }
            Ok(Err(failed)) if failed.is_outage() => Sent::Outage(describe(&failed)),
            Ok(Err(refused)) => Sent::Stop(refused),
            Err(_) => Sent::Outage(format!("no answer within {:?}", self.engine.settings.save_try)),
        }
    }

    fn heard(&self, heard: Committed) {
        let id = self.order.agent_work_order_id;
        self.engine.hints.send(id, heard.seq);
        if heard.cancel_requested {
            self.live.stop(StopReason::Cancelled);
        }
        if heard.prompts > self.order.state.prompts.len() {
            self.live.set_prompted(true);
        }
    }

    /// One log line per change of state.
    fn set_degraded(&mut self, reason: Option<&str>) {
        let id = self.order.agent_work_order_id;
        self.degraded = reason.is_some();
        let pending_steps = self.history.len() - self.stored_steps;
        let changed = self.live.set_persistence(self.degraded, pending_steps);
        match reason {
            Some(reason) if changed => {
                error!(agent_work_order_id = %id, pending_steps, reason, "step_history_save_failed: the work goes on");
                self.engine.note(id, LogLevel::Warning, "step_history_save_failed", |entry| {
                    entry.with_field("pending_steps", pending_steps).with_message(reason)
                });
            }
            None if changed => {
                info!(agent_work_order_id = %id, "step_history_saved_again: nothing is missing");
                self.engine.note(id, LogLevel::Info, "step_history_saved_again", |entry| entry);
            }
            _ => {}
        }
    }
}

enum Sent {
    Stored,
    Outage(String),
    Stop(Stopped),
}

/// An error with its causes, in one line.
pub(crate) fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
