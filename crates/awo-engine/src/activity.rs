//! What the agent of a running step does, for people who watch: the last few things, short, and never stored.
//!
//! Whatever an agent tells is taken at once and costs a bounded amount of memory; that there is something new is said a
//! few times a second at most.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::{CurrentStep, OrderId, StepName, Timestamp, Usage, UsualDuration};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, broadcast};

use crate::ports::{AgentProgress, Clock, ProgressSink};

/// Things that are kept.
const KEPT: usize = 20;
/// Characters of a text that are kept: its end.
const TEXT: usize = 500;
/// Characters of the name of a tool, and of what it is used on.
const WORD: usize = 200;
/// Texts that come closer together than this are parts of one.
const ONE_TEXT: Duration = Duration::from_millis(250);
/// Between two words that there is something new.
const PAUSE: Duration = Duration::from_millis(250);
/// Words that a slow receiver may be behind before it misses some.
const WORDS_KEPT: usize = 256;

/// What the agent of a running step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepActivity {
    /// The step.
    pub step: StepName,
    /// Number of the attempt.
    pub attempt: u32,
    /// Grows with everything that is told, over the whole run of the order.
    pub count: u64,
    /// The last things that it did, oldest first.
    pub entries: Vec<ActivityEntry>,
    /// What the attempt has consumed so far, as far as the agent says.
    pub usage: Option<Usage>,
    /// How long the step usually takes, as far as that was known when the attempt began.
    pub usual: Option<UsualDuration>,
}

/// One thing that an agent did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityEntry {
    /// When awo heard of it.
    pub at: Timestamp,
    /// What it was, shortened. [`AgentProgress::Used`] is not among them.
    pub what: AgentProgress,
}

/// "The agent of this order did something." It may be lost, and has no number: who wants to know looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityHint {
    /// The order.
    pub order: OrderId,
}

impl StepActivity {
    /// Whether it is about this attempt.
    pub(crate) fn is_of(&self, current: &CurrentStep) -> bool {
        self.step == current.step && self.attempt == current.attempt
    }
}

/// Keeps the last things of one attempt. Pure: the time is passed in.
#[derive(Debug)]
struct Ring {
    step: StepName,
    attempt: u32,
    entries: VecDeque<ActivityEntry>,
    last_text: Option<Duration>,
    /// Of executions that have ended, and of the present one.
    usage: (Option<Usage>, Option<Usage>),
    usual: Option<UsualDuration>,
}

impl Ring {
    fn new(step: StepName, attempt: u32) -> Self {
        Self { step, attempt, entries: VecDeque::new(), last_text: None, usage: (None, None), usual: None }
    }

    fn take(&mut self, told: AgentProgress, at: Timestamp, now: Duration) {
        let what = match told {
            AgentProgress::Used(usage) => return self.usage.1 = Some(usage),
            AgentProgress::Text(text) => {
                let goes_on = self.last_text.replace(now).is_some_and(|last| now.saturating_sub(last) < ONE_TEXT);
                if let (true, Some(ActivityEntry { what: AgentProgress::Text(before), .. })) =
                    (goes_on, self.entries.back_mut())
                {
                    *before = end_of(&format!("{before}{}", end_of(&text, TEXT)), TEXT);
                    return;
                }
                AgentProgress::Text(end_of(&text, TEXT))
            }
            AgentProgress::ToolStarted { tool, detail } => {
                AgentProgress::ToolStarted { tool: beginning_of(&tool), detail: beginning_of(&detail) }
            }
            AgentProgress::ToolEnded { tool, success } => {
                AgentProgress::ToolEnded { tool: tool.as_deref().map(beginning_of), success }
            }
            AgentProgress::Retry { reason } => AgentProgress::Retry { reason: beginning_of(&reason) },
        };
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(ActivityEntry { at, what });
    }

    /// Another execution of the same attempt begins: what the last one consumed stays consumed.
    fn execution_begins(&mut self) {
        if let Some(used) = self.usage.1.take() {
            self.usage.0.get_or_insert_default().add(&used);
        }
        self.last_text = None;
    }

    fn usage(&self) -> Option<Usage> {
        let (before, now) = &self.usage;
        let mut all = before.clone().or_else(|| now.clone())?;
        if let (Some(_), Some(now)) = (before, now) {
            all.add(now);
        }
        Some(all)
    }
}

/// The end of a text. An ellipsis stands for what is left out.
fn end_of(text: &str, most: usize) -> Arc<str> {
    match text.char_indices().rev().nth(most - 1) {
        Some((at, _)) if at > 0 => format!("…{}", &text[at..]).into(),
        _ => text.into(),
    }
}

fn beginning_of(text: &str) -> Arc<str> {
    match text.char_indices().nth(WORD) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

/// What is going on in one order that runs here.
#[derive(Debug, Default)]
pub(crate) struct ActivityFeed {
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<(u64, Option<Ring>)>,
    news: Notify,
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, (u64, Option<Ring>)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ActivityFeed {
    /// An attempt begins: nothing is known of it yet.
    pub(crate) fn begin(&self, step: StepName, attempt: u32) {
        self.state.now().1 = Some(Ring::new(step, attempt));
    }

    /// Says how long the step of the attempt usually takes.
    pub(crate) fn set_usual(&self, usual: Option<UsualDuration>) {
        let (count, ring) = &mut *self.state.now();
        if let (Some(ring), Some(_)) = (ring, usual) {
            *count += 1;
            ring.usual = usual;
            self.state.news.notify_one();
        }
    }

    /// The attempt has ended: its result says what there is to say.
    pub(crate) fn end(&self) {
        self.state.now().1 = None;
    }

    /// Where an execution of the attempt tells what it does.
    pub(crate) fn sink(&self, clock: &Arc<dyn Clock>) -> ProgressSink {
        if let Some(ring) = &mut self.state.now().1 {
            ring.execution_begins();
        }
        let (state, clock) = (Arc::clone(&self.state), Arc::clone(clock));
        ProgressSink::new(move |told| {
            let (count, ring) = &mut *state.now();
            // What an execution tells after its end is about nothing any more.
            let Some(ring) = ring else { return };
            *count += 1;
            ring.take(told, clock.now(), clock.monotonic());
            state.news.notify_one();
        })
    }

    /// What is known now.
    pub(crate) fn seen(&self) -> Option<StepActivity> {
        let (count, ring) = &*self.state.now();
        let ring = ring.as_ref()?;
        Some(StepActivity {
            step: ring.step.clone(),
            attempt: ring.attempt,
            count: *count,
            entries: ring.entries.iter().cloned().collect(),
            usage: ring.usage(),
            usual: ring.usual,
        })
    }

    /// Does the work, and meanwhile says that there is something new, a few times a second at most.
    pub(crate) async fn told_while<T>(
        &self,
        order: OrderId,
        hints: &ActivityHints,
        work: impl Future<Output = T>,
    ) -> T {
        let telling = async {
            loop {
                self.state.news.notified().await;
                hints.send(order);
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = telling => unreachable!("it tells for ever"),
        }
    }
}

/// Hints that agents did something; apart from the hints that orders changed, as these are many and may be lost.
#[derive(Debug)]
pub(crate) struct ActivityHints {
    sender: broadcast::Sender<ActivityHint>,
}

impl ActivityHints {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(WORDS_KEPT) }
    }

    pub(crate) fn send(&self, order: OrderId) {
        let _ = self.sender.send(ActivityHint { order }); // nobody listens: nobody needs it
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<ActivityHint> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests;
