//! What the stored histories tell of how long steps take, what they cost and why they fail.
//!
//! There is no second truth: what is counted is derived from orders as they are stored. It is read once after a start,
//! in the background, newest orders first; kept up as results are saved and orders are deleted, here or by others; and bounded.

mod attempts;
mod elsewhere;
mod index;
mod query;
mod summary;
#[cfg(test)]
mod tests;
mod usual;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use awo_models::{AgentWorkOrder, Epoch, EventSeq, OrderId, StepHistory, StepName, Timestamp, UsualDuration};
use awo_state::{OrderQuery, OrderRow, StateError};
use tokio::sync::{Mutex as Turn, watch};
use tracing::{info, warn};

pub use attempts::SELECTED_COMMANDS;
pub use query::{Dimension, StatsQuery, StatsWindow};
pub use summary::{Common, DayFigures, Figures, OrderFigures, RecentAttempt, StatsGroup, StatsSummary};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::recorder::describe;
use crate::work_orders::WorkOrders;
use attempts::CountedOrder;
use elsewhere::ChangedElsewhere;
use index::Index;
use usual::Telling;

/// Orders that are listed at once.
const ROWS: usize = 200;
/// Orders that are looked at, at once, for what is usual: who saves waits for no more.
const LOOKED_AT: usize = 256;
/// How long a question waits for what is not read yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// Figures of finished attempts, and how much of what is stored they are of.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStats {
    /// Attempts that ended at this time or later are counted; `None`: however long ago.
    pub since: Option<Timestamp>,
    /// Attempts that ended before this time are counted; `None`: until now.
    pub until: Option<Timestamp>,
    /// Whether all that is stored has been read. Right after a start it has not.
    pub complete: bool,
    /// Orders that were created before are not counted, as there are too many; `None`: all are.
    pub reaches_back_to: Option<Timestamp>,
    /// Orders that are damaged, and so not counted.
    pub unreadable_orders: usize,
    /// The figures.
    pub summary: StatsSummary,
}

/// What is counted of the orders in the repository.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    index: Mutex<Index>,
    /// Whether all that is stored is counted.
    whole: watch::Sender<bool>,
    /// One reads, the others wait for it.
    reading: Turn<()>,
    changed: Mutex<ChangedElsewhere>,
}

impl Statistics {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an order as it is stored now.
    pub(crate) fn stored(&self, order: &AgentWorkOrder, history: &StepHistory) {
        let counted = CountedOrder::of(order, history);
        self.index().count(counted);
    }

    /// Notes that another process changed an order: it is counted before the figures are asked for again.
    pub(crate) fn changed_elsewhere(&self, id: OrderId, seq: EventSeq) {
        self.changed().note(id, seq);
    }

    fn changed(&self) -> MutexGuard<'_, ChangedElsewhere> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew where too many orders were changed to know which; whether all that is stored is counted.
    fn is_whole(&self) -> bool {
        if self.changed().forget_overflow() {
            *self.index() = Index::default();
            self.whole.send_replace(false);
        }
        *self.whole.borrow()
    }

    /// Counts an order no more that was deleted.
    pub(crate) fn deleted(&self, id: OrderId) {
        self.index().forget(id);
    }

    /// How long a step usually takes, as soon as all that is stored is counted; `None` if too few attempts tell.
    pub(crate) async fn usual(&self, step: &StepName, agent: &str, least: usize) -> Option<UsualDuration> {
        self.whole.subscribe().wait_for(|whole| *whole).await.ok()?;
        let mut telling = Telling::of(step, agent);
        let mut before = None;
        loop {
            let orders = self.index().older(before, LOOKED_AT);
            for order in &orders {
                telling.look_at(order);
            }
            before = orders.last().map(|oldest| oldest.id);
            if before.is_none() || telling.is_done() {
                return telling.usual(least);
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Reads what is stored, unless that was done before; whether all of it is counted now. May be dropped at any point: the
/// next call goes on.
pub(crate) async fn read(engine: &Engine) -> bool {
    let statistics = &engine.statistics;
    let _turn = statistics.reading.lock().await;
    if statistics.is_whole() {
        return true;
    }
    let mut query = OrderQuery { limit: ROWS, ..OrderQuery::default() };
    loop {
        let page = match until_answered(engine, || engine.repository.list(&query)).await {
            Ok(page) => page,
            Err(failed) => {
                warn!(reason = describe(&failed), "step_statistics_not_read: the next question tries again");
                return false;
            }
        };
        statistics.index().damaged(page.damaged);
        let mut has_room = true;
        for row in page.items.iter().filter(|row| has_results(row)) {
            has_room = count(engine, row.order.agent_work_order_id).await;
            if !has_room {
                break;
            }
        }
        match page.next.filter(|_| has_room) {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let (orders, attempts) = statistics.index().read();
    statistics.whole.send_replace(true);
    info!(orders, attempts, "step_statistics_read");
    true
}

/// Counts what other processes changed, once all that was stored before is counted; whether nothing of it is left. May be
/// dropped at any point: the next call goes on.
pub(crate) async fn catch_up(engine: &Engine) -> bool {
    let statistics = &engine.statistics;
    if *statistics.whole.borrow() && statistics.changed().has_overflown() {
        return read(engine).await;
    }
    let _turn = statistics.reading.lock().await;
    if !*statistics.whole.borrow() {
        return false;
    }
    loop {
        let Some((id, seq)) = statistics.changed().next() else { return true };
        let counted = match engine.answered(engine.repository.get(id)).await {
            Ok(Some(seen)) => Some(CountedOrder::of(&seen.order, &seen.history)),
            Ok(None) => {
                statistics.deleted(id);
                None
            }
            Err(outage) if outage.is_outage() => return false,
            Err(_) => None, // it cannot be read, nor counted
        };
        if let Some(counted) = counted {
            statistics.index().count(counted);
        }
        statistics.changed().counted(id, seq);
        // The store may answer without ever giving others a turn.
        tokio::task::yield_now().await;
    }
}

/// Whether an order may have results: one that nobody ever claimed has none.
fn has_results(row: &OrderRow) -> bool {
    row.epoch > Epoch::default()
}

/// Counts an order that an earlier life stored; whether there is room for older ones.
async fn count(engine: &Engine, id: OrderId) -> bool {
    let statistics = &engine.statistics;
    if statistics.index().has(id) {
        return true;
    }
    // The store may answer without ever giving others a turn.
    tokio::task::yield_now().await;
    match until_answered(engine, || engine.repository.get(id)).await {
        Ok(Some(seen)) => statistics.index().count(CountedOrder::of(&seen.order, &seen.history)),
        Ok(None) => true,
        Err(damaged) => {
            warn!(agent_work_order_id = %id, reason = describe(&damaged), "agent_work_order_not_counted");
            statistics.index().damaged([id]);
            true
        }
    }
}

/// Asks until the store answers, whatever the answer is.
async fn until_answered<T, A: Future<Output = Result<T, StateError>>>(
    engine: &Engine,
    ask: impl Fn() -> A,
) -> Result<T, StateError> {
    loop {
        match engine.answered(ask()).await {
            Err(outage) if outage.is_outage() => tokio::time::sleep(engine.settings.flush_pause).await,
            answer => return answer,
        }
    }
}

impl WorkOrders {
    /// Figures of the attempts that are stored: of orders that have ended, and of those that run. What cannot be read in
    /// some seconds is left out, and the answer says so.
    pub async fn step_stats(&self, query: &StatsQuery) -> Result<StepStats, EngineError> {
        let engine = &*self.engine;
        let reading = async { read(engine).await && catch_up(engine).await };
        let complete = tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false);
        let (since, until) = query.window.bounds(engine.clock.now());
        let (orders, reaches_back_to, unreadable_orders) = {
            let index = engine.statistics.index();
            (index.orders(), index.reaches_back_to(), index.unreadable())
        };
        let query = query.clone();
        let summing = tokio::task::spawn_blocking(move || summary::summarize(&orders, &query, since, until));
        let summary = summing.await.map_err(|died| StateError::Backend(died.into()))?;
        Ok(StepStats { since, until, complete, reaches_back_to, unreadable_orders, summary })
    }
}
