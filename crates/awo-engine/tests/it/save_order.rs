//! The order of effects, at the ports themselves: executed, then saved, then the next step.
//!
//! Two ways in which such tests lie are closed here: the run is awaited on the test's own task, so a violated
//! expectation fails the test; and the engine must have released its repository at the end, so the mock is dropped and
//! its counts are checked.

use std::path::Path;
use std::sync::Arc;

use awo_engine::ports::{
    AgentCapabilities, AgentReport, MockAgentExecutor, MockForge, MockSandbox, MockSandboxProvider, Sandbox,
    SandboxProvider,
};
use awo_engine::{Orchestrator, OrchestratorBuilder, RunEnd};
use awo_models::*;
use awo_state::{Committed, InMemoryArtifacts, MockStateRepository, OrderSnapshot};
use awo_testkit::{ManualClock, PlainPrompts, World};
use mockall::Sequence;

const SEVEN: [&str; 7] = ["classify", "plan", "find_plan", "generate_branch", "implement", "commit", "create_pr"];

/// A pending order with the seven steps, as the repository would answer it.
async fn pending_order() -> OrderSnapshot {
    let world = World::new();
    let id = world.create(&world.orchestrator()).await;
    let view = world.stored(id).await;
    OrderSnapshot { order: view.order, history: view.history, seq: view.seq, epoch: view.epoch }
}

fn committed(history: usize) -> Committed {
    Committed {
        seq: EventSeq(2),
        epoch: Epoch(1),
        owner_events: 0,
        steps: history,
        cancel_requested: false,
        prompts: 0,
    }
}

/// A checkout in which every look finds another tree and one commit, so that all evidence is there.
fn helpful_sandbox() -> MockSandbox {
    let mut sandbox = MockSandbox::new();
    let looks = std::sync::atomic::AtomicU64::new(0);
    sandbox.expect_working_dir().return_const(Path::new("/fake").to_owned());
    sandbox.expect_base_branch().return_const("main".to_owned());
    sandbox.expect_base_commit().return_const("base".to_owned());
    sandbox.expect_isolation().returning(|| Isolation::None);
    sandbox.expect_isolation_reason().returning(|| None);
    sandbox.expect_network().returning(|| Network::Host);
    sandbox.expect_borrowed().returning(Vec::new);
    sandbox.expect_network_reason().returning(|| None);
    sandbox.expect_snapshot().returning(move || {
        let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(WorkspaceSnapshot { head: "head".into(), tree: format!("tree-{look}").into(), branch: Some("b".into()) })
    });
    sandbox.expect_compare().returning(|from, _| {
        let clean = *from.tree == *"head"; // asked after the commit
        let files = if clean { vec![] } else { vec!["specs/plan.md".into()] };
        Ok(DiffStat { commits: 1, files, lines_added: 1, lines_removed: 0 })
    });
    sandbox.expect_checkpoint().returning(|_| Ok(()));
    sandbox.expect_publish().returning(|_| Ok(()));
    sandbox.expect_inspect().returning(|_| Ok(awo_engine::ports::FileKind::File(1)));
    sandbox.expect_create_branch().returning(|_| Ok("b".into()));
    sandbox.expect_commit().returning(|_| Ok(true));
    sandbox.expect_patch().returning(|_, _| Ok(Vec::new()));
    sandbox.expect_push().returning(|_| Ok(BranchPush { branch: "b".into(), commit: "head".into() }));
    sandbox
}

fn orchestrator(
    repository: Arc<MockStateRepository>,
    agent: MockAgentExecutor,
    pull_request: Result<PullRequestEvidence, Failure>,
) -> Orchestrator {
    let mut sandboxes = MockSandboxProvider::new();
    sandboxes.expect_prepare().times(1).returning(|_| Ok(Arc::new(helpful_sandbox()) as Arc<dyn Sandbox>));
    sandboxes.expect_remove().returning(|_| Ok(()));
    let mut forge = MockForge::new();
    forge.expect_caution().returning(|_| None);
    forge.expect_open_pull_request().returning(move |_| pull_request.clone());
    OrchestratorBuilder::new(
        repository,
        Arc::new(InMemoryArtifacts::default()),
        Arc::new(sandboxes) as Arc<dyn SandboxProvider>,
        Arc::new(forge),
        Arc::new(PlainPrompts),
    )
    .with_agent("fake", Arc::new(agent))
    .with_clock(Arc::new(ManualClock::default()))
    .build()
}

fn answer(step: &str) -> &'static str {
    match step {
        "classify" => "/feature",
        "plan" | "find_plan" => "specs/plan.md",
        "generate_branch" => "add-greeting",
        _ => "done",
    }
}

fn report(answer: Result<&str, FailureCode>) -> AgentReport {
    let answer = answer.map(Arc::from).map_err(|code| Failure::new(code, "the mock says so"));
    AgentReport { answer, session_id: None, usage: None, files: Vec::new(), warnings: Vec::new() }
}

/// Expects, in this order: the agent executes `step`, then a save of `length` results that does not end the order.
fn expect_step(
    agent: &mut MockAgentExecutor,
    repository: &mut MockStateRepository,
    sequence: &mut Sequence,
    step: &'static str,
    length: usize,
    outcome: Result<(), FailureCode>,
) {
    agent
        .expect_execute()
        .withf(move |request, _| request.step == step)
        .times(1)
        .in_sequence(sequence)
        .returning(move |_, _| report(outcome.map(|()| answer(step))));
    expect_save(repository, sequence, length, None);
}

fn expect_save(
    repository: &mut MockStateRepository,
    sequence: &mut Sequence,
    length: usize,
    status: Option<AgentWorkOrderStatus>,
) {
    repository
        .expect_save_step_history()
        .withf(move |_, history, change| {
            // Each save holds all steps so far, in order: a prefix of the seven.
            let steps: Vec<_> = history.iter().map(|result| result.step.as_str()).collect();
            steps == SEVEN[..length] && change.status() == status
        })
        .times(1)
        .in_sequence(sequence)
        .returning(|_, history, _| Ok(committed(history.len())));
}

fn expect_claim(repository: &mut MockStateRepository, sequence: &mut Sequence, order: OrderSnapshot) {
    repository.expect_get().times(1).in_sequence(sequence).returning(move |_| Ok(Some(order.clone())));
    repository
        .expect_update()
        .withf(|_, change| change.claim().is_some())
        .times(1)
        .in_sequence(sequence)
        .returning(|_, _| Ok(committed(0)));
}

/// Runs the order on this task, and checks that the engine lets go of its repository.
async fn run(
    repository: MockStateRepository,
    agent: MockAgentExecutor,
    id: OrderId,
    pr: Result<PullRequestEvidence, Failure>,
) -> RunEnd {
    let mut agent = agent;
    agent.expect_capabilities().returning(AgentCapabilities::default);
    let repository = Arc::new(repository);
    let orchestrator = orchestrator(Arc::clone(&repository), agent, pr);
    let end = orchestrator.run_order(id).await.unwrap();
    drop(orchestrator);
    assert_eq!(Arc::strong_count(&repository), 1, "the engine kept its repository: the counts would not be checked");
    end
}

#[tokio::test]
async fn each_step_is_saved_before_the_next_one_starts() {
    let order = pending_order().await;
    let id = order.order.agent_work_order_id;
    let (mut repository, mut agent) = (MockStateRepository::new(), MockAgentExecutor::new());
    let mut sequence = Sequence::new();
    expect_claim(&mut repository, &mut sequence, order);
    for (index, step) in SEVEN.into_iter().enumerate() {
        expect_step(&mut agent, &mut repository, &mut sequence, step, index + 1, Ok(()));
    }
    expect_save(&mut repository, &mut sequence, 7, Some(AgentWorkOrderStatus::Completed)); // exactly eight
    let end = run(repository, agent, id, Ok(PullRequestEvidence::Opened { url: "u".into() })).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test]
async fn a_first_step_that_fails_is_saved_and_then_the_end() {
    let order = pending_order().await;
    let id = order.order.agent_work_order_id;
    let (mut repository, mut agent) = (MockStateRepository::new(), MockAgentExecutor::new());
    let mut sequence = Sequence::new();
    expect_claim(&mut repository, &mut sequence, order);
    let crash = Err(FailureCode::AgentCrashed);
    expect_step(&mut agent, &mut repository, &mut sequence, "classify", 1, crash);
    expect_save(&mut repository, &mut sequence, 1, Some(AgentWorkOrderStatus::Failed)); // exactly two
    let end = run(repository, agent, id, Ok(PullRequestEvidence::NoForge)).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
}

#[tokio::test]
async fn a_pull_request_that_fails_completes_the_order() {
    let order = pending_order().await;
    let id = order.order.agent_work_order_id;
    let (mut repository, mut agent) = (MockStateRepository::new(), MockAgentExecutor::new());
    let mut sequence = Sequence::new();
    expect_claim(&mut repository, &mut sequence, order);
    for (index, step) in SEVEN.into_iter().enumerate() {
        expect_step(&mut agent, &mut repository, &mut sequence, step, index + 1, Ok(()));
    }
    expect_save(&mut repository, &mut sequence, 7, Some(AgentWorkOrderStatus::Completed)); // exactly eight
    let refused = Err(Failure::new(FailureCode::ForgeFailed, "the forge says no"));
    let end = run(repository, agent, id, refused).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
}

#[tokio::test]
async fn a_claim_that_is_not_stored_runs_nothing() {
    let order = pending_order().await;
    let id = order.order.agent_work_order_id;
    let (mut repository, mut agent) = (MockStateRepository::new(), MockAgentExecutor::new());
    agent.expect_capabilities().returning(AgentCapabilities::default);
    agent.expect_execute().times(0);
    repository.expect_get().times(1).returning(move |_| Ok(Some(order.clone())));
    repository.expect_update().times(1).returning(|_, _| Err(awo_engine::StateError::Held));
    repository.expect_save_step_history().times(0);
    let builder = World::new();
    let repository = Arc::new(repository);
    let orchestrator = OrchestratorBuilder::new(
        Arc::clone(&repository) as Arc<dyn awo_engine::StateRepository>,
        Arc::new(InMemoryArtifacts::default()),
        Arc::clone(&builder.sandboxes) as Arc<dyn SandboxProvider>,
        Arc::clone(&builder.forge) as Arc<dyn awo_engine::ports::Forge>,
        Arc::new(PlainPrompts),
    )
    .with_agent("fake", Arc::new(agent))
    .build();
    assert!(orchestrator.run_order(id).await.is_err());
    drop(orchestrator);
    assert_eq!(Arc::strong_count(&repository), 1);
}
