//! A backend of somebody else, certified by the suite.
//!
//! `cargo run -p awo-state --example custom_backend` saves a step with it, opens it again and finds the step.
//! `cargo test -p awo-state --example custom_backend` certifies it: one test per clause of the contract.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

mod one_file;

use awo_models::{
    AgentName, AgentWorkOrder, EventKind, Evidence, Isolation, Limits, Network, OrderId, OrderPatch, OrderSpec,
    SandboxType, StepExecutionResult, StepName, Timestamp, steps,
};
use awo_state::{Change, ClaimId, StateRepository as _, StateRepositoryExt as _};
use one_file::OneFile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = tempfile::tempdir()?;
    let path = place.path().join("orders.jsonl");
    let at = Timestamp::from_second(1_700_000_000)?;
    let id = OrderId::new(1_700_000_000_000, [7; 10]);

    let repository = OneFile::open(&path)?;
    let created = repository.create(AgentWorkOrder::new(id, at, spec())).await?;
    let claim = Change::if_unchanged(created.seq).claiming(ClaimId(1), "example", at, OrderPatch::default());
    let claimed = repository.update(id, &claim).await?;

    let mut history = repository.get_step_history(id).await?.unwrap_or_default();
    history.push(result(at));
    let finished =
        EventKind::StepFinished { index: 0, step: StepName::known(steps::CLASSIFY), attempt: 1, success: true };
    let save = Change::after(claimed).with(finished, at, OrderPatch::default());
    let saved = repository.save_step_history(id, &history, &save).await?;
    println!("saved    {id}: {} step, version {}, epoch {}", saved.steps, saved.seq, saved.epoch);

    // An answer may be lost on its way. Saying the same again changes nothing.
    assert_eq!(repository.save_step_history(id, &history, &save).await?, saved);

    drop(repository);
    let found = OneFile::open(&path)?.get(id).await?.ok_or("the order is there")?;
    assert_eq!((&found.history, found.seq), (&history, saved.seq));
    println!("reopened {id}: {} step, version {}, epoch {}", found.history.len(), found.seq, found.epoch);
    println!("certify  cargo test -p awo-state --example custom_backend");
    Ok(())
}

fn spec() -> OrderSpec {
    OrderSpec {
        repository_url: "https://example.org/owner/repository.git".into(),
        user_request: "Add a greeting".into(),
        github_issue_number: None,
        sandbox_type: SandboxType::GitWorktree,
        workflow_type: None,
        selected_commands: None,
        workflow: Vec::new(),
        agent: "example".into(),
        model: None,
        isolation: Isolation::None,
        network: Network::Host,
        base_branch: None,
        limits: Limits::default(),
        labels: Vec::new(),
        priority: 0,
        requested_by: None,
        idempotency: None,
    }
}

fn result(at: Timestamp) -> StepExecutionResult {
    StepExecutionResult {
        step: StepName::known(steps::CLASSIFY),
        agent_name: AgentName::known("classifier"),
        attempt: 1,
        success: true,
        output: Some("/feature".into()),
        output_truncated: false,
        error_code: None,
        error_message: None,
        error_exit: None,
        duration: std::time::Duration::from_millis(400),
        session_id: None,
        started_at: at,
        timestamp: at,
        evidence: Evidence::default(),
        usage: None,
        tries: Vec::new(),
        artifacts: Vec::new(),
    }
}

#[cfg(test)]
mod certified {
    use std::sync::{Arc, Mutex};

    use awo_models::OrderId;
    use awo_state::StateRepository;
    use awo_state::conformance::Fixture;

    use super::OneFile;

    /// A file of its own for each clause.
    struct Place {
        dir: tempfile::TempDir,
        open: Mutex<OneFile>,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            Self { open: Mutex::new(OneFile::open(&dir.path().join("orders.jsonl")).unwrap()), dir }
        }
    }

    #[async_trait::async_trait]
    impl Fixture for Place {
        async fn repository(&self) -> Arc<dyn StateRepository> {
            Arc::new(self.open.lock().unwrap().clone())
        }

        async fn reopen(&self) -> Option<Arc<dyn StateRepository>> {
            *self.open.lock().unwrap() = OneFile::open(&self.dir.path().join("orders.jsonl")).unwrap();
            Some(self.repository().await)
        }

        // Its lines carry no version yet, so none can be newer.
        async fn reopen_with_damage(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
            None
        }
        async fn reopen_with_newer_format(&self, _: OrderId) -> Option<Arc<dyn StateRepository>> {
            None
        }

        async fn stored_bytes(&self, _: OrderId) -> Vec<u8> {
            Vec::new()
        }
    }

    awo_state::state_repository_conformance!(Place::new());
}
