//! The handle that every front end uses.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{AgentWorkOrder, AgentWorkOrderStatus, ArtifactName, Epoch, Event, EventSeq, OrderId, StepHistory};
use awo_state::{LogLevel, LogPage, LogQuery, OrderQuery, OrderRow, OrderSnapshot, StateError};
use tokio::sync::broadcast;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep;
use tracing::info;

use crate::activity::{ActivityHint, StepActivity};
use crate::agent_health::{self, AgentStatus};
use crate::cause::carried;
use crate::disk_use::{self, DiskUse};
use crate::engine::Engine;
use crate::error::{EngineError, FieldError};
use crate::hints::{Hint, HintCursor, HintsSince};
use crate::live::Persistence;
use crate::new_order::NewOrder;
use crate::queue::QueueSender;

/// How often it is looked whether an order is stored further than before.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Creates, shows, follows and cancels agent work orders. Cheap to clone.
///
/// # Cancellation
/// Dropping a call leaves the order as it was or as it would be, never in between.
#[derive(Debug, Clone)]
pub struct WorkOrders {
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: QueueSender,
}

/// An order with its history, as one consistent view of what is stored, and what this process knows beyond it.
#[derive(Debug, Clone)]
pub struct OrderView {
    /// The order.
    pub order: Arc<AgentWorkOrder>,
    /// Its results so far.
    pub history: StepHistory,
    /// Its version.
    pub seq: EventSeq,
    /// Epoch of its last claim.
    pub epoch: Epoch,
    /// How far what happened to it is stored.
    pub persistence: Persistence,
    /// What the agent of its step in progress does, if it runs in this process.
    pub activity: Option<StepActivity>,
}

/// A page of orders, newest first.
#[derive(Debug, Clone)]
pub struct OrderList {
    /// The orders, without histories.
    pub items: Vec<ListedOrder>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<OrderId>,
    /// Orders that match, on all pages.
    pub total: usize,
    /// Orders that are stored but damaged.
    pub damaged: Vec<OrderId>,
}

/// One order of a list.
#[derive(Debug, Clone)]
pub struct ListedOrder {
    /// The order.
    pub order: Arc<AgentWorkOrder>,
    /// Its version.
    pub seq: EventSeq,
    /// How far what happened to it is stored.
    pub persistence: Persistence,
    /// What the agent of its step in progress does, if it runs in this process.
    pub activity: Option<StepActivity>,
}

/// The answer to creating an order.
#[derive(Debug, Clone)]
pub struct Created {
    /// The order.
    pub view: OrderView,
    /// Whether it was there already, made by an earlier request with the same idempotency key.
    pub existed: bool,
}

/// How the engine of this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Orders that run here, those that only wait included.
    pub running: usize,
    /// Orders among them that only wait, for a limit to reset or for another attempt; they take no place.
    pub waiting: usize,
    /// Orders that wait here.
    pub queued: usize,
    /// Orders whose saves are not acknowledged at present.
    pub degraded_orders: usize,
    /// Results of these that are not stored yet.
    pub unsaved_results: usize,
    /// Whether new orders are taken.
    pub accepting: bool,
    /// Names of the agents.
    pub agents: Vec<String>,
}

impl EngineHealth {
    /// Whether saves of some order are not acknowledged at present.
    pub fn is_degraded(&self) -> bool {
        self.degraded_orders > 0
    }
}

impl WorkOrders {
    /// Everything in a request that cannot be used; empty if it can. Starts nothing.
    pub fn check(&self, request: &NewOrder) -> Vec<FieldError> {
        request.clone().specify(&self.engine).err().unwrap_or_default()
    }

    /// Stores a new order and queues it, unless it is to be held. It is stored when this returns.
    pub async fn create(&self, request: NewOrder) -> Result<Created, EngineError> {
        let start = request.start;
        let spec = request.specify(&self.engine).map_err(EngineError::Invalid)?;
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        // An order that is held takes its place when it is started.
        let place = if start { Some(self.queue.reserve().map_err(|full| self.no_place(full))?) } else { None };
        let asked = spec.idempotency.clone();
        let mut order = AgentWorkOrder::new(self.engine.clock.order_id(), self.engine.clock.now(), spec);
        order.state.held = !start;
        let id = order.agent_work_order_id;
        // On a task of its own: a caller that goes away must not leave a stored order without its place in the queue.
        let engine = Arc::clone(&self.engine);
        let storing = tokio::spawn(carried(async move {
            let stored = engine.answered(engine.repository.create(order)).await;
            if let Ok(committed) = &stored {
                info!(agent_work_order_id = %id, held = !start, "agent_work_order_created");
                engine.note(id, LogLevel::Info, "agent_work_order_created", |entry| {
                    if start { entry } else { entry.with_field("held", true) }
                });
                engine.hints.send(id, committed.seq);
            }
            let place = match &stored {
                // After an outage it may have been stored, or may still be: whoever takes the place finds out.
                Err(refused) if !refused.is_outage() => place,
                _ => {
                    if let Some(place) = place {
                        place.send(id);
                    }
                    None
                }
            };
            (stored, place)
        }));
        let (stored, place) = storing.await.map_err(|died| StateError::Backend(died.into()))?;
        match stored {
            Ok(_) => Ok(Created { view: self.get(id).await?, existed: false }),
            Err(StateError::AlreadyExists(first)) => {
                let view = self.get(first).await?;
                match (asked, &view.order.spec.idempotency) {
                    (Some(asked), Some(made)) if asked != *made => {
                        return Err(EngineError::KeyReused { key: asked.key.to_string(), order: first });
                    }
                    _ => {}
                }
                // The first request may have been stored without being queued: its answer was lost.
                let state = &view.order.state;
                if let (AgentWorkOrderStatus::Pending, false, Some(place)) = (state.status, state.held, place) {
                    place.send(first);
                }
                Ok(Created { view, existed: true })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An order with its history.
    pub async fn get(&self, id: OrderId) -> Result<OrderView, EngineError> {
        let seen = self.engine.answered(self.engine.repository.get(id)).await?.ok_or(EngineError::NotFound(id))?;
        let OrderSnapshot { order, history, seq, epoch } = seen;
        let (persistence, activity) = (self.persistence(&order), self.activity(&order));
        Ok(OrderView { order, history, seq, epoch, persistence, activity })
    }

    /// What the agent of an order's step in progress does. That of a step whose beginning is not stored is left out: who
    /// sees it would not see the step.
    fn activity(&self, order: &AgentWorkOrder) -> Option<StepActivity> {
        let current = order.state.current_step.as_ref()?;
        let (engine, id) = (&self.engine, order.agent_work_order_id);
        let is_elsewhere = engine.changes.is_some() && !engine.live.runs(id);
        let known = if is_elsewhere { engine.watching.look(id) } else { engine.live.activity(id) };
        known.filter(|activity| activity.is_of(current))
    }

    /// How far what happened to an order is stored. Its end is the last that is: this process may still be busy with
    /// its checkout, but nothing of it is outstanding.
    fn persistence(&self, order: &AgentWorkOrder) -> Persistence {
        if order.state.status.is_terminal() {
            return Persistence::default();
        }
        self.engine.live.persistence(order.agent_work_order_id)
    }

    /// A page of orders, newest first.
    pub async fn list(&self, query: &OrderQuery) -> Result<OrderList, EngineError> {
        let page = self.engine.answered(self.engine.repository.list(query)).await?;
        let listed = |OrderRow { order, seq, .. }: OrderRow| {
            let (persistence, activity) = (self.persistence(&order), self.activity(&order));
            ListedOrder { order, seq, persistence, activity }
        };
        let items = page.items.into_iter().map(listed).collect();
        Ok(OrderList { items, next: page.next, total: page.total, damaged: page.damaged })
    }

    /// Up to `limit` events after a number, gapless and in order.
    pub async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>, EngineError> {
        Ok(self.engine.answered(self.engine.repository.events(id, after, limit)).await?)
    }

    /// Hints that orders have changed. A receiver that lags has missed hints, not events: it reads again.
    pub fn hints(&self) -> broadcast::Receiver<Hint> {
        self.engine.hints.subscribe()
    }

    /// Where the hints of this process are now.
    pub fn hint_cursor(&self) -> HintCursor {
        self.engine.hints.now()
    }

    /// The orders that have changed since a cursor, at most so many; `None` if the cursor is of another process, or of too
    /// long ago: whoever has it lists the orders again.
    pub fn hints_since(&self, cursor: HintCursor, limit: usize) -> Option<HintsSince> {
        self.engine.hints.since(cursor, limit)
    }

    /// Hints that an order's own log has new lines. A receiver that lags reads again.
    pub fn log_hints(&self) -> broadcast::Receiver<OrderId> {
        self.engine.chronicle.subscribe()
    }

    /// Hints that agents did something, a few a second of each order at most. They have no number and may be lost; what
    /// they did is in [`OrderView::activity`].
    pub fn activity_hints(&self) -> broadcast::Receiver<ActivityHint> {
        self.engine.activity_hints.subscribe()
    }

    /// Waits until an order's version is above `seen`, or how far it is stored changes, at most so long; the newest view either
    /// way.
    pub async fn wait_for_change(
        &self,
        id: OrderId,
        seen: EventSeq,
        at_most: Duration,
    ) -> Result<OrderView, EngineError> {
        let mut hints = self.hints(); // before the first look, so that nothing falls in between
        let view = self.get(id).await?;
        if view.seq > seen {
            return Ok(view);
        }
        let changed = async {
            loop {
                match hints.recv().await {
                    Ok(hint) if hint.order == id && hint.seq > seen => return,
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        };
        tokio::select! {
            () = changed => {}
            () = self.persistence_changes(id, view.persistence) => {}
            () = sleep(at_most) => {}
        }
        self.get(id).await
    }

    /// Resolves within a second of how far an order is stored being another than `seen`. It gives no hints, as its version is the
    /// same; the store is not asked.
    pub async fn persistence_changes(&self, id: OrderId, seen: Persistence) {
        while self.engine.live.persistence(id) == seen {
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Lines of an order's own log, oldest first. Empty if this engine keeps none.
    pub async fn log(&self, id: OrderId, query: &LogQuery) -> Result<LogPage, EngineError> {
        self.get(id).await?;
        match self.engine.chronicle.log() {
            Some(log) => Ok(self.engine.answered(log.read(id, query)).await?),
            None => Ok(LogPage::default()),
        }
    }

    pub(crate) fn no_place(&self, full: TrySendError<()>) -> EngineError {
        match full {
            TrySendError::Full(()) => EngineError::QueueFull { limit: self.engine.settings.max_queued },
            TrySendError::Closed(()) => EngineError::ShuttingDown,
        }
    }

    /// Names of an order's artifacts, sorted.
    pub async fn artifacts(&self, id: OrderId) -> Result<Vec<ArtifactName>, EngineError> {
        self.get(id).await?;
        Ok(self.engine.answered(self.engine.artifacts.list(id)).await?)
    }

    /// Reads an artifact; `None` if there is none of that name.
    pub async fn artifact(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.engine.artifacts.get(id, name).await?)
    }

    /// Sets the gauges of [`figures`](crate::figures), which are not kept up by themselves. To be called right before the
    /// figures are handed out.
    pub async fn set_gauges(&self) {
        crate::figures::set_gauges(self).await;
    }

    /// How the engine of this process is. Looks at nothing outside it.
    pub fn health(&self) -> EngineHealth {
        let (degraded_orders, unsaved_results) = self.engine.live.unsaved();
        EngineHealth {
            running: self.engine.live.count(),
            waiting: self.engine.live.waiting(),
            queued: self.queue.queued(),
            degraded_orders,
            unsaved_results,
            accepting: !self.engine.draining.is_cancelled(),
            agents: self.engine.agents.keys().cloned().collect(),
        }
    }

    /// The agents, and what was last seen of them. Answers at once; what is old is looked at again in the background.
    pub fn agents(&self) -> Vec<AgentStatus> {
        agent_health::last_seen(&self.engine)
    }

    /// What the checkouts take of the disk, as it was counted last. Answers at once; what is old is counted again in the
    /// background.
    pub fn disk_use(&self) -> Option<DiskUse> {
        disk_use::last_seen(&self.engine)
    }
}
