//! Puts the engine together and runs it: queue, places, recovery, shutdown.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, OrderId};
use awo_state::{
    ArtifactStore, Catalog, ChangeFeed, Leases, OrderLog, OrderQuery, StateError, StateRepository, ToldStore,
};
use futures::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::activity::ActivityHints;
use crate::agent_health::SeenAgents;
use crate::chronicle::Chronicle;
use crate::claiming::fail_order;
use crate::disk_use::SeenDisk;
use crate::engine::{Engine, Settings};
use crate::error::EngineError;
use crate::fleet;
use crate::hints::Hints;
use crate::leasing::{LeaseTerms, Leasing};
use crate::left_behind;
use crate::live::{LiveOrders, StopReason};
use crate::neighbours;
use crate::notifying::{self, Notices};
use crate::parking::{Places, Seat};
use crate::ports::{AgentExecutor, Clock, Forge, PromptSource, Recipient, SandboxProvider, SpillStore, SystemClock};
use crate::queue::{QueueReceiver, QueueSender, queue};
use crate::recorder::describe;
use crate::recovery::{Forecast, foresee};
use crate::renewing;
use crate::retention::{self, Retired};
use crate::run::{RunEnd, run_order};
use crate::spilling::settle_ended;
use crate::statistics::{self, Statistics};
use crate::taking;
use crate::watching::{self, Watching};
use crate::work_orders::WorkOrders;
use crate::workspaces::{self, KeptWorkspace};

/// Hints that a slow receiver may be behind before it has to read again.
const HINTS_KEPT: usize = 1024;
/// Time to spill when nothing is waited for any more: a spill takes one try of a save, 1 s.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Time for the last lines of the orders' logs.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Takes the ports; agents and settings are added by name.
///
/// ```
/// # use std::sync::Arc;
/// # use awo_testkit::{PlainPrompts, World};
/// use awo_engine::{NewOrder, OrchestratorBuilder, RunEnd, Settings};
/// use awo_models::AgentWorkOrderStatus::Completed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { repository, artifacts, sandboxes, forge, agent, .. } = World::new();
/// let orchestrator =
///     OrchestratorBuilder::new(repository, Arc::new(artifacts), sandboxes, forge, Arc::new(PlainPrompts))
///         .with_agent("mine", agent)
///         .with_settings(Settings { worker: "worker-1".into(), ..Settings::default() })
///         .build();
/// let request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
/// let created = orchestrator.work_orders().create(request).await?;
/// let end = orchestrator.run_order(created.view.order.agent_work_order_id).await?;
/// assert_eq!(end, RunEnd::Ended(Completed));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OrchestratorBuilder {
    repository: Arc<dyn StateRepository>,
    artifacts: Arc<dyn ArtifactStore>,
    sandboxes: Arc<dyn SandboxProvider>,
    forge: Arc<dyn Forge>,
    prompts: Arc<dyn PromptSource>,
    agents: BTreeMap<String, Arc<dyn AgentExecutor>>,
    catalog: Option<Arc<dyn Catalog>>,
    changes: Option<Arc<dyn ChangeFeed>>,
    log: Option<Arc<dyn OrderLog>>,
    spills: Option<Arc<dyn SpillStore>>,
    recipients: Vec<Arc<dyn Recipient>>,
    told: Option<Arc<dyn ToldStore>>,
    leases: Option<(Arc<dyn Leases>, LeaseTerms)>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl OrchestratorBuilder {
    /// The ports that every orchestrator needs.
    pub fn new(
        repository: Arc<dyn StateRepository>,
        artifacts: Arc<dyn ArtifactStore>,
        sandboxes: Arc<dyn SandboxProvider>,
        forge: Arc<dyn Forge>,
        prompts: Arc<dyn PromptSource>,
    ) -> Self {
        Self {
            repository,
            artifacts,
            sandboxes,
            forge,
            prompts,
            agents: BTreeMap::new(),
            catalog: None,
            changes: None,
            log: None,
            spills: None,
            recipients: Vec::new(),
            told: None,
            leases: None,
            clock: Arc::new(SystemClock::default()),
            settings: Settings::default(),
        }
    }

    /// Adds an agent under the name that orders ask for it by.
    pub fn with_agent(mut self, name: &str, agent: Arc<dyn AgentExecutor>) -> Self {
        self.agents.insert(name.to_owned(), agent);
        self
    }

    /// Keeps configured repositories. Without it there are none, and none can be added.
    pub fn with_catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Shares the repository with other processes: whoever follows an order here hears of it, too, where another one changes
    /// it, from [`Orchestrator::listen`] on, and those hear of what this one changes. Without it this process is the only one.
    pub fn with_changes(mut self, changes: Arc<dyn ChangeFeed>) -> Self {
        self.changes = Some(changes);
        self
    }

    /// Keeps a log of each order, for people. Without one it is only in the program's own log.
    pub fn with_log(mut self, log: Arc<dyn OrderLog>) -> Self {
        self.log = Some(log);
        self
    }

    /// Gives results that the store does not take a second place, so that they outlive this process. Without one they
    /// are in memory only until the store takes them.
    pub fn with_spill(mut self, spills: Arc<dyn SpillStore>) -> Self {
        self.spills = Some(spills);
        self
    }

    /// Tells somebody outside what happens to orders, from [`Orchestrator::tell`] on.
    pub fn with_recipient(mut self, recipient: Arc<dyn Recipient>) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Keeps in mind how far recipients have been told, and lets one of the processes that share it tell each of them of what all
    /// did. Without it each process tells of what it does itself while it is there.
    pub fn with_told(mut self, told: Arc<dyn ToldStore>) -> Self {
        self.told = Some(told);
        self
    }

    /// Shares the orders of the repository with other workers, by leases. Without it this process is the only one that runs
    /// them. [`Settings::worker`] must be a name that no other worker has or had.
    pub fn with_leases(mut self, leases: Arc<dyn Leases>, terms: LeaseTerms) -> Self {
        self.leases = Some((leases, terms));
        self
    }

    /// Takes time and chance from another place.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how the engine behaves.
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Puts it together. Nothing runs yet.
    pub fn build(self) -> Orchestrator {
        let (queue, waiting) = queue(self.settings.max_queued);
        let Settings { worker, max_running, .. } = &self.settings;
        let leasing = self.leases.map(|(port, terms)| Arc::new(Leasing::new(port, worker, *max_running, terms)));
        let engine = Engine {
            leasing,
            seen_fleet: fleet::LastSeen::default(),
            repository: self.repository,
            hints: Hints::new(HINTS_KEPT, self.changes.is_some()),
            changes: self.changes,
            artifacts: self.artifacts,
            agents: self.agents,
            seen_agents: SeenAgents::default(),
            seen_disk: SeenDisk::default(),
            sandboxes: self.sandboxes,
            forge: self.forge,
            prompts: self.prompts,
            catalog: self.catalog,
            chronicle: Chronicle::new(self.log),
            spills: self.spills,
            notices: Notices {
                recipients: self.recipients,
                told: self.told,
                give_up_after: self.settings.give_up_notices_after,
            },
            clock: self.clock,
            settings: self.settings,
            live: LiveOrders::default(),
            statistics: Statistics::default(),
            activity_hints: ActivityHints::new(),
            watching: Watching::default(),
            draining: CancellationToken::new(),
            giving_up: CancellationToken::new(),
        };
        Orchestrator {
            engine: Arc::new(engine),
            queue,
            waiting: Mutex::new(Some(waiting)),
            telling: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }
    }
}

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

/// Takes orders in line, each when there is a place for it.
async fn dispatch(engine: Arc<Engine>, mut waiting: QueueReceiver, tasks: TaskTracker) {
    let places = Places::new(engine.settings.max_running);
    let draining = engine.draining.clone();
    loop {
        let next = async {
            loop {
                let seat = places.seat().await?;
                tokio::select! {
                    biased;
                    id = waiting.next() => return Some((seat, id?)),
                    () = places.wanted() => {} // by an order that has waited; there is none in the queue
                }
            }
        };
        let (seat, id) = tokio::select! {
            biased;
            () = draining.cancelled() => return,
            next = next => match next {
                Some(next) => next,
                None => return,
            },
        };
        let engine = Arc::clone(&engine);
        tasks.spawn(async move {
            run_and_log(&engine, id, seat).await;
        });
    }
}

/// Runs an order; how it ended, if it did. A panic outside its steps, and a save that is refused although nobody fenced us, are defects of ours:
/// the order is claimed anew once, and failed if it happens again.
pub(crate) async fn run_and_log(engine: &Engine, id: OrderId, mut seat: Seat) -> Option<RunEnd> {
    let mut ran = run_caught(engine, id, &mut seat).await;
    if let Err(defect) = &ran
        && is_defect(defect)
    {
        error!(agent_work_order_id = %id, reason = describe(defect), "workflow_claimed_anew");
        ran = run_caught(engine, id, &mut seat).await;
        if let Err(defect) = &ran
            && is_defect(defect)
        {
            let failure = Failure::new(FailureCode::Internal, format!("it was stopped twice: {}", describe(defect)));
            ran = fail_order(engine, id, &failure).await.map(|()| RunEnd::Ended(AgentWorkOrderStatus::Failed));
        }
    }
    match ran {
        Ok(end) => Some(end),
        Err(StateError::Held) => {
            info!(agent_work_order_id = %id, "agent_work_order_held: another worker has it");
            None
        }
        Err(stopped) => {
            error!(agent_work_order_id = %id, reason = describe(&stopped), "workflow_not_run_to_its_end");
            None
        }
    }
}

fn is_defect(stopped: &StateError) -> bool {
    matches!(stopped, StateError::Conflict { .. } | StateError::Refused(_) | StateError::Transition(_))
}

async fn run_caught(engine: &Engine, id: OrderId, seat: &mut Seat) -> Result<RunEnd, StateError> {
    seat.take().await;
    let ran = AssertUnwindSafe(run_order(engine, id, seat)).catch_unwind().await;
    ran.unwrap_or(Err(StateError::Refused("awo panicked while it ran the order")))
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
