//! What all parts of the engine share: the ports, the settings, and what runs here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use awo_models::{ArtifactName, OrderId, RetryPolicy, StepName};
use awo_state::{ArtifactContent, ArtifactStore, Catalog, ChangeFeed, LogEntry, LogLevel, StateError, StateRepository};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::activity::ActivityHints;
use crate::agent_health::SeenAgents;
use crate::cause;
use crate::chronicle::Chronicle;
use crate::disk_use::SeenDisk;
use crate::fleet;
use crate::hints::Hints;
use crate::leasing::Leasing;
use crate::live::LiveOrders;
use crate::notifying::Notices;
use crate::ports::{AgentExecutor, Clock, Forge, PromptSource, SandboxProvider, SpillStore};
use crate::recorder::describe;
use crate::retention::RetentionPolicy;
use crate::slowness::SlowPolicy;
use crate::statistics::Statistics;
use crate::waiting::{Moment, WaitingPolicy};
use crate::watching::Watching;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) repository: Arc<dyn StateRepository>,
    /// Others have the repository, too, if there is one.
    pub(crate) changes: Option<Arc<dyn ChangeFeed>>,
    pub(crate) artifacts: Arc<dyn ArtifactStore>,
    pub(crate) agents: BTreeMap<String, Arc<dyn AgentExecutor>>,
    pub(crate) seen_agents: SeenAgents,
    pub(crate) seen_disk: SeenDisk,
    pub(crate) sandboxes: Arc<dyn SandboxProvider>,
    pub(crate) forge: Arc<dyn Forge>,
    pub(crate) prompts: Arc<dyn PromptSource>,
    pub(crate) catalog: Option<Arc<dyn Catalog>>,
    pub(crate) chronicle: Chronicle,
    pub(crate) spills: Option<Arc<dyn SpillStore>>,
    pub(crate) notices: Notices,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) live: LiveOrders,
    /// Where several workers share the orders.
    pub(crate) leasing: Option<Arc<Leasing>>,
    pub(crate) seen_fleet: fleet::LastSeen,
    pub(crate) hints: Hints,
    pub(crate) statistics: Statistics,
    pub(crate) activity_hints: ActivityHints,
    /// What agents in other processes do, and who watches ours.
    pub(crate) watching: Watching,
    /// Fires when no new step may begin.
    pub(crate) draining: CancellationToken,
    /// Fires when nothing is waited for any more.
    pub(crate) giving_up: CancellationToken,
}

impl Engine {
    /// An answer of the repository, bounded: one that does not come is an outage.
    pub(crate) async fn answered<T, E: From<StateError>>(
        &self,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let answer = tokio::time::timeout(self.settings.answer_time, asking).await;
        answer.unwrap_or_else(|late| Err(StateError::Unavailable(late.into()).into()))
    }

    /// Says something in an order's own log; `more` adds what is known of it.
    pub(crate) fn note(
        &self,
        id: OrderId,
        level: LogLevel,
        event: &'static str,
        more: impl FnOnce(LogEntry) -> LogEntry,
    ) {
        if self.chronicle.log().is_some() {
            let entry = LogEntry::new(self.clock.now(), level, event);
            let entry = match cause::current() {
                Some(request) => entry.with_field("request_id", &*request),
                None => entry,
            };
            self.chronicle.note(id, more(entry));
        }
    }

    /// Now, for a decision in which there is chance.
    pub(crate) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), random: self.clock.random() }
    }

    /// A session id for the next attempt, if the agent's program takes one from us.
    pub(crate) fn new_session_id(&self, agent: &str) -> Option<Arc<str>> {
        let takes = self.agents.get(agent).is_some_and(|program| program.capabilities().chooses_session);
        takes.then(|| uuid::Builder::from_random_bytes(self.clock.random()).into_uuid().to_string().into())
    }

    /// Whether an agent's program can go on in an earlier session.
    pub(crate) fn resumes(&self, agent: &str) -> bool {
        self.agents.get(agent).is_some_and(|program| program.capabilities().resumes)
    }

    /// Keeps an artifact if that can be done in time; whether it could. A step does not fail for it.
    pub(crate) async fn keep(&self, id: OrderId, name: &ArtifactName, content: ArtifactContent) -> bool {
        let keeping = tokio::time::timeout(self.settings.artifact_time, self.artifacts.put(id, name, content)).await;
        let kept = keeping.unwrap_or_else(|late| Err(StateError::Unavailable(late.into())));
        if let Err(failed) = &kept {
            warn!(agent_work_order_id = %id, artifact = %name, reason = describe(failed), "artifact_not_kept");
        }
        kept.is_ok()
    }
}

/// How the engine behaves. The default is what `awo serve` uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of this worker, shown with the orders it claims.
    pub worker: Arc<str>,
    /// Agent of orders that name none.
    pub default_agent: Option<String>,
    /// Agents of single steps, by their names, in orders that name no agent. Stored with the order.
    pub step_agents: BTreeMap<String, String>,
    /// Orders that run at once.
    pub max_running: usize,
    /// Orders that may wait; beyond it, creating is refused.
    pub max_queued: usize,
    /// Wall time of one step, where neither the step nor the order says otherwise.
    pub step_timeout: Duration,
    /// How often a step is tried, where the order does not say otherwise.
    pub retry: RetryPolicy,
    /// Attempts of single steps, where the order does not say otherwise.
    pub attempts: BTreeMap<StepName, u32>,
    /// How long an order may wait for the service of its agent.
    pub waiting: WaitingPolicy,
    /// When a step that runs is called slow.
    pub slow: SlowPolicy,
    /// How long a step waits for its save in all; then the work goes on without.
    pub save_budget: Duration,
    /// How long one try of a save may take.
    pub save_try: Duration,
    /// Pause after the first failed try; doubled up to `flush_pause`.
    pub save_pause: Duration,
    /// Pause between tries while the store keeps failing.
    pub flush_pause: Duration,
    /// Outputs of more bytes than this are kept as artifacts, their beginning in the history.
    pub max_output_bytes: usize,
    /// How long the repository may take to answer a question or a request of a front end.
    pub answer_time: Duration,
    /// How long an artifact may take to be kept; after that the step goes on without it.
    pub artifact_time: Duration,
    /// An order whose worker ended without a word so often in a row, each time during an attempt, is failed: whatever
    /// ends the worker is likely to be in it. At least 1.
    pub max_interruptions: u32,
    /// Whether the checkout of a completed order is kept.
    pub keep_workspaces: bool,
    /// What is kept of orders that have ended.
    pub retention: RetentionPolicy,
    /// How often a worker looks for what is to go; every second at most.
    pub retention_pause: Duration,
    /// Whether a change of files that tell machines what to run is kept from being pushed.
    pub hold_ci_changes: bool,
    /// What happened so long ago is not told again to a recipient that did not take it.
    pub give_up_notices_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: "awo".into(),
            default_agent: None,
            step_agents: BTreeMap::new(),
            max_running: 8,
            max_queued: 1_000,
            step_timeout: Duration::from_hours(1),
            retry: RetryPolicy::default(),
            attempts: BTreeMap::new(),
            waiting: WaitingPolicy::default(),
            slow: SlowPolicy::default(),
            save_budget: Duration::from_secs(2),
            save_try: Duration::from_secs(1),
            save_pause: Duration::from_millis(50),
            flush_pause: Duration::from_millis(500),
            max_output_bytes: 1024 * 1024,
            answer_time: Duration::from_secs(10),
            artifact_time: Duration::from_secs(30),
            max_interruptions: 5,
            keep_workspaces: false,
            retention: RetentionPolicy::default(),
            retention_pause: Duration::from_hours(1),
            hold_ci_changes: false,
            give_up_notices_after: Duration::from_hours(24),
        }
    }
}
