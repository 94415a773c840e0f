//! What the real programs other than `claude` have in common: how a test runs them, as orders do.

use std::sync::Arc;
use std::time::Duration;

use awo_adapters::{AgentDriver, NoTracking, ProgramAgent, ProgramConfig};
use awo_engine::ports::{AgentExecutor, AgentReport, AgentRequest, AgentSession, ProgressSink};
use awo_models::{AgentName, Isolation, Network, OrderId, StepName};
use awo_testkit::{ModelServer, Script, programs};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(super) const KEY: &str = "sk-canary-of-the-operator";

/// A program and its model.
pub(super) struct Scene {
    pub(super) model: ModelServer,
    pub(super) config: ProgramConfig,
    pub(super) max_turns: Option<u32>,
    driver: Arc<dyn AgentDriver>,
    place: TempDir,
}

impl Scene {
    /// A scene with a script; `None` where the program is not there.
    pub(super) fn new(driver: impl AgentDriver + 'static, script: Script) -> Option<Self> {
        let name = driver.facts().name;
        let program = programs::real(&name)?;
        let place = tempfile::tempdir().unwrap();
        let mut config = ProgramConfig::new(&name, &place.path().join("state"));
        config.program = program;
        config.skip_permissions = true;
        config.passed_env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        config.limits.interrupt_grace = Duration::from_secs(20);
        // They look for the top of the repository that they work in.
        let checkout = place.path().join("checkout");
        std::fs::create_dir(&checkout).unwrap();
        let made = std::process::Command::new("git").args(["init", "--quiet"]).current_dir(&checkout).status();
        assert!(made.is_ok_and(|status| status.success()));
        Some(Self { model: ModelServer::start(script), config, max_turns: None, driver: Arc::new(driver), place })
    }

    pub(super) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.config.passed_env.push((name.into(), value.into()));
        self
    }

    pub(super) fn checkout(&self) -> std::path::PathBuf {
        self.place.path().join("checkout")
    }

    pub(super) fn executor(&self) -> ProgramAgent {
        ProgramAgent::new(Arc::clone(&self.driver), self.config.clone(), Arc::new(NoTracking))
    }

    pub(super) async fn execute(&self, prompt: &str) -> AgentReport {
        self.execute_in(AgentSession::New(None), prompt).await
    }

    pub(super) async fn execute_in(&self, session: AgentSession, prompt: &str) -> AgentReport {
        let request = AgentRequest {
            order: OrderId::new(1_700_000_000_000, [7; 10]),
            step: StepName::known("plan"),
            agent_name: AgentName::known("planner"),
            attempt: 1,
            prompt: prompt.to_owned(),
            working_dir: self.checkout(),
            borrowed: Vec::new(),
            repository_url: "https://git.example/repository".into(),
            isolation: Isolation::None,
            network: Network::Host,
            model: None,
            session,
            max_turns: self.max_turns,
            max_cost_nanousd: None,
            timeout: Duration::from_mins(3),
            silence: None,
            progress: ProgressSink::none(),
        };
        self.executor().execute(request, CancellationToken::new()).await
    }

    /// Text of the files that an execution left.
    pub(super) fn left(report: &AgentReport) -> String {
        report.files.iter().map(|file| std::fs::read_to_string(&file.path).unwrap()).collect()
    }
}
