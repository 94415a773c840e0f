//! What a life tells: a line of JSON for each fact, written in one piece after the store has acknowledged it.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use async_trait::async_trait;
use awo_engine::StateRepository;
use awo_models::{AgentWorkOrder, Event, EventSeq, OrderId, StepHistory};
use awo_state::{Change, Committed, OrderQuery, OrderSnapshot, Page, Result, StateError};
use serde_json::{Value, json};

use crate::Outcome;

/// Writes the lines.
#[derive(Debug)]
pub(crate) struct Teller {
    by_hand: bool,
}

impl Teller {
    /// `by_hand`: a line must be read after each that was written.
    pub(crate) fn new(by_hand: bool) -> Self {
        Self { by_hand }
    }

    pub(crate) fn tell(&self, fact: &Value) -> Outcome {
        let mut line = serde_json::to_vec(fact)?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()?;
        if self.by_hand {
            io::stdin().lock().read_line(&mut String::new())?;
        }
        Ok(())
    }

    /// Tells how an order can be read.
    pub(crate) fn tell_view(&self, what: &str, mut view: Value) -> Outcome {
        view["told"] = what.into();
        self.tell(&view)
    }
}

/// An order as a reader sees it.
pub(crate) async fn view(store: &dyn StateRepository, id: OrderId) -> Outcome<Value> {
    let seen = store.get(id).await?.ok_or(StateError::NotFound(id))?;
    let events = store.events(id, EventSeq(0), usize::MAX).await?;
    let event = |event: &Arc<Event>| {
        let kind = event.kind.as_str();
        serde_json::to_value(&**event).map(|data| json!({"sequence": event.seq, "kind": kind, "data": data}))
    };
    let events = events.iter().map(event).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(json!({
        "id": id,
        "status": seen.order.state.status,
        "version": seen.seq,
        "steps": seen.history,
        "events": events,
    }))
}

/// A repository that tells each of its acknowledgements, with all that can then be read of the order.
#[derive(Debug)]
pub(crate) struct TellingRepository {
    inner: Arc<dyn StateRepository>,
    teller: Arc<Teller>,
}

impl TellingRepository {
    pub(crate) fn new(inner: Arc<dyn StateRepository>, teller: Arc<Teller>) -> Self {
        Self { inner, teller }
    }

    async fn tell(&self, id: OrderId, acknowledged: Committed) -> Result<Committed> {
        let told = match view(&*self.inner, id).await {
            Ok(view) => self.teller.tell_view("acknowledged", view),
            Err(error) => Err(error),
        };
        // Whoever listens must not miss one without notice.
        told.map_err(|_| StateError::Refused("an acknowledgement could not be told"))?;
        Ok(acknowledged)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateRepository for TellingRepository {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let id = order.agent_work_order_id;
        let acknowledged = self.inner.create(order).await?;
        self.tell(id, acknowledged).await
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        self.inner.get(id).await
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        self.inner.list(query).await
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        let acknowledged = self.inner.update(id, change).await?;
        self.tell(id, acknowledged).await
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        let acknowledged = self.inner.save_step_history(id, history, change).await?;
        self.tell(id, acknowledged).await
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        self.inner.events(id, after, limit).await
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        self.inner.delete(id, at).await
    }
}
