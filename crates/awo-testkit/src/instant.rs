//! An agent that takes no time, and an engine around it whose checkouts are fakes in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use awo_adapters::{
    CommandDescription, CommandDriver, Custody, Keeper, ProcessTracker, ProgramAgent, ProgramConfig, find_program,
};
use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentHealth, AgentReport, AgentRequest};
use awo_engine::{NewOrder, Orchestrator, OrchestratorBuilder, RunEnd, Settings, WorkOrders};
use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, OrderId};
use awo_state::{
    ArtifactStore, BoxError, FileArtifacts, FileOrderLog, FileRepository, InMemory, InMemoryArtifacts,
    InMemoryOrderLog, OrderLog, StateRepository,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{FakeSandboxes, PlainPrompts, World, right};

type Outcome<T = ()> = Result<T, BoxError>;

/// Orders that may wait: more than are ever made.
const ROOM: usize = 100_000;

/// What an engine stores in.
#[derive(Debug)]
pub struct Stores {
    /// The orders.
    pub orders: Arc<dyn StateRepository>,
    /// Their artifacts.
    pub artifacts: Arc<dyn ArtifactStore>,
    /// Their logs.
    pub log: Arc<dyn OrderLog>,
}

impl Stores {
    /// All of it in memory.
    pub fn memory() -> Self {
        Self {
            orders: Arc::new(InMemory::default()),
            artifacts: Arc::new(InMemoryArtifacts::default()),
            log: Arc::new(InMemoryOrderLog::default()),
        }
    }

    /// All of it in a directory, as the server has it.
    pub fn files(dir: &Path) -> Outcome<Self> {
        Ok(Self {
            orders: Arc::new(FileRepository::open(dir, "measure")?),
            artifacts: Arc::new(FileArtifacts::new(dir)),
            log: Arc::new(FileOrderLog::new(dir)),
        })
    }
}

/// An engine with an agent that takes no time.
#[derive(Debug)]
pub struct Stage {
    orchestrator: Orchestrator,
}

impl Stage {
    /// An engine that stores there; `adapt` says what its agent does beside its answers.
    pub fn new(stores: Stores, adapt: impl FnOnce(InstantAgent) -> Outcome<InstantAgent>) -> Outcome<Self> {
        let World { sandboxes, forge, .. } = World::new();
        let agent = InstantAgent { sandboxes: Arc::clone(&sandboxes), program: None, gate: None };
        let agent = Arc::new(adapt(agent)?);
        let Stores { orders, artifacts, log } = stores;
        let settings = Settings { max_queued: ROOM, ..Settings::default() };
        let orchestrator = OrchestratorBuilder::new(orders, artifacts, sandboxes, forge, Arc::new(PlainPrompts))
            .with_agent("instant", agent)
            .with_log(log)
            .with_settings(settings)
            .build();
        Ok(Self { orchestrator })
    }

    /// What front ends ask.
    pub fn work_orders(&self) -> WorkOrders {
        self.orchestrator.work_orders()
    }

    /// Creates an order of seven steps.
    pub async fn create(&self) -> Outcome<OrderId> {
        let request = NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
        let created = self.work_orders().create(request).await?;
        Ok(created.view.order.agent_work_order_id)
    }

    /// Runs an order to its end, which must be a good one.
    pub async fn run(&self, order: OrderId) -> Outcome {
        match self.orchestrator.run_order(order).await? {
            RunEnd::Ended(AgentWorkOrderStatus::Completed) => Ok(()),
            other => Err(format!("order {order} ended otherwise: {other:?}").into()),
        }
    }

    /// Has an order run on a task of its own.
    pub fn spawn(&self, order: OrderId) -> tokio::task::JoinHandle<()> {
        self.orchestrator.spawn_order(order)
    }
}

/// Does what is right for each step at once.
#[derive(Debug)]
pub struct InstantAgent {
    sandboxes: Arc<FakeSandboxes>,
    program: Option<(ProgramAgent, PathBuf)>,
    gate: Option<Arc<Gate>>,
}

/// Where agents wait in a step.
#[derive(Debug)]
pub struct Gate {
    /// The step.
    pub step: &'static str,
    /// Each permit lets one go on.
    pub permits: Semaphore,
    /// How many came so far.
    pub came: AtomicUsize,
}

impl InstantAgent {
    /// One that waits at a gate.
    pub fn at_gate(self, gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// One for which a program is started first, as for any agent; its files are in a directory.
    pub fn with_program(self, keeper: Option<Keeper>, dir: &Path) -> Outcome<Self> {
        let description = CommandDescription {
            name: "instant".to_owned(),
            args: vec![WORD.to_owned()],
            prompt_on_stdin: true,
            ..CommandDescription::default()
        };
        let config = ProgramConfig { program: program()?, ..ProgramConfig::new("instant", dir) };
        let agent = ProgramAgent::new(Arc::new(CommandDriver::new(description)?), config, Arc::new(Kept(keeper)));
        Ok(Self { program: Some((agent, dir.to_owned())), ..self })
    }
}

/// What the program is told, and says.
pub const WORD: &str = "done";

/// A program that does nearly nothing.
pub fn program() -> Outcome<PathBuf> {
    let found = find_program(Path::new("echo"), std::env::var_os("PATH").as_deref());
    found.ok_or_else(|| "there is no program `echo`".into())
}

#[async_trait]
impl AgentExecutor for InstantAgent {
    fn capabilities(&self) -> AgentCapabilities {
        AgentCapabilities::default()
    }

    async fn probe(&self) -> AgentHealth {
        AgentHealth::built_in()
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let (order, step) = (request.order, request.step.clone());
        if let Some(gate) = self.gate.as_ref().filter(|gate| step == *gate.step) {
            gate.came.fetch_add(1, Ordering::SeqCst);
            match gate.permits.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => return AgentReport::failed(Failure::new(FailureCode::Cancelled, "the gate is gone")),
            }
        }
        let mut files = Vec::new();
        if let Some((program, dir)) = &self.program {
            // The checkout is a fake, and a program must be somewhere.
            let report = program.execute(AgentRequest { working_dir: dir.clone(), ..request }, cancel).await;
            if report.answer.is_err() {
                return report;
            }
            files = report.files;
        }
        let (written, answer) = right(step.as_str());
        for (path, content) in written {
            self.sandboxes.write(order, path, content);
        }
        AgentReport { answer: Ok(answer.into()), session_id: None, usage: None, files, warnings: Vec::new() }
    }
}

/// Has programs kept, and records nothing.
#[derive(Debug)]
struct Kept(Option<Keeper>);

impl ProcessTracker for Kept {
    fn track(&self, _order: OrderId, _pid: u32) -> std::io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }

    fn custody(&self, _order: OrderId) -> Custody {
        self.custody_of_a_look()
    }

    fn custody_of_a_look(&self) -> Custody {
        Custody { keeper: self.0.clone(), marks: Vec::new() }
    }
}
