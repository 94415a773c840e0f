//! What people see of an agent at work.

use awo_engine::ports::AgentProgress;
use awo_models::Usage;
use awo_testkit::{Play, World};

use crate::outages::{until, until_async};

/// An agent that says what it does, and never ends.
pub(crate) fn working() -> Play {
    let used = Usage { output_tokens: Some(7), ..Usage::default() };
    let tells = vec![
        AgentProgress::Text("I look at it.".into()),
        AgentProgress::ToolStarted { tool: "read".into(), detail: "README.md".into() },
        AgentProgress::ToolEnded { tool: None, success: true },
        AgentProgress::Used(used),
    ];
    Play { tells, ..Play::hangs() }
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_does_is_seen_with_its_order_and_changes_no_version() {
    let world = World::new();
    world.agent.put("plan", working());
    let orchestrator = world.orchestrator();
    let work_orders = orchestrator.work_orders();
    let mut heard = work_orders.activity_hints();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    assert_eq!(heard.recv().await.unwrap().order, id);
    let view = work_orders.get(id).await.unwrap();
    let activity = view.activity.unwrap();
    assert_eq!((activity.step.as_str(), activity.attempt, activity.count), ("plan", 1, 4));
    assert_eq!(activity.entries.len(), 3);
    assert_eq!(activity.usage.unwrap().output_tokens, Some(7));
    assert_eq!(view.seq, world.stored(id).await.seq);
    let listed = work_orders.list(&awo_engine::OrderQuery::default()).await.unwrap();
    assert_eq!(listed.items[0].activity.as_ref().map(|activity| activity.count), Some(4));

    work_orders.cancel(id).await.unwrap();
    until_async(async || world.stored(id).await.order.state.status.is_terminal()).await;
    assert_eq!(work_orders.get(id).await.unwrap().activity, None);
    let events = format!("{:?}", world.events(id).await);
    assert!(!events.contains("README.md"), "it is not stored");
    assert!(!format!("{:?}", world.stored(id).await.history).contains("README.md"));
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_does_in_a_step_that_is_not_stored_is_not_shown_with_another() {
    let world = World::new();
    world.repository.fail_saves([], awo_testkit::Fault::Before);
    world.agent.put("plan", working());
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    orchestrator.start();
    until(|| world.timeline.text().contains("agent: plan")).await;
    let view = orchestrator.work_orders().get(id).await.unwrap();
    assert_eq!(view.order.state.current_step.as_ref().unwrap().step, "classify", "the store has no more");
    assert_eq!(view.activity, None);
}
