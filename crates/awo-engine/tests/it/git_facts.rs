//! What git knows of an order's work: while it runs, when it has failed, and when its checkout is gone.

use awo_engine::EngineError;
use awo_testkit::World;

use crate::follow_ups::ended;
use crate::outages::until_async;

fn text(patch: Vec<u8>) -> String {
    String::from_utf8(patch).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_diff_grows_with_each_step_that_ends_while_the_order_runs() {
    let world = World::gated();
    let orchestrator = world.orchestrator();
    let id = world.create(&orchestrator).await;
    let orders = orchestrator.work_orders();
    assert!(orders.diff(id).await.unwrap().is_empty(), "nothing has begun");
    assert_eq!(orders.git_progress(id).await.unwrap().latest_commit, None);
    orchestrator.start();
    let gate = world.gate.as_ref().unwrap();
    let results = async |count: usize| until_async(async || world.stored(id).await.history.len() == count).await;

    gate.add_permits(2);
    results(2).await;
    let planned = text(orders.diff(id).await.unwrap());
    assert!(planned.contains("-> {\"specs/"), "{planned}");
    assert!(text(orders.step_diff(id, 1).await.unwrap()).is_empty(), "classifying changes nothing");
    assert_eq!(text(orders.step_diff(id, 2).await.unwrap()), planned);

    gate.add_permits(3);
    results(5).await;
    let implemented = text(orders.diff(id).await.unwrap());
    assert!(implemented.len() > planned.len(), "{implemented}");
    assert_ne!(text(orders.step_diff(id, 5).await.unwrap()), implemented);
    assert_eq!(orders.git_progress(id).await.unwrap().latest_commit, None, "nothing is committed yet");

    gate.add_permits(1);
    results(6).await;
    assert_eq!(text(orders.diff(id).await.unwrap()), implemented, "a commit changes no file");
    let progress = orders.git_progress(id).await.unwrap();
    assert_eq!(&*progress.latest_commit.unwrap().subject, "message of commit-2");
    assert!(matches!(orders.step_diff(id, 7).await, Err(EngineError::NoDiff { .. })));
    assert!(matches!(orders.step_diff(id, 0).await, Err(EngineError::NoDiff { .. })));
    assert_eq!(world.timeline.lines().iter().filter(|line| line.starts_with("sandbox: re")).count(), 0);

    gate.add_permits(1);
    ended(&world, id).await;
    until_async(async || !world.sandboxes.has(id)).await;
    // What the pull request was opened with; the fake prints it in its own way.
    let whole = text(orders.diff(id).await.unwrap());
    assert!(whole.contains("specs/") && whole != implemented, "{whole}");
    let told = orders.step_diff(id, 5).await.unwrap_err().to_string();
    assert!(told.contains("was pushed") && told.contains("keep_workspaces"), "{told}");
    assert!(text(orders.step_diff(id, 6).await.unwrap()).is_empty(), "a commit changes no file");
    let progress = orders.git_progress(id).await.unwrap();
    assert_eq!(&*progress.latest_commit.unwrap().subject, "feat: add greeting");
}
