//! An engine among fakes.

use std::sync::Arc;

use awo_engine::{NewOrder, Orchestrator, OrchestratorBuilder, OrderView, Settings};
use awo_models::{Event, EventSeq, OrderId};
use awo_state::{InMemory, InMemoryArtifacts, InMemoryCatalog, InMemoryOrderLog, StateRepository as _};
use tokio::sync::Semaphore;

use crate::{FakeAgent, FakeForge, FakeSandboxes, FakeSpills, ManualClock, ObservedRepository, PlainPrompts, Timeline};

/// Fakes for all ports, sharing one timeline. What it holds outlives an orchestrator, as a disk outlives a process.
#[derive(Debug)]
pub struct World {
    /// What happened, in order.
    pub timeline: Timeline,
    /// The store beneath, as an outside reader sees it.
    pub store: InMemory,
    /// The repository that the engine is given.
    pub repository: Arc<ObservedRepository>,
    /// The artifacts.
    pub artifacts: InMemoryArtifacts,
    /// Configured repositories.
    pub catalog: InMemoryCatalog,
    /// The logs of orders.
    pub log: InMemoryOrderLog,
    /// The agent.
    pub agent: Arc<FakeAgent>,
    /// The checkouts.
    pub sandboxes: Arc<FakeSandboxes>,
    /// The forge.
    pub forge: Arc<FakeForge>,
    /// Where results go that the store does not take.
    pub spills: Arc<FakeSpills>,
    /// The clock.
    pub clock: Arc<ManualClock>,
    /// Each permit lets one execution of the agent go on; `None`: no execution waits.
    pub gate: Option<Arc<Semaphore>>,
    /// Settings of orchestrators that are made from now on.
    pub settings: Settings,
}

impl World {
    /// A world whose agent works at once.
    pub fn new() -> Self {
        Self::build(None)
    }

    /// A world whose agent waits for a permit of the gate before each execution.
    pub fn gated() -> Self {
        Self::build(Some(Arc::new(Semaphore::new(0))))
    }

    fn build(gate: Option<Arc<Semaphore>>) -> Self {
        let timeline = Timeline::default();
        let store = InMemory::default();
        let sandboxes = Arc::new(FakeSandboxes::new(timeline.clone()));
        Self {
            repository: Arc::new(ObservedRepository::new(Arc::new(store.clone()), timeline.clone())),
            store,
            artifacts: InMemoryArtifacts::default(),
            catalog: InMemoryCatalog::default(),
            log: InMemoryOrderLog::default(),
            agent: Arc::new(FakeAgent::new(timeline.clone(), Arc::clone(&sandboxes), gate.clone())),
            sandboxes,
            forge: Arc::new(FakeForge::new(timeline.clone())),
            spills: Arc::default(),
            clock: Arc::new(ManualClock::default()),
            gate,
            settings: Settings::default(),
            timeline,
        }
    }

    /// A new orchestrator over this world: a process that starts.
    pub fn orchestrator(&self) -> Orchestrator {
        self.builder().build()
    }

    /// The same before it is put together, to swap a part.
    pub fn builder(&self) -> OrchestratorBuilder {
        let (repository, sandboxes, forge, agent) = (
            Arc::clone(&self.repository),
            Arc::clone(&self.sandboxes),
            Arc::clone(&self.forge),
            Arc::clone(&self.agent),
        );
        let (spills, clock) = (Arc::clone(&self.spills), Arc::clone(&self.clock));
        OrchestratorBuilder::new(repository, Arc::new(self.artifacts.clone()), sandboxes, forge, Arc::new(PlainPrompts))
            .with_agent("fake", agent)
            .with_catalog(Arc::new(self.catalog.clone()))
            .with_log(Arc::new(self.log.clone()))
            .with_spill(spills)
            .with_clock(clock)
            .with_settings(self.settings.clone())
    }

    /// Creates an order through an orchestrator.
    pub async fn create(&self, orchestrator: &Orchestrator) -> OrderId {
        let request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
        let created = orchestrator.work_orders().create(request).await.expect("the request is good");
        created.view.order.agent_work_order_id
    }

    /// All events of an order.
    pub async fn events(&self, id: OrderId) -> Vec<Arc<Event>> {
        self.store.events(id, EventSeq(0), usize::MAX).await.expect("the order is there")
    }

    /// An order as it is stored.
    pub async fn stored(&self, id: OrderId) -> OrderView {
        let seen = self.store.get(id).await.expect("memory answers").expect("the order is there");
        OrderView {
            order: seen.order,
            history: seen.history,
            seq: seen.seq,
            epoch: seen.epoch,
            persistence: awo_engine::Persistence::default(),
            activity: None,
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
