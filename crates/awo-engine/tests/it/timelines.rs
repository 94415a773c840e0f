//! Whole runs, as one text of the calls in their order.

use awo_engine::RunEnd;
use awo_engine::ports::{AgentCapabilities, AgentSession};
use awo_models::{AgentWorkOrderStatus, Failure, FailureCode, OrderId};
use awo_testkit::{Play, World};

/// Runs one order in a world that was set up by `script`; how it ended, and what happened.
async fn check_run(script: impl FnOnce(&World)) -> (World, OrderId, RunEnd, String) {
    let world = World::new();
    script(&world);
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let end = orchestrator.run_order(id).await.unwrap();
    let text = world.timeline.text();
    (world, id, end, text)
}

#[tokio::test]
async fn a_good_run() {
    let (world, id, end, timeline) = check_run(|_| {}).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    insta::assert_snapshot!(timeline);
    let view = world.stored(id).await;
    assert_eq!(view.order.state.steps_completed, 7);
    assert_eq!(view.order.state.github_pull_request_url.as_deref(), Some("https://forge.example/pull/1"));
    assert_eq!(view.order.state.git_commit_count, 1);
    assert_eq!(view.order.state.git_files_changed, 2);
    assert!(view.order.state.git_branch_name.as_deref().unwrap().starts_with("feat-wo-"));
    assert_eq!(view.order.state.error_message, None);
    assert!(!world.sandboxes.has(id), "a pushed order leaves no checkout");
    insta::assert_json_snapshot!("a_good_run_events", world.events(id).await);
}

#[tokio::test]
async fn a_step_that_fails_ends_the_order_and_keeps_the_checkout() {
    let (world, id, end, timeline) =
        check_run(|world| world.agent.put("implement", Play::fails(FailureCode::AgentCrashed))).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    insta::assert_snapshot!(timeline);
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::AgentCrashed));
    assert_eq!(view.order.state.error_message.as_deref(), Some("step `implement` failed: the play says so"));
    assert_eq!((view.history.len(), view.order.state.steps_completed), (5, 4));
    assert!(world.sandboxes.has(id));
}

#[tokio::test]
async fn a_pull_request_that_fails_completes_the_order_with_the_reason() {
    let refused = Failure::new(FailureCode::ForgeFailed, "403 from the forge");
    let (world, id, end, _) = check_run(|world| *world.forge.refuses.lock().unwrap() = Some(refused)).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_message.as_deref(), Some("step `create_pr` failed: 403 from the forge"));
    assert_eq!(view.history.len(), 7);
    assert!(world.sandboxes.has(id), "the work is kept where the pull request is missing");
}

#[tokio::test]
async fn claimed_work_that_is_not_there_fails_the_step() {
    let (world, id, _, _) = check_run(|world| world.agent.put("implement", Play::answers("All done!"))).await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::EvidenceMissing));
    let last = view.history.last().unwrap();
    assert_eq!(last.output.as_deref(), Some("All done!"), "its last words are kept");
    assert_eq!(last.error_message.as_deref(), Some("the agent reported success, but no file changed"));
}

#[tokio::test]
async fn an_answer_of_the_wrong_form_is_asked_for_again_once() {
    let (world, id, end, _) = check_run(|world| world.agent.put("classify", Play::answers("hmm"))).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let view = world.stored(id).await;
    assert_eq!(view.history.len(), 7, "a good run has seven entries, whatever was asked again");
    assert_eq!(view.history.get(0).unwrap().tries.len(), 1);
    let requests = world.agent.requests.lock().unwrap();
    let again = &requests[1];
    assert!(again.prompt.starts_with("Your last answer could not be used"), "only the reason: {}", again.prompt);
    assert!(matches!(again.session, AgentSession::Resumed(_)));
    assert_eq!(again.session.id(), requests[0].session.id());
}

#[tokio::test]
async fn an_agent_that_cannot_resume_is_asked_again_with_the_whole_prompt() {
    let (world, _, end, _) = check_run(|world| {
        world.agent.can(AgentCapabilities { resumes: false, chooses_session: true, reports_cost: true });
        world.agent.put("classify", Play::answers("hmm"));
    })
    .await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let requests = world.agent.requests.lock().unwrap();
    let (first, again) = (&requests[0], &requests[1]);
    assert!(again.prompt.starts_with(&first.prompt) && again.prompt.contains("Your last answer could not be used"));
    assert_eq!(again.session, AgentSession::New(None), "a session id is used once");
}

#[tokio::test]
async fn a_session_that_is_gone_when_the_agent_is_asked_again_costs_no_work() {
    let (world, id, end, _) = check_run(|world| {
        let writes = vec![("specs/plan.md".into(), "# Plan".into())];
        world.agent.put("plan", Play { writes, ..Play::answers(" ") });
        world.agent.put("plan", Play::fails(FailureCode::AgentNoResult));
        world.agent.put("plan", Play::answers("specs/plan.md"));
    })
    .await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let view = world.stored(id).await;
    let tries: Vec<_> = view.history.get(1).unwrap().tries.iter().map(|tried| tried.error_code).collect();
    assert_eq!(tries, [FailureCode::OutputInvalid, FailureCode::AgentNoResult]);
    assert!(!world.timeline.text().contains("sandbox: restore"));
}

#[tokio::test]
async fn an_answer_of_the_wrong_form_twice_fails_the_step() {
    let (world, id, end, _) = check_run(|world| {
        world.agent.put("classify", Play::answers("hmm"));
        world.agent.put("classify", Play::answers("well"));
    })
    .await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    assert_eq!(world.stored(id).await.order.state.error_code, Some(FailureCode::OutputInvalid));
}

#[tokio::test]
async fn a_plan_outside_the_workspace_is_no_plan() {
    let (world, id, _, _) = check_run(|world| {
        world.agent.put("find_plan", Play::answers("../../etc/passwd.md"));
        world.agent.put("find_plan", Play::answers("/etc/passwd.md"));
    })
    .await;
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::OutputInvalid));
    assert!(view.order.state.error_message.as_deref().unwrap().contains("leads out of the workspace"));
}

#[tokio::test]
async fn a_panic_is_a_result() {
    let (world, id, end, _) = check_run(|world| world.agent.put("plan", Play::panics())).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    let view = world.stored(id).await;
    assert_eq!(view.order.state.error_code, Some(FailureCode::Internal));
    assert_eq!(view.history.len(), 2);
}

#[tokio::test]
async fn a_checkout_that_cannot_be_made_fails_the_first_step() {
    let broken = Failure::new(FailureCode::WorkspaceFailed, "no such repository");
    let (world, id, end, timeline) = check_run(|world| *world.sandboxes.refuses.lock().unwrap() = Some(broken)).await;
    assert_eq!(end, RunEnd::Ended(AgentWorkOrderStatus::Failed));
    insta::assert_snapshot!(timeline, @"
    store: update [claimed +classify]
    sandbox: prepare
    store: save 1 [classify✘]
    store: save 1 [failed]
    ");
    assert_eq!(world.stored(id).await.order.state.error_code, Some(FailureCode::WorkspaceFailed));
}

#[tokio::test]
async fn an_issue_that_cannot_be_fetched_is_a_warning() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let request = awo_engine::NewOrder::new("https://example.org/owner/repo.git", "Fix issue #42");
    let id = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    orchestrator.run_order(id).await.unwrap();
    let view = world.stored(id).await;
    assert_eq!(view.order.state.status, AgentWorkOrderStatus::Completed);
    let warned = world.events(id).await.iter().any(|event| event.kind.as_str() == "warning");
    assert!(warned);
    assert!(world.timeline.text().contains("forge: issue 42"));
    assert!(view.order.state.git_branch_name.as_deref().unwrap().starts_with("feat-issue-42-wo-"));
}

#[tokio::test]
async fn an_issue_is_frozen_and_told_to_the_agents() {
    let world = World::new();
    *world.forge.issue.lock().unwrap() = Some(awo_models::Issue {
        number: "42".into(),
        title: "Crash".into(),
        body: "It crashes".into(),
        closed: false,
    });
    let orchestrator = world.orchestrator();
    let request = awo_engine::NewOrder::new("https://example.org/owner/repo.git", "Fix issue #42");
    let id = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    orchestrator.run_order(id).await.unwrap();
    assert_eq!(world.stored(id).await.order.state.issue.as_ref().unwrap().title.as_ref(), "Crash");
    assert!(world.agent.requests.lock().unwrap()[0].prompt.contains("It crashes"));
    assert!(world.forge.opened.lock().unwrap()[0].body.contains("Closes #42"));
}

#[tokio::test]
async fn long_outputs_are_kept_as_artifacts() {
    let mut world = World::new();
    world.settings.max_output_bytes = 10;
    world.agent.put(
        "plan",
        Play {
            writes: vec![("specs/plan.md".into(), "# P".into())], ..Play::answers("specs/plan.md äöü, and more")
        },
    );
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.run_order(id).await.unwrap();
    let view = world.stored(id).await;
    let plan = view.history.get(1).unwrap();
    assert!(plan.output_truncated);
    assert_eq!(plan.output.as_deref(), Some("specs/plan"));
    let whole = orchestrator.work_orders().artifact(id, &plan.artifacts[0]).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(whole).unwrap(), "specs/plan.md äöü, and more");
}

#[tokio::test]
async fn selected_commands_run_in_their_order() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let mut request = awo_engine::NewOrder::new("https://example.org/owner/repo.git", "Add a greeting");
    let commands = ["create-branch", "planning", "execute", "prp-review", "commit", "create-pr"];
    request.selected_commands = Some(commands.map(awo_models::StepName::known).to_vec());
    let id = orchestrator.work_orders().create(request).await.unwrap().view.order.agent_work_order_id;
    assert_eq!(orchestrator.run_order(id).await.unwrap(), RunEnd::Ended(AgentWorkOrderStatus::Completed));
    let view = world.stored(id).await;
    let steps: Vec<_> = view.history.iter().map(|result| result.step.to_string()).collect();
    assert_eq!(steps, commands);
    assert_eq!(view.order.spec.workflow_type, None);
}
