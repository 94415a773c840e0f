//! Prompts that come after the request: when they are taken up, in which session, and what becomes of the branch.

use std::time::Duration;

use awo_engine::ports::{AgentCapabilities, AgentSession};
use awo_engine::{EngineError, Orchestrator, RunEnd};
use awo_models::{AgentWorkOrderStatus, FailureCode, OrderId, StepName};
use awo_testkit::{Fault, Play, World};

use crate::outages::{until, until_async};
use crate::retry::{failed, shown};

const COMPLETED: RunEnd = RunEnd::Ended(AgentWorkOrderStatus::Completed);

/// An order that has completed.
async fn completed(world: &World) -> (Orchestrator, OrderId) {
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    (orchestrator, id)
}

/// What happened after a line that is in the timeline once.
fn since(world: &World, line: &str) -> String {
    let lines = world.timeline.lines();
    let at = lines.iter().rposition(|other| other == line).unwrap_or_else(|| panic!("{line}: {lines:#?}"));
    lines[at + 1..].join("\n")
}

pub(crate) async fn ended(world: &World, id: OrderId) {
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
}

#[tokio::test(start_paused = true)]
async fn a_prompt_comes_after_the_step_that_is_at_work() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    gate.add_permits(4);
    until(|| world.timeline.text().contains("agent: implement")).await;
    let view = orchestrator.work_orders().prompt(id, "Greet in French, too").await.unwrap();
    assert_eq!((view.order.waiting_prompts(), view.order.total_steps()), (1, 8));
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Running);
    gate.add_permits(9);
    ended(&world, id).await;
    insta::assert_snapshot!(since(&world, "agent: implement"), @r#"
    store: update [prompted]
    store: save 5 [implement✔ +prompt-1]
    agent: prompt-1
    store: save 6 [prompt-1✔ +commit]
    agent: commit
    sandbox: commit "feat: add greeting"
    store: save 7 [commit✔ +create_pr]
    agent: create_pr
    sandbox: push feat-wo-5a5a5a5a-add-greeting
    forge: open feat-wo-5a5a5a5a-add-greeting → main
    store: save 8 [create_pr✔]
    store: save 8 [completed]
    sandbox: remove
    "#);
    let view = world.stored(id).await;
    assert_eq!((view.order.state.steps_completed, view.order.total_steps()), (8, 8));
    let steps: Vec<_> = view.order.workflow().iter().map(|definition| definition.step.to_string()).collect();
    assert_eq!(steps[4..], ["implement", "prompt-1", "commit", "create_pr"]);
    let prompt = world.agent.requests.lock().unwrap()[5].prompt.clone();
    assert!(
        prompt.starts_with("follow_up(follow_up_prompt=Greet in French, too, user_request=Add a greeting"),
        "{prompt}"
    );
}

#[tokio::test]
async fn on_a_completed_order_it_is_one_more_step_on_the_pushed_branch() {
    let world = World::new();
    let (orchestrator, id) = completed(&world).await;
    assert!(!world.sandboxes.has(id));
    let before = world.stored(id).await;
    let session = before.history.last().unwrap().session_id.clone().unwrap();
    let view = orchestrator.work_orders().prompt(id, "Greet in French, too").await.unwrap();
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Pending);
    assert_eq!((view.order.state.completed_at, view.order.state.rounds.len()), (None, 1));
    world.timeline.note("--");
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    insta::assert_snapshot!(since(&world, "--"), @r#"
    sandbox: reopen
    sandbox: rebuild
    store: update [claimed +prompt-1]
    agent: prompt-1
    sandbox: commit "feat: add more"
    sandbox: push feat-wo-5a5a5a5a-add-greeting
    store: save 8 [prompt-1✔]
    store: save 8 [completed]
    sandbox: remove
    "#);
    let view = world.stored(id).await;
    let result = view.history.last().unwrap();
    assert_eq!(result.output.as_deref(), Some("There is more now."));
    assert_eq!(result.evidence.changes.as_ref().unwrap().commits, 1);
    assert_eq!(&*result.evidence.push.as_ref().unwrap().commit, "commit-3");
    assert_eq!(result.artifacts.iter().filter(|name| name.as_str().ends_with("changes.patch")).count(), 1);
    assert_eq!(view.order.state.git_commit_count, 2);
    assert_eq!(view.order.state.github_pull_request_url, before.order.state.github_pull_request_url);
    assert_eq!((view.order.state.steps_completed, view.order.total_steps()), (8, 8));
    assert!(world.events(id).await.iter().all(|event| event.kind.as_str() != "warning"), "nothing went wrong");
    let request = world.agent.requests.lock().unwrap().last().unwrap().clone();
    assert_eq!(request.session, AgentSession::Resumed(session));
    assert_eq!(request.agent_name, "follow_up");
}

#[tokio::test]
async fn what_is_held_back_is_held_back_after_a_prompt_too() {
    let mut world = World::new();
    world.settings.hold_ci_changes = true;
    let (orchestrator, id) = completed(&world).await;
    let writes = vec![(".github/workflows/ci.yml".to_owned(), "on: push\n".to_owned())];
    world.agent.put("prompt-1", Play { writes, ..Play::answers("done") });
    orchestrator.work_orders().prompt(id, "Run the tests on each push").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let state = world.stored(id).await.order.state.clone();
    assert_eq!(state.error_code, Some(FailureCode::ChangesHeld));
    assert_eq!(world.timeline.text().matches("sandbox: push").count(), 1, "the first one alone");
}

#[tokio::test]
async fn a_failed_order_goes_on_after_it_with_what_failed() {
    let world = World::new();
    let id = failed(&world).await;
    world.sandboxes.write(id, "half.txt", "what the failed attempt left");
    let orchestrator = world.orchestrator();
    orchestrator.work_orders().prompt(id, "The greeting goes into src/greeting.txt").await.unwrap();
    world.timeline.note("--");
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    insta::assert_snapshot!(since(&world, "--"), @r#"
    sandbox: reopen
    sandbox: restore
    store: update [claimed +prompt-1]
    agent: prompt-1
    store: save 6 [prompt-1✔ +implement]
    agent: implement
    store: save 7 [implement✔ +commit]
    agent: commit
    sandbox: commit "feat: add greeting"
    store: save 8 [commit✔ +create_pr]
    agent: create_pr
    sandbox: push feat-wo-5a5a5a5a-add-greeting
    forge: open feat-wo-5a5a5a5a-add-greeting → main
    store: save 9 [create_pr✔]
    store: save 9 [completed]
    sandbox: remove
    "#);
    assert_eq!(shown(&world, id).await[4..7], ["implement✘1 superseded", "prompt-1✔1", "implement✔2"]);
}

#[tokio::test]
async fn what_a_prompt_had_done_counts_for_the_step_that_failed_for_want_of_it() {
    let world = World::new();
    world.agent.put("implement", Play::answers("All done!"));
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    assert_eq!(world.stored(id).await.order.state.error_code, Some(FailureCode::EvidenceMissing));
    orchestrator.work_orders().prompt(id, "Nothing is done. Write the file").await.unwrap();
    world.agent.put("implement", Play::answers("It is there already"));
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_being_cancelled_takes_none_and_goes_on_once_it_is() {
    let world = World::new();
    world.agent.put("plan", Play::hangs());
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until(|| world.timeline.text().contains("agent: plan")).await;
    work_orders.prompt(id, "This one waits").await.unwrap();
    world.repository.fail_saves([], Fault::Before);
    work_orders.cancel(id).await.unwrap();
    let refused = work_orders.prompt(id, "Wait").await.unwrap_err().to_string();
    assert!(refused.contains("is running: it is being cancelled; once it is cancelled, a prompt goes on"), "{refused}");
    world.repository.fail_saves([], Fault::None);
    ended(&world, id).await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Cancelled);
    assert_eq!(view.order.waiting_prompts(), 1, "it is cancelled all the same");
    work_orders.prompt(id, "Go on").await.unwrap();
    until_async(async || world.stored(id).await.order.state.status == AgentWorkOrderStatus::Completed).await;
    let shown = shown(&world, id).await;
    assert_eq!(shown[..5], ["classify✔1", "plan✘1 superseded", "prompt-1✔1", "prompt-2✔1", "plan✔2"]);
}

#[tokio::test(start_paused = true)]
async fn two_prompts_come_in_their_order() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    gate.add_permits(6);
    until(|| world.timeline.text().contains("agent: create_pr")).await;
    orchestrator.work_orders().prompt(id, "one").await.unwrap();
    orchestrator.work_orders().prompt(id, "two").await.unwrap();
    gate.add_permits(9);
    ended(&world, id).await;
    assert_eq!(shown(&world, id).await[6..], ["create_pr✔1", "prompt-1✔1", "prompt-2✔1"]);
    let text = world.timeline.text();
    assert!(text.contains(r#"sandbox: commit "feat: add more""#));
    assert!(text.contains("sandbox: commit \"chore: prompt-2 of wo-"), "without words of the agent");
    assert_eq!(text.matches("sandbox: push").count(), 3);
    assert_eq!(text.matches("forge: open").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn on_a_pending_order_it_comes_after_the_first_step() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.work_orders().prompt(id, "In French, please").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    assert_eq!(shown(&world, id).await[..3], ["classify✔1", "prompt-1✔1", "plan✔1"]);
}

#[tokio::test]
async fn an_agent_that_cannot_resume_is_asked_in_a_new_session() {
    let world = World::new();
    world.agent.can(AgentCapabilities { chooses_session: true, resumes: false, reports_cost: true });
    let (orchestrator, id) = completed(&world).await;
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let request = world.agent.requests.lock().unwrap().last().unwrap().clone();
    assert!(matches!(request.session, AgentSession::New(Some(_))), "{:?}", request.session);
    assert!(request.prompt.contains("user_request=Add a greeting"), "the context is in the prompt");
}

#[tokio::test]
async fn a_session_that_is_gone_is_given_up_for_a_new_one() {
    let world = World::new();
    let (orchestrator, id) = completed(&world).await;
    world.agent.lose_sessions();
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let view = world.stored(id).await;
    let result = view.history.last().unwrap();
    assert_eq!(result.tries.len(), 1);
    assert!(result.tries[0].error_message.starts_with("its session could not go on: "));
    assert_eq!(world.agent.requests.lock().unwrap().last().unwrap().session, AgentSession::New(None));
}

#[tokio::test]
async fn a_question_changes_nothing() {
    let world = World::new();
    let (orchestrator, id) = completed(&world).await;
    world.agent.put("prompt-1", Play::answers("Because it is polite."));
    orchestrator.work_orders().prompt(id, "Why good day?").await.unwrap();
    world.timeline.note("--");
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    assert!(!since(&world, "--").contains("push"));
    let view = world.stored(id).await;
    let result = view.history.last().unwrap();
    assert_eq!(result.output.as_deref(), Some("Because it is polite."));
    assert_eq!(result.evidence.changes.as_ref().unwrap().files_changed, 0);
    assert_eq!((&result.evidence.push, view.order.state.git_commit_count), (&None, 1));
    assert!(!world.sandboxes.has(id), "it is delivered as it was");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_while_a_prompt_waits_is_tried_again_after_it() {
    let world = World::gated();
    world.agent.put(
        "implement",
        Play { writes: vec![("half.txt".into(), "half".into())], ..Play::fails(FailureCode::AgentTurnLimit) },
    );
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    gate.add_permits(4);
    until(|| world.timeline.text().contains("agent: implement")).await;
    orchestrator.work_orders().prompt(id, "Be brief").await.unwrap();
    gate.add_permits(9);
    ended(&world, id).await;
    assert_eq!(shown(&world, id).await[4..7], ["implement✘1 superseded", "prompt-1✔1", "implement✔2"]);
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Completed);
    let files = &view.history.get(5).unwrap().evidence.changes.as_ref().unwrap().files;
    assert_eq!(files.iter().map(|file| &**file).collect::<Vec<_>>(), ["src/more.txt"], "what failed is taken back");
}

#[tokio::test]
async fn a_prompt_whose_step_failed_is_tried_again_or_answered_to_by_another() {
    for retry in [true, false] {
        let world = World::new();
        let (orchestrator, id) = completed(&world).await;
        let work_orders = orchestrator.work_orders();
        world.agent.put("prompt-1", Play::fails(FailureCode::AgentRefused));
        work_orders.prompt(id, "one").await.unwrap();
        assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Failed));
        let view = world.stored(id).await;
        assert_eq!(view.order.state.error_message.as_deref(), Some("step `prompt-1` failed: the play says so"));
        if retry {
            work_orders.retry(id, None).await.unwrap();
        } else {
            work_orders.prompt(id, "two").await.unwrap();
        }
        assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
        let shown = shown(&world, id).await;
        let then = if retry { "prompt-1✔2" } else { "prompt-2✔1" };
        assert_eq!(shown[7..], ["prompt-1✘1 superseded", then]);
        let view = world.stored(id).await;
        assert_eq!(view.order.state.steps_completed, view.order.total_steps());
        assert_eq!(view.order.state.error_code, None);
    }
}

#[tokio::test]
async fn a_missing_pull_request_is_opened_after_it() {
    let world = World::new();
    *world.forge.refuses.lock().unwrap() = Some(awo_models::Failure::new(FailureCode::ForgeFailed, "no"));
    let (orchestrator, id) = completed(&world).await;
    *world.forge.refuses.lock().unwrap() = None;
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    assert_eq!(shown(&world, id).await[6..], ["create_pr✘1 superseded", "prompt-1✔1", "create_pr✔2"]);
    assert!(world.stored(id).await.order.state.github_pull_request_url.is_some());
}

#[tokio::test]
async fn a_retry_from_an_earlier_step_has_it_again_in_its_place() {
    let world = World::new();
    let id = failed(&world).await;
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    work_orders.prompt(id, "more").await.unwrap();
    world.agent.put("commit", Play::fails(FailureCode::AgentCrashed));
    orchestrator.run_order(id).await.unwrap();
    work_orders.retry(id, Some(&StepName::known("plan"))).await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let shown = shown(&world, id).await;
    assert_eq!(
        shown[8..],
        ["plan✔2", "find_plan✔2", "generate_branch✔2", "prompt-1✔2", "implement✔3", "commit✔2", "create_pr✔1"]
    );
    let refused = work_orders.retry(id, None).await.unwrap_err().to_string();
    assert!(refused.contains("say what is missing with a prompt"), "{refused}");
}

#[tokio::test]
async fn what_a_step_left_beside_the_pushed_commit_is_not_gone_on_with() {
    let world = World::new();
    world
        .agent
        .put("create_pr", Play { writes: vec![("notes.txt".into(), "n".into())], ..Play::answers("Add greeting") });
    let (orchestrator, id) = completed(&world).await;
    assert!(!world.sandboxes.has(id));
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    assert_eq!(orchestrator.run_order(id).await.unwrap(), COMPLETED);
    let view = world.stored(id).await;
    let files = &view.history.last().unwrap().evidence.changes.as_ref().unwrap().files;
    assert_eq!(files.iter().map(|file| &**file).collect::<Vec<_>>(), ["src/more.txt"]);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_while_the_checkout_is_cleared_away_is_not_forgotten() {
    let world = World::new();
    world.sandboxes.hang_on_remove(true);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until(|| world.timeline.text().contains("sandbox: remove")).await;
    orchestrator.work_orders().prompt(id, "more").await.unwrap();
    until(|| orchestrator.work_orders().health().queued == 0).await;
    tokio::time::sleep(Duration::from_secs(1)).await; // it is looked at, and left to whoever runs it
    world.sandboxes.hang_on_remove(false);
    until_async(async || world.stored(id).await.history.len() == 8).await;
    ended(&world, id).await;
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
}

#[tokio::test]
async fn what_is_no_prompt_or_one_too_many_is_refused_with_the_cure() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let id = world.create(&orchestrator).await;
    let refused = async |text: &str| work_orders.prompt(id, text).await.unwrap_err();
    assert_eq!(refused(" \n").await.to_string(), "prompt_text: is empty; say what is wanted");
    assert!(refused(&"x".repeat(65_537)).await.to_string().contains("has 65537 bytes; at most 65536 are read"));
    for number in 1..=16 {
        let view = work_orders.prompt(id, "again").await.unwrap();
        assert_eq!(view.order.waiting_prompts(), number);
    }
    let full = refused("again").await;
    assert!(matches!(full, EngineError::NotAllowed { .. }), "{full}");
    assert!(full.to_string().contains("as many prompts wait in it as may wait"));
    let unknown = work_orders.prompt(OrderId::new(1, [1; 10]), "x").await;
    assert!(matches!(unknown, Err(EngineError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_to_open_an_ended_order_and_no_other_prompt() {
    let mut world = World::new();
    world.settings.max_queued = 2;
    let (orchestrator, id) = completed(&world).await;
    let waiting = world.create(&orchestrator).await;
    let refused = orchestrator.work_orders().prompt(id, "more").await;
    assert!(matches!(refused, Err(EngineError::QueueFull { .. })), "{refused:?}");
    assert_eq!(world.stored(id).await.order.state.status, AgentWorkOrderStatus::Completed);
    orchestrator.work_orders().prompt(waiting, "more").await.unwrap();
}
