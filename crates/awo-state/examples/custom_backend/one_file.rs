//! The backend: orders in one file, a line of JSON per write, synced before the write is answered.
//!
//! It decides nothing, as all rules are in `merge`. It is simple, not fast: its writes block, and its file only grows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use awo_models::{AgentWorkOrder, Event, EventKind, EventSeq, OrderId, OrderPatch, StepExecutionResult, StepHistory};
use awo_state::{
    Change, Committed, Head, OrderQuery, OrderRow, OrderSnapshot, Page, Result, StateError, StateRepository, merge,
};
use serde::{Deserialize, Serialize};

/// Orders in one file. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct OneFile(Arc<Mutex<Orders>>);

#[derive(Debug)]
struct Orders {
    file: File,
    /// False after a failed write: nobody knows what the file ends with until it is opened again.
    sound: bool,
    by_id: BTreeMap<OrderId, Stored>,
}

#[derive(Debug)]
struct Stored {
    order: Arc<AgentWorkOrder>,
    history: StepHistory,
    head: Head,
    events: Vec<Arc<Event>>,
}

/// One line of the file. What is in memory is what these say, in order.
#[derive(Serialize, Deserialize)]
enum Record {
    Created(Box<AgentWorkOrder>, Head),
    Saved(OrderId, Head, Box<OrderPatch>, Vec<Arc<Event>>, Vec<Arc<StepExecutionResult>>),
    Deleted(OrderId),
}

impl OneFile {
    /// Reads the file, or makes it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let text = std::fs::read_to_string(path)?;
        // A last line without its end was cut by a crash, so nobody was told of it.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        let mut orders = Orders { file, sound: true, by_id: BTreeMap::new() };
        for line in text[..whole].lines() {
            orders.apply(serde_json::from_str(line)?);
        }
        Ok(Self(Arc::new(Mutex::new(orders))))
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orders {
    fn find(&self, id: OrderId) -> Result<&Stored> {
        self.by_id.get(&id).ok_or(StateError::NotFound(id))
    }

    fn store(&mut self, record: Record) -> Result<()> {
        if !std::mem::take(&mut self.sound) {
            return Err(StateError::Unavailable("an earlier write failed; open the file again".into()));
        }
        let mut line = serde_json::to_vec(&record).map_err(|error| StateError::Backend(error.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|error| StateError::Unavailable(error.into()))?;
        self.sound = true;
        self.apply(record);
        Ok(())
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Created(order, head) => {
                let (id, at) = (order.agent_work_order_id, order.created_at);
                let event = Event { seq: head.seq, epoch: head.epoch, at, kind: EventKind::Created };
                let (order, history) = (Arc::new(*order), StepHistory::default());
                self.by_id.insert(id, Stored { order, history, head, events: vec![Arc::new(event)] });
            }
            Record::Saved(id, head, patch, events, steps) => {
                let Some(stored) = self.by_id.get_mut(&id) else { return };
                let state = &mut Arc::make_mut(&mut stored.order).state;
                patch.apply(state);
                state.updated_at = events.last().map_or(state.updated_at, |last| last.at);
                for step in steps {
                    stored.history.push(step);
                }
                stored.events.extend(events);
                stored.head = head;
            }
            Record::Deleted(id) => drop(self.by_id.remove(&id)),
        }
    }

    fn commit(&mut self, id: OrderId, history: Option<&StepHistory>, change: &Change) -> Result<Committed> {
        let delta = merge(&self.find(id)?.head, history, change)?;
        if !delta.is_repetition() {
            let steps = delta.new_steps.clone().filter_map(|index| history?.get(index).cloned()).collect();
            self.store(Record::Saved(id, delta.head, Box::new(delta.patch), delta.events, steps))?;
        }
        Ok(delta.head.committed())
    }
}

#[async_trait::async_trait]
impl StateRepository for OneFile {
    async fn create(&self, order: AgentWorkOrder) -> Result<Committed> {
        let head = Head::of_new(&order)?;
        let mut orders = self.orders();
        let key = |order: &AgentWorkOrder| order.spec.idempotency.as_ref().map(|made| Arc::clone(&made.key));
        let same = |known: &&Stored| {
            known.order.agent_work_order_id == order.agent_work_order_id
                || key(&known.order).is_some_and(|known| Some(known) == key(&order))
        };
        if let Some(taken) = orders.by_id.values().find(same) {
            return Err(StateError::AlreadyExists(taken.order.agent_work_order_id));
        }
        orders.store(Record::Created(Box::new(order), head)).map(|()| head.committed())
    }

    async fn get(&self, id: OrderId) -> Result<Option<OrderSnapshot>> {
        Ok(self.orders().by_id.get(&id).map(|stored| OrderSnapshot {
            order: Arc::clone(&stored.order),
            history: stored.history.clone(),
            seq: stored.head.seq,
            epoch: stored.head.epoch,
        }))
    }

    async fn list(&self, query: &OrderQuery) -> Result<Page> {
        let orders = self.orders();
        let matching = orders.by_id.values().rev().filter(|stored| query.matches(&stored.order));
        let row = |s: &Stored| OrderRow { order: Arc::clone(&s.order), seq: s.head.seq, epoch: s.head.epoch, bytes: 0 };
        let all: Vec<OrderRow> = matching.map(row).collect();
        let total = all.len();
        let older = |row: &OrderRow| query.after.is_none_or(|after| row.order.agent_work_order_id < after);
        let mut items: Vec<_> = all.into_iter().filter(older).collect();
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items.last().filter(|_| more).map(|row| row.order.agent_work_order_id);
        Ok(Page { items, next, total, damaged: Vec::new() })
    }

    async fn update(&self, id: OrderId, change: &Change) -> Result<Committed> {
        self.orders().commit(id, None, change)
    }

    async fn save_step_history(&self, id: OrderId, history: &StepHistory, change: &Change) -> Result<Committed> {
        self.orders().commit(id, Some(history), change)
    }

    async fn events(&self, id: OrderId, after: EventSeq, limit: usize) -> Result<Vec<Arc<Event>>> {
        let orders = self.orders();
        let after = usize::try_from(after.0).unwrap_or(usize::MAX);
        Ok(orders.find(id)?.events.iter().skip(after).take(limit).cloned().collect())
    }

    async fn delete(&self, id: OrderId, at: EventSeq) -> Result<()> {
        let mut orders = self.orders();
        orders.find(id)?.head.deletable(at)?;
        orders.store(Record::Deleted(id))
    }
}
