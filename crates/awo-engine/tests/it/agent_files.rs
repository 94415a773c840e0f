//! Files that an agent's execution leaves: taken into the artifacts, or away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use awo_engine::ports::{AgentCapabilities, AgentExecutor, AgentFile, AgentHealth, AgentReport, AgentRequest};
use awo_engine::{OrchestratorBuilder, RunEnd};
use awo_models::AgentWorkOrderStatus;
use awo_state::{MockArtifactStore, StateError};
use awo_testkit::{FakeAgent, PlainPrompts, World};
use tokio_util::sync::CancellationToken;

/// Leaves a file besides what another agent does.
#[derive(Debug)]
struct Leaves {
    agent: Arc<FakeAgent>,
    directory: PathBuf,
}

#[async_trait]
impl AgentExecutor for Leaves {
    fn capabilities(&self) -> AgentCapabilities {
        self.agent.capabilities()
    }

    async fn probe(&self) -> AgentHealth {
        self.agent.probe().await
    }

    async fn execute(&self, request: AgentRequest, cancel: CancellationToken) -> AgentReport {
        let path = self.directory.join(request.step.as_str());
        std::fs::write(&path, "what it said").unwrap();
        let mut report = self.agent.execute(request, cancel).await;
        report.files.push(AgentFile { kind: "transcript.jsonl".to_owned(), path });
        report
    }

    async fn discard(&self, file: &Path) {
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_kept_is_not_left_behind() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let mut full = MockArtifactStore::new();
    full.expect_put().returning(|_, _, _| Err(StateError::Unavailable("the disk is full".into())));
    let (repository, sandboxes) = (Arc::clone(&world.repository), Arc::clone(&world.sandboxes));
    let forge = Arc::clone(&world.forge);
    let leaves = Leaves { agent: Arc::clone(&world.agent), directory: directory.path().to_owned() };
    let orchestrator = OrchestratorBuilder::new(repository, Arc::new(full), sandboxes, forge, Arc::new(PlainPrompts))
        .with_agent("leaves", Arc::new(leaves))
        .build();
    let id = world.create(&orchestrator).await;
    let end = orchestrator.run_order(id).await.unwrap();
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed), "a step does not fail for it");
    let left: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}
