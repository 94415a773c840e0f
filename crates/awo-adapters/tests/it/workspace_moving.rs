//! Orders that go on on another machine: their states are on the remote, and are taken for what was recorded only.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;

use awo_adapters::Checkpoints;
use awo_engine::ports::{Sandbox, SandboxProvider as _, SandboxRequest, Standing};
use awo_models::{Failure, FailureCode, WorkspaceSnapshot};
use awo_testkit::repository::FixtureRepository;

use crate::workspace::{Setting, write};

/// A machine that keeps states on the remotes, too.
fn machine() -> Setting {
    Setting::with(FixtureRepository::new(), |settings| settings.checkpoints = Checkpoints::Remote)
}

/// Two states of an order's checkout, as two steps leave them: files that are in no commit, and a commit more.
async fn two_steps(sandbox: &dyn Sandbox) -> [WorkspaceSnapshot; 2] {
    write(sandbox, "notes.txt", "a plan\n");
    let first = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&first).await.unwrap();
    sandbox.create_branch("feat-x").await.unwrap();
    assert!(sandbox.commit("the plan").await.unwrap());
    write(sandbox, "more.txt", "and more\n");
    let second = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&second).await.unwrap();
    [first, second]
}

/// Goes on with an order of another machine's.
async fn go_on(
    machine: &Setting,
    request: &SandboxRequest,
    left: &WorkspaceSnapshot,
) -> Result<Arc<dyn Sandbox>, Failure> {
    assert_eq!(machine.provider.examine(request, left).await.unwrap(), Standing::Lost);
    machine.provider.rebuild(request, left).await
}

fn states(setting: &Setting) -> Vec<String> {
    let refs = setting.remote.git(["for-each-ref", "--format=%(refname)", "refs/awo"]);
    refs.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_state_can_be_gone_on_with_on_another_machine() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let sandbox = one.prepare(1).await;
    for left in &two_steps(&*sandbox).await {
        let again = go_on(&other, &request, left).await.unwrap();
        assert_eq!(again.snapshot().await.unwrap(), *left);
        assert_eq!(again.base_commit(), sandbox.base_commit());
        other.provider.remove(request.order).await.unwrap();
    }
}

#[tokio::test]
async fn the_next_owner_s_states_can_be_gone_on_with_by_the_first() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let [_, second] = two_steps(&*one.prepare(1).await).await;
    let sandbox = go_on(&other, &request, &second).await.unwrap();
    write(&*sandbox, "third.txt", "of the other\n");
    let third = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&third).await.unwrap();
    // The checkout of its own is there, and is not what it was left as.
    let again = one.provider.rebuild(&request, &third).await.unwrap();
    assert_eq!(again.snapshot().await.unwrap(), third);
}

#[tokio::test]
async fn a_checkout_whose_agent_did_the_same_is_as_good() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let sandbox = one.prepare(1).await;
    let begun = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&begun).await.unwrap();
    // Here the agent was cut; there it came to the end.
    write(&*sandbox, "plan.txt", "a plan\n");
    let next = go_on(&other, &request, &begun).await.unwrap();
    write(&*next, "plan.txt", "a plan\n");
    let planned = next.snapshot().await.unwrap();
    next.checkpoint(&planned).await.unwrap();
    let again = one.provider.reopen(&request).await.unwrap().unwrap();
    again.restore(&planned).await.unwrap();
    assert_eq!(again.snapshot().await.unwrap(), planned);
}

#[tokio::test]
async fn states_are_removed_when_the_work_is_on_its_branch() {
    let setting = machine();
    let sandbox = setting.prepare(1).await;
    two_steps(&*sandbox).await;
    assert_eq!(states(&setting).len(), 2);
    assert!(sandbox.commit("the rest").await.unwrap());
    let done = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&done).await.unwrap();
    assert_eq!(states(&setting).len(), 3);
    sandbox.push("feat-x").await.unwrap();
    sandbox.checkpoint(&done).await.unwrap();
    assert_eq!(states(&setting), Vec::<String>::new());
    let other = machine();
    assert_eq!(
        go_on(&other, &setting.request(1), &done).await.unwrap().snapshot().await.unwrap(),
        done,
        "by its branch"
    );
}

#[tokio::test]
async fn nothing_is_pushed_that_nobody_asked_for() {
    let setting = Setting::new(FixtureRepository::new());
    let [_, left] = two_steps(&*setting.prepare(1).await).await;
    assert_eq!(states(&setting), Vec::<String>::new());
    let failure = go_on(&machine(), &setting.request(1), &left).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceLost);
}

#[tokio::test]
async fn a_state_that_somebody_else_put_there_is_not_taken() {
    let (one, other) = (machine(), machine());
    let [_, left] = two_steps(&*one.prepare(1).await).await;
    // On the commit that was recorded, with other files.
    let who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
    let false_state =
        one.remote.git(who.into_iter().chain(["commit-tree", "main^{tree}", "-p", &left.head, "-m", "checkpoint"]));
    for name in states(&one) {
        one.remote.git(["update-ref", &name, false_state.trim()]);
    }
    let failure = go_on(&other, &one.request(1), &left).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceLost);
    assert!(!other.directory(1).join("workspace.json").exists());
}
