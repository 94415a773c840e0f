//! Runs the engine: starts what goes on in it, recovers what an earlier life left, and ends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awo_models::{AgentWorkOrderStatus, Failure, OrderId};
use awo_state::{OrderQuery, StateError};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::dispatching::{dispatch, run_and_log};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::left_behind;
use crate::live::StopReason;
use crate::neighbours;
use crate::notifying;
use crate::parking::Seat;
use crate::queue::{QueueReceiver, QueueSender};
use crate::recorder::describe;
use crate::recovery::{Forecast, foresee};
use crate::renewing;
use crate::retention::{self, Retired};
use crate::run::{RunEnd, run_order};
use crate::spilling::settle_ended;
use crate::statistics;
use crate::taking;
use crate::watching;
use crate::work_orders::WorkOrders;
use crate::workspaces::{self, KeptWorkspace};

/// Time to spill when nothing is waited for any more: a spill takes one try of a save, 1 s.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Time for the last lines of the orders' logs.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Runs orders: as many at once as it may, the others wait in line.
///
/// Dropping it stops nothing; call [`Orchestrator::drain`].
#[derive(Debug)]
pub struct Orchestrator {
    engine: Arc<Engine>,
    queue: QueueSender,
    waiting: Mutex<Option<QueueReceiver>>,
    telling: AtomicBool,
    listening: AtomicBool,
    tasks: TaskTracker,
}

impl Orchestrator {
    pub(crate) fn new(engine: Engine, queue: QueueSender, waiting: QueueReceiver) -> Self {
        Self {
            engine: Arc::new(engine),
            queue,
            waiting: Mutex::new(Some(waiting)),
            telling: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }
    }

    /// The handle for front ends.
    pub fn work_orders(&self) -> WorkOrders {
        WorkOrders { engine: Arc::clone(&self.engine), queue: self.queue.clone() }
    }

    /// Runs one order to its end on the caller's task, whatever the queue. Where workers share the orders, it must have been
    /// given to this one. An error means that this process may not, or
    /// cannot, go on with it; what is stored is then untouched.
    pub async fn run_order(&self, id: OrderId) -> Result<RunEnd, StateError> {
        run_order(&self.engine, id, &mut Seat::free()).await
    }

    /// Runs one order on a task of its own, whatever the queue. [`Orchestrator::drain`] waits for it.
    /// The handle ends when nothing runs the order here any more.
    pub fn spawn_order(&self, id: OrderId) -> JoinHandle<()> {
        let engine = Arc::clone(&self.engine);
        self.tasks.spawn(async move {
            run_and_log(&engine, id, Seat::free()).await;
        })
    }

    /// What the next start would do with each order that has not ended. Changes nothing; meant for a moment when nobody
    /// runs them.
    pub async fn forecast(&self) -> Result<Forecast, EngineError> {
        let engine = &*self.engine;
        let mut forecast = Forecast::default();
        let mut query = unfinished();
        loop {
            let page = engine.answered(engine.repository.list(&query)).await?;
            for row in page.items {
                let read = engine.answered(engine.repository.get(row.order.agent_work_order_id)).await?;
                if let Some(seen) = read {
                    forecast.orders.push(foresee(engine, seen).await);
                }
            }
            forecast.damaged = page.damaged;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(forecast),
            }
        }
    }

    /// Starts to tell recipients what happens to orders, and what happened to those that an earlier life did not tell of.
    /// [`Orchestrator::start`] does it, too; does nothing the second time.
    pub fn tell(&self) {
        if self.telling.swap(true, Ordering::Relaxed) {
            return;
        }
        for recipient in &self.engine.notices.recipients {
            let since = self.engine.clock.now();
            self.tasks.spawn(notifying::tell(Arc::clone(&self.engine), Arc::clone(recipient), since));
        }
    }

    /// Starts to hear what other processes do to the orders of a store that they share, and to tell them what is done here.
    /// [`Orchestrator::start`] does it, too; does nothing the second time, nor where no store is shared.
    pub fn listen(&self) {
        let Some(changes) = &self.engine.changes else { return };
        if self.listening.swap(true, Ordering::Relaxed) {
            return;
        }
        self.tasks.spawn(neighbours::tell(Arc::clone(&self.engine), Arc::clone(changes)));
        self.tasks.spawn(neighbours::hear(Arc::clone(&self.engine), Arc::clone(changes)));
        self.tasks.spawn(watching::pass_on(Arc::clone(&self.engine), Arc::clone(changes)));
        self.tasks.spawn(neighbours::count(Arc::clone(&self.engine)));
    }

    /// Starts to take orders from the queue, beginning with those that an earlier life left. Does nothing the second
    /// time.
    pub fn start(&self) {
        let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        self.tell();
        self.listen();
        let (engine, queue) = (Arc::clone(&self.engine), self.queue.clone());
        self.tasks.spawn(async move {
            let draining = engine.draining.clone();
            tokio::select! {
                () = draining.cancelled() => {}
                () = recover(&engine, &queue) => {}
            }
        });
        let engine = Arc::clone(&self.engine);
        self.tasks.spawn(async move {
            tokio::select! {
                () = engine.draining.cancelled() => {}
                _ = statistics::read(&engine) => {}
            }
        });
        self.take_orders(waiting);
        self.tasks.spawn(retention::run(Arc::clone(&self.engine)));
        if self.engine.changes.is_some() {
            self.tasks.spawn(left_behind::run(Arc::clone(&self.engine), self.queue.clone()));
        }
    }

    /// By leases where they are dealt out, else all that are in line here.
    fn take_orders(&self, waiting: QueueReceiver) {
        let (engine, tasks) = (Arc::clone(&self.engine), self.tasks.clone());
        let Some(leasing) = self.engine.leasing.clone() else {
            self.tasks.spawn(dispatch(engine, waiting, tasks));
            return;
        };
        self.tasks.spawn(taking::listen(Arc::clone(&engine), Arc::clone(&leasing), waiting));
        if leasing.terms.runs_orders {
            self.tasks.spawn(renewing::renew(Arc::clone(&engine), Arc::clone(&leasing)));
            self.tasks.spawn(taking::take(engine, leasing, tasks));
        }
    }

    /// Applies the retention policy once, and removes what belongs to orders that are not there; with `dry_run` it only
    /// says what that would be. A worker that was started does it by itself, unless everything is kept.
    pub async fn retire(&self, dry_run: bool) -> Result<Retired, StateError> {
        retention::retire(&self.engine, &self.engine.settings.retention, dry_run).await
    }

    /// All checkouts that are there, and what would be lost with each.
    pub async fn workspaces(&self) -> Result<Vec<KeptWorkspace>, Failure> {
        workspaces::list(&self.engine).await
    }

    /// Removes a checkout, with what was kept of its states; whether it is gone. One that is needed stays, and so does, unless
    /// `force` is given, work that is nowhere else.
    pub async fn clear_workspace(&self, id: OrderId, force: bool) -> bool {
        workspaces::clear(&self.engine, &self.queue, id, force).await
    }

    /// Ends this worker: no new step begins. An agent that is still at work after `finishing` is stopped and its order
    /// goes back to the queue; `stopping` later nothing is waited for any more. True if nothing was left behind.
    pub async fn drain(&self, finishing: Duration, stopping: Duration) -> bool {
        self.engine.draining.cancel();
        self.tasks.close();
        let whole = self.wait(finishing, stopping).await;
        self.engine.chronicle.flush(LAST_LINES).await;
        whole
    }

    async fn wait(&self, finishing: Duration, stopping: Duration) -> bool {
        if tokio::time::timeout(finishing, self.tasks.wait()).await.is_ok() {
            return true;
        }
        self.engine.live.stop_all(StopReason::ShuttingDown);
        if tokio::time::timeout(stopping, self.tasks.wait()).await.is_ok() {
            return true;
        }
        self.engine.giving_up.cancel();
        tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_ok()
    }
}

/// Queues every order that has not ended and is not held: an earlier life left it. Oldest first; tries until the store can be
/// read. Where leases are dealt out, the store keeps the line. Then clears up what an earlier life left of others.
async fn recover(engine: &Engine, queue: &QueueSender) {
    if engine.leasing.is_none() {
        queue_all(engine, queue).await;
    }
    settle_ended(engine).await;
    left_behind::sweep(engine, queue).await;
}

async fn queue_all(engine: &Engine, queue: &QueueSender) {
    let mut found = Vec::new();
    let mut query = unfinished();
    loop {
        match engine.answered(engine.repository.list(&query)).await {
            Ok(page) => {
                let waits = page.items.iter().filter(|row| !row.order.state.held);
                found.extend(waits.map(|row| row.order.agent_work_order_id));
                for damaged in page.damaged {
                    warn!(agent_work_order_id = %damaged, "agent_work_order_damaged: it is kept and not run");
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
            Err(failed) => {
                warn!(reason = describe(&failed), "orders_not_listed: trying again");
                tokio::time::sleep(engine.settings.flush_pause).await;
            }
        }
    }
    if !found.is_empty() {
        info!(orders = found.len(), "agent_work_orders_recovered");
    }
    for id in found.into_iter().rev() {
        if !queue.push(id).await {
            return;
        }
    }
}

/// Orders that have not ended.
fn unfinished() -> OrderQuery {
    let status = vec![AgentWorkOrderStatus::Pending, AgentWorkOrderStatus::Running];
    OrderQuery { status, ..OrderQuery::default() }
}
