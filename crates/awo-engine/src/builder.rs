//! Puts the engine together from its ports.

use std::collections::BTreeMap;
use std::sync::Arc;

use awo_state::{ArtifactStore, Catalog, ChangeFeed, Leases, OrderLog, StateRepository, ToldStore};
use tokio_util::sync::CancellationToken;

use crate::activity::ActivityHints;
use crate::agent_health::SeenAgents;
use crate::chronicle::Chronicle;
use crate::disk_use::SeenDisk;
use crate::engine::{Engine, Settings};
use crate::fleet;
use crate::hints::Hints;
use crate::leasing::{LeaseTerms, Leasing};
use crate::live::LiveOrders;
use crate::notifying::Notices;
use crate::orchestrator::Orchestrator;
use crate::ports::{AgentExecutor, Clock, Forge, PromptSource, Recipient, SandboxProvider, SpillStore, SystemClock};
use crate::queue::queue;
use crate::statistics::Statistics;
use crate::watching::Watching;

/// Hints that a slow receiver may be behind before it has to read again.
const HINTS_KEPT: usize = 1024;

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
        Orchestrator::new(engine, queue, waiting)
    }
}
