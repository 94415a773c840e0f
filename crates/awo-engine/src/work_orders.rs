//! The handle that every front end uses.

use std::sync::Arc;
use std::time::Duration;

use awo_models::{
    AgentWorkOrder, AgentWorkOrderStatus, ArtifactName, Epoch, Event, EventKind, EventSeq, Failure, FailureCode,
    OrderId, OrderPatch, StepHistory, StepName,
};
use awo_state::{
    Change, LogLevel, LogPage, LogQuery, OrderQuery, OrderRow, OrderSnapshot, StateError, StateRepositoryExt as _,
};
use tokio::sync::broadcast;
use tokio::sync::mpsc::error::TrySendError;
use tracing::info;

use crate::activity::{ActivityHint, StepActivity};
use crate::agent_health::{self, AgentStatus};
use crate::claim::end_patch;
use crate::disk_use::{self, DiskUse};
use crate::engine::Engine;
use crate::error::{EngineError, FieldError};
use crate::hints::Hint;
use crate::live::{Persistence, StopReason};
use crate::new_order::NewOrder;
use crate::ports::VerifiedRepository;
use crate::progress::Ending;
use crate::queue::QueueSender;

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

    /// Looks a repository up at its forge.
    pub async fn verify_repository(&self, repository_url: &str) -> Result<VerifiedRepository, Failure> {
        let checked = self.engine.sandboxes.check_address(repository_url);
        checked.map_err(|reason| Failure::new(FailureCode::ForgeFailed, reason))?;
        self.engine.forge.verify(repository_url).await
    }

    /// Stores a new order and queues it. It is stored when this returns.
    pub async fn create(&self, request: NewOrder) -> Result<Created, EngineError> {
        let spec = request.specify(&self.engine).map_err(EngineError::Invalid)?;
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        let place = self.queue.reserve().map_err(|full| self.no_place(full))?;
        let asked = spec.idempotency.clone();
        let order = AgentWorkOrder::new(self.engine.clock.order_id(), self.engine.clock.now(), spec);
        let id = order.agent_work_order_id;
        // On a task of its own: a caller that goes away must not leave a stored order without its place in the queue.
        let engine = Arc::clone(&self.engine);
        let storing = tokio::spawn(async move {
            let stored = engine.answered(engine.repository.create(order)).await;
            let place = match &stored {
                Ok(committed) => {
                    info!(agent_work_order_id = %id, "agent_work_order_created");
                    engine.note(id, LogLevel::Info, "agent_work_order_created", |entry| entry);
                    place.send(id);
                    engine.hints.send(id, committed.seq);
                    None
                }
                // It may have been stored, or may still be: whoever takes the place finds out.
                Err(outage) if outage.is_outage() => {
                    place.send(id);
                    None
                }
                Err(_) => Some(place),
            };
            (stored, place)
        });
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
                if let (AgentWorkOrderStatus::Pending, Some(place)) = (view.order.state.status, place) {
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
        self.engine.live.activity(order.agent_work_order_id).filter(|activity| activity.is_of(current))
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

    /// Hints that agents did something, a few a second of each order at most. They have no number and may be lost; what
    /// they did is in [`OrderView::activity`].
    pub fn activity_hints(&self) -> broadcast::Receiver<ActivityHint> {
        self.engine.activity_hints.subscribe()
    }

    /// Waits until an order's version is above `seen`, at most so long; the newest view either way.
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
        let _ = tokio::time::timeout(at_most, changed).await;
        self.get(id).await
    }

    /// Cancels an order. The request is stored when this returns; a running order is `cancelled` once its agent has
    /// ended. Asking again changes nothing.
    pub async fn cancel(&self, id: OrderId) -> Result<OrderView, EngineError> {
        let now = self.engine.clock.now();
        let asking = self.engine.repository.decide(id, |seen| cancel_request(seen, now));
        let asked = match tokio::time::timeout(self.engine.settings.answer_time, asking).await {
            Ok(asked) => asked,
            Err(late) => Err(StateError::Unavailable(late.into()).into()),
        };
        let view = match asked {
            Ok(_) => self.get(id).await?,
            // The answer may be lost and the request stored.
            Err(EngineError::State(outage)) if outage.is_outage() => match self.get(id).await {
                Ok(view) if view.order.state.cancel_requested => view,
                _ => return Err(EngineError::State(outage)),
            },
            Err(refused) => return Err(refused),
        };
        if view.order.state.status == AgentWorkOrderStatus::Cancelled {
            crate::figures::ended(AgentWorkOrderStatus::Cancelled); // it waited, and this was its end
        }
        self.engine.live.stop(id, StopReason::Cancelled);
        self.engine.hints.send(id, view.seq);
        info!(agent_work_order_id = %id, "agent_work_order_cancel_requested");
        self.engine.note(id, LogLevel::Info, "agent_work_order_cancel_requested", |entry| entry);
        Ok(view)
    }

    /// Tries an order that has ended again, from its first step that is not done or from an earlier one. What is run
    /// again begins with the checkout as it was then; earlier results stay. Queued when this returns.
    pub async fn retry(&self, id: OrderId, from_step: Option<&StepName>) -> Result<OrderView, EngineError> {
        if self.engine.draining.is_cancelled() {
            return Err(EngineError::ShuttingDown);
        }
        let place = self.queue.reserve().map_err(|full| self.no_place(full))?;
        let now = self.engine.clock.now();
        let asking = self.engine.repository.decide(id, |seen| retry_request(seen, from_step, now));
        let asked = tokio::time::timeout(self.engine.settings.answer_time, asking).await;
        let committed = asked.unwrap_or_else(|late| Err(StateError::Unavailable(late.into()).into()))?;
        place.send(id);
        self.engine.hints.send(id, committed.seq);
        info!(agent_work_order_id = %id, from_step = from_step.map(StepName::as_str), "agent_work_order_retried");
        self.engine.note(id, LogLevel::Info, "agent_work_order_retried", |entry| {
            entry.with_field("from_step", from_step.map(StepName::as_str))
        });
        self.get(id).await
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

    /// Reads an artifact; `None` if there is none of that name.
    pub async fn artifact(&self, id: OrderId, name: &ArtifactName) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.engine.artifacts.get(id, name).await?)
    }

    /// Sets the gauges of [`figures`](crate::figures), which are not kept up by themselves. To be called right before the
    /// figures are handed out.
    pub fn set_gauges(&self) {
        crate::figures::set_gauges(&self.health());
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

/// What a request to cancel says, the order being where it is.
fn cancel_request(seen: &OrderSnapshot, now: awo_models::Timestamp) -> Result<Change, EngineError> {
    let id = seen.order.agent_work_order_id;
    let asked = OrderPatch { cancel_requested: Some(true), ..OrderPatch::default() };
    let unchanged = Change::if_unchanged(seen.seq);
    if seen.order.state.cancel_requested && !seen.order.state.status.is_terminal() {
        return Ok(unchanged); // it was asked already, and is on its way
    }
    let change = unchanged.with(EventKind::CancelRequested, now, asked);
    match seen.order.state.status {
        AgentWorkOrderStatus::Pending => {
            let ending = Ending {
                status: AgentWorkOrderStatus::Cancelled,
                error_code: Some(awo_models::FailureCode::Cancelled),
                error_message: Some("cancelled on request before it began".into()),
            };
            Ok(change.with(EventKind::Ended { status: ending.status }, now, end_patch(&ending, now)))
        }
        AgentWorkOrderStatus::Running => Ok(change),
        status => Err(EngineError::NotAllowed { id, status, allowed: "it has ended and can only be read" }),
    }
}

/// What a request to try again says: a new round, which reopens a step and all after it.
fn retry_request(
    seen: &OrderSnapshot,
    from_step: Option<&StepName>,
    now: awo_models::Timestamp,
) -> Result<Change, EngineError> {
    let (order, history) = (&seen.order, &seen.history);
    let (id, status) = (order.agent_work_order_id, order.state.status);
    let refused = |allowed| Err(EngineError::NotAllowed { id, status, allowed });
    if !status.is_terminal() {
        return refused("it has not ended; cancel it first, or wait");
    }
    let workflow = order.workflow();
    let open = match workflow.iter().position(|definition| !order.is_done(history, definition)) {
        Some(open) => open,
        None if order.waiting_prompts() > 0 => workflow.len(),
        None => return refused("all its steps are done; say what is missing with a prompt, or create another order"),
    };
    let resumes_at = match from_step {
        None => open,
        Some(step) => match workflow.iter().position(|definition| definition.step == *step) {
            Some(place) if place <= open => place,
            Some(_) => {
                let message = format!(
                    "comes after `{}`, which is not done; retry from that or an earlier step",
                    workflow[open].step
                );
                return Err(EngineError::Invalid(vec![FieldError { field: "from_step", message }]));
            }
            None => {
                let steps: Vec<_> = workflow.iter().take(open + 1).map(|definition| definition.step.as_str()).collect();
                let message = format!("{step} is not a step of this order; there are {}", steps.join(", "));
                return Err(EngineError::Invalid(vec![FieldError { field: "from_step", message }]));
            }
        },
    };
    let patch = OrderPatch {
        status: Some(AgentWorkOrderStatus::Pending),
        round: Some(awo_models::Round { first_result: history.len(), resumes_at }),
        cancel_requested: Some(false),
        interruptions: Some(0),
        error_code: Some(None),
        error_message: Some(None),
        completed_at: Some(None),
        ..OrderPatch::default()
    };
    Ok(Change::if_unchanged(seen.seq).with(EventKind::Retried, now, patch))
}
