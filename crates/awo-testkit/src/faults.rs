//! A repository that writes down what it is asked, and fails when it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use awo_engine::StateRepository;
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, StepHistory};
use awo_state::{Change, Committed, OrderQuery, OrderSnapshot, Page, Result, StateError};

use crate::Timeline;

/// How a save, or an update, goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes right.
    None,
    /// It fails before anything is stored.
    Before,
    /// It is stored, and the answer is lost.
    After,
    /// It never answers, and is not stored.
    Hang,
    /// Another worker has the order.
    Fenced,
    /// It is refused as not fitting.
    Conflict,
}

/// Wraps a repository. Each call of `save_step_history` takes the next fault; when none is left, `afterwards` holds.
/// Calls of `update` have faults of their own.
#[derive(Debug)]
pub struct ObservedRepository {
    inner: Arc<dyn StateRepository>,
    timeline: Timeline,
    saves: Faults,
    updates: Faults,
    read_fails: Mutex<bool>,
    read_delay: Mutex<Duration>,
    create_delay: Mutex<Duration>,
}

impl ObservedRepository {
    /// Wraps a repository that does not fail until it is told.
    pub fn new(inner: Arc<dyn StateRepository>, timeline: Timeline) -> Self {
        Self {
            inner,
            timeline,
            saves: Faults::default(),
            updates: Faults::default(),
            read_fails: Mutex::default(),
            read_delay: Mutex::default(),
            create_delay: Mutex::default(),
        }
    }

    /// Sets the faults of the next saves, and of all saves after them.
    pub fn fail_saves(&self, next: impl IntoIterator<Item = Fault>, afterwards: Fault) {
        self.saves.set(next, afterwards);
    }

    /// Sets the faults of the next updates, and of all updates after them.
    pub fn fail_updates(&self, next: impl IntoIterator<Item = Fault>, afterwards: Fault) {
        self.updates.set(next, afterwards);
    }

    /// Makes reads fail, or not.
    pub fn fail_reads(&self, fails: bool) {
        *self.read_fails.lock().unwrap_or_else(PoisonError::into_inner) = fails;
    }

    /// Makes every read take so long.
    pub fn delay_reads(&self, by: Duration) {
        *self.read_delay.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// Makes every create take so long.
    pub fn delay_creates(&self, by: Duration) {
        *self.create_delay.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    async fn read(&self) -> Result<()> {
        let delay = *self.read_delay.lock().unwrap_or_else(PoisonError::into_inner);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let fails = *self.read_fails.lock().unwrap_or_else(PoisonError::into_inner);
        if fails { Err(unavailable()) } else { Ok(()) }
    }
}

/// Faults in line, and the one that holds when none is left.
#[derive(Debug)]
struct Faults(Mutex<(VecDeque<Fault>, Fault)>);

impl Default for Faults {
    fn default() -> Self {
        Self(Mutex::new((VecDeque::new(), Fault::None)))
    }
}

impl Faults {
    fn set(&self, next: impl IntoIterator<Item = Fault>, afterwards: Fault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (next.into_iter().collect(), afterwards);
    }

    fn next(&self) -> Fault {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let afterwards = faults.1;
        faults.0.pop_front().unwrap_or(afterwards)
    }
}

/// Writes as well as the fault lets it.
async fn write(fault: Fault, writing: impl Future<Output = Result<Committed>>) -> Result<Committed> {
    match fault {
        Fault::None => writing.await,
        Fault::Before => Err(unavailable()),
        Fault::After => {
            writing.await?;
            Err(unavailable())
        }
        Fault::Hang => std::future::pending().await,
        Fault::Conflict => Err(StateError::Conflict { at: EventSeq(0), why: "the test says so" }),
        Fault::Fenced => Err(StateError::Fenced { current: awo_models::Epoch(99) }),
    }
}

/// How a fault shows in the timeline.
fn mark(fault: Fault) -> String {
    if fault == Fault::None { String::new() } else { format!(" ({fault:?})") }
}

fn unavailable() -> StateError {
    StateError::Unavailable("the test says so".into())
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for ObservedRepository {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let delay = *self.create_delay.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::time::sleep(delay).await;
        self.inner.create(order).await
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        self.read().await?;
        self.inner.get(id).await
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        self.read().await?;
        self.inner.list(query).await
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        let fault = self.updates.next();
        self.timeline.note(format!("store: update {}{}", told(change), mark(fault)));
        write(fault, self.inner.update(id, change)).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        let fault = self.saves.next();
        self.timeline.note(format!("store: save {} {}{}", history.len(), told(change), mark(fault)));
        write(fault, self.inner.save_step_history(id, history, change)).await
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        self.read().await?;
        self.inner.events(id, after, limit).await
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        self.inner.delete(id, at).await
    }
}

/// The events of a change, in short.
fn told(change: &Change) -> String {
    let words: Vec<_> = change
        .recorded()
        .iter()
        .map(|recorded| match &recorded.kind {
            awo_models::EventKind::StepStarted(current) => format!("+{}", current.step),
            awo_models::EventKind::StepResumed(current) => format!("~{}", current.step),
            awo_models::EventKind::StepFinished { step, success: true, .. } => format!("{step}✔"),
            awo_models::EventKind::StepFinished { step, .. } => format!("{step}✘"),
            awo_models::EventKind::Ended { status } => status.to_string(),
            other => other.as_str().to_owned(),
        })
        .collect();
    format!("[{}]", words.join(" "))
}
