//! What may be asked for.

use std::sync::Arc;
use std::time::Duration;

use awo_engine::{EngineError, LogQuery, NewOrder, OrderLog};
use awo_models::{Idempotency, StepName, WorkflowType};
use awo_testkit::World;

fn problems(world: &World, request: &NewOrder) -> Vec<String> {
    let found = world.orchestrator().work_orders().check(request);
    found.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

#[tokio::test]
async fn all_problems_at_once() {
    let world = World::new();
    let mut request = NewOrder::new("", " ");
    request.agent = Some("nobody".into());
    request.github_issue_number = Some("--help".into());
    request.base_branch = Some("-x".into());
    request.selected_commands = Some(vec![StepName::known("execute")]);
    request.max_turns = Some(0);
    insta::assert_snapshot!(problems(&world, &request).join("\n"), @r#"
    repository_url: is empty; give the address of a repository
    user_request: is empty; say what is wanted
    github_issue_number: "--help" is not the number of an issue
    base_branch: "-x" is not the name of a branch
    limits.max_turns: is 0; an agent needs at least one turn
    agent: "nobody" is not an agent of this server; there are fake
    selected_commands: step `execute` needs a step before it that writes a plan
    "#);
    assert!(matches!(world.orchestrator().work_orders().create(request).await, Err(EngineError::Invalid(_))));
    assert_eq!(world.timeline.text(), "", "nothing was started");
}

#[tokio::test]
async fn a_workflow_or_commands_not_both() {
    let world = World::new();
    let mut request = NewOrder::new("https://example.org/a/b", "x");
    request.workflow_type = Some(WorkflowType::AgentWorkflowPlan);
    request.selected_commands = Some(vec![]);
    assert_eq!(
        problems(&world, &request),
        ["selected_commands: cannot be given together with workflow_type; leave one of them out"]
    );
    request.workflow_type = None;
    assert_eq!(problems(&world, &request), ["selected_commands: a workflow needs at least one step"]);
    request.selected_commands = None;
    request.optional_steps = vec![StepName::known("deploy")];
    assert_eq!(
        problems(&world, &request),
        ["optional_steps: deploy is not an optional step; there are review and test"]
    );
}

#[tokio::test]
async fn the_same_key_names_the_first_order() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let mut request = NewOrder::new("https://example.org/a/b", "x");
    request.idempotency = Some(Idempotency { key: "k".into(), body_digest: "d1".into() });
    let first = work_orders.create(request.clone()).await.unwrap();
    let again = work_orders.create(request.clone()).await.unwrap();
    assert!(!first.existed && again.existed);
    assert_eq!(first.view.order.agent_work_order_id, again.view.order.agent_work_order_id);
    request.idempotency = Some(Idempotency { key: "k".into(), body_digest: "d2".into() });
    assert!(matches!(work_orders.create(request).await, Err(EngineError::KeyReused { .. })));
    assert_eq!(work_orders.health().queued, 1, "a repetition takes no place");
}

#[tokio::test]
async fn beyond_the_queue_creating_is_refused() {
    let mut world = World::new();
    world.settings.max_queued = 2;
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let request = NewOrder::new("https://example.org/a/b", "x");
    for _ in 0..2 {
        work_orders.create(request.clone()).await.unwrap();
    }
    assert!(matches!(work_orders.create(request).await, Err(EngineError::QueueFull { limit: 2 })));
    assert_eq!(work_orders.list(&awo_engine::OrderQuery::default()).await.unwrap().total, 2, "nothing was stored");
}

#[tokio::test(start_paused = true)]
async fn twenty_orders_at_once_run_eight_at_a_time() {
    let world = Arc::new(World::gated());
    let orchestrator = world.orchestrator();
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(world.create(&orchestrator).await);
    }
    orchestrator.start();
    crate::outages::until(|| orchestrator.work_orders().health().running == 8).await;
    world.gate.as_ref().unwrap().add_permits(20 * 7);
    for id in orders {
        crate::outages::until_async(async || world.stored(id).await.history.len() == 7).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_change_ends_with_the_change() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let work_orders = orchestrator.work_orders();
    let seen = work_orders.get(id).await.unwrap().seq;
    let minute = std::time::Duration::from_mins(1);
    let begun = tokio::time::Instant::now();
    orchestrator.start();
    let changed = work_orders.wait_for_change(id, seen, minute).await.unwrap();
    assert!(changed.seq > seen);
    assert!(begun.elapsed() < minute, "virtual time: it did not wait for the time-out");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_order_without_a_place() {
    let world = World::new();
    world.repository.delay_creates(std::time::Duration::from_secs(1));
    let orchestrator = world.orchestrator();
    orchestrator.start();
    let work_orders = orchestrator.work_orders();
    let creating = work_orders.create(NewOrder::new("https://example.org/a/b", "x"));
    let cut = tokio::time::timeout(std::time::Duration::from_millis(10), creating).await;
    assert!(cut.is_err(), "the caller went away before the answer");
    crate::outages::until_async(async || {
        let list = work_orders.list(&awo_engine::OrderQuery::default()).await.unwrap();
        list.items.first().is_some_and(|row| row.order.state.status.is_terminal())
    })
    .await;
}

#[tokio::test]
async fn steps_have_the_agents_that_they_have_where_the_order_was_made() {
    let mut world = World::new();
    world.settings.default_agent = Some("fake".into());
    world.settings.step_agents = [("implement".to_owned(), "other".to_owned())].into();
    let unknown = world.orchestrator();
    let request = NewOrder::new("https://example.org/a/b", "x");
    assert_eq!(
        unknown.work_orders().check(&request)[0].message,
        "is \"other\" for step `implement`, which is not an agent of this server"
    );
    let with_other = |world: &World| world.builder().with_agent("other", Arc::clone(&world.agent) as _).build();
    let id = world.create(&with_other(&world)).await;

    // Whoever runs it later may have other settings.
    world.settings.step_agents.clear();
    let runner = with_other(&world);
    runner.run_order(id).await.unwrap();
    runner.drain(Duration::from_secs(1), Duration::from_secs(1)).await;
    let order = world.stored(id).await.order;
    let agents = order.spec.workflow.iter().map(|definition| order.spec.agent_of(definition).to_string());
    assert_eq!(agents.collect::<Vec<_>>(), ["fake", "fake", "fake", "fake", "other", "fake", "fake"]);
    let log = world.log.read(id, &LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap();
    let asked = log.lines.iter().filter(|line| &*line.entry.event == "agent_command_started");
    let asked: Vec<_> = asked.map(|line| line.entry.fields["agent"].clone()).collect();
    assert_eq!(asked, ["fake", "fake", "fake", "fake", "other", "fake", "fake"]);
}

#[tokio::test]
async fn an_agent_that_is_asked_for_does_all_steps_and_a_model_is_for_its_own_agent() {
    let mut world = World::new();
    world.settings.default_agent = Some("fake".into());
    world.settings.step_agents = [("implement".to_owned(), "other".to_owned())].into();
    let orchestrator = world.builder().with_agent("other", Arc::clone(&world.agent) as _).build();
    let create = async |agent: Option<&str>| {
        let mut request = NewOrder::new("https://example.org/a/b", "x");
        request.agent = agent.map(str::to_owned);
        request.model = Some("sonnet".into());
        let made = orchestrator.work_orders().create(request).await.unwrap().view.order;
        orchestrator.run_order(made.agent_work_order_id).await.unwrap();
        let requests = std::mem::take(&mut *world.agent.requests.lock().unwrap());
        requests.iter().map(|request| request.model.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(create(None).await, [true, true, true, true, false, true, true]);
    assert_eq!(create(Some("fake")).await, [true; 7]);
}

#[tokio::test]
async fn whoever_asks_for_the_agents_does_not_wait_for_them() {
    let world = World::new();
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let first = work_orders.agents();
    assert_eq!((first[0].name.as_str(), &first[0].seen), ("fake", &None));
    while work_orders.agents()[0].seen.is_none() {
        tokio::task::yield_now().await;
    }
    let (health, _) = work_orders.agents()[0].seen.clone().unwrap();
    assert!(health.is_usable());
}
