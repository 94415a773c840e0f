//! Orders that go on on another machine: their states are on the remote, and are taken for what was recorded only.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
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

/// What the engine does with the state that a step left.
async fn keep(sandbox: &dyn Sandbox, left: &WorkspaceSnapshot) {
    sandbox.checkpoint(left).await.unwrap();
    sandbox.publish(left).await.unwrap();
}

/// Two states of an order's checkout, as two steps leave them: files that are in no commit, and a commit more.
async fn two_steps(sandbox: &dyn Sandbox) -> [WorkspaceSnapshot; 2] {
    write(sandbox, "notes.txt", "a plan\n");
    let first = sandbox.snapshot().await.unwrap();
    keep(sandbox, &first).await;
    sandbox.create_branch("feat-x").await.unwrap();
    assert!(sandbox.commit("the plan").await.unwrap());
    write(sandbox, "more.txt", "and more\n");
    let second = sandbox.snapshot().await.unwrap();
    keep(sandbox, &second).await;
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
    keep(&*sandbox, &third).await;
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
    keep(&*sandbox, &begun).await;
    // Here the agent was cut; there it came to the end.
    write(&*sandbox, "plan.txt", "a plan\n");
    let next = go_on(&other, &request, &begun).await.unwrap();
    write(&*next, "plan.txt", "a plan\n");
    let planned = next.snapshot().await.unwrap();
    keep(&*next, &planned).await;
    let again = one.provider.reopen(&request).await.unwrap().unwrap();
    again.restore(&planned).await.unwrap();
    assert_eq!(again.snapshot().await.unwrap(), planned);
}

#[tokio::test]
async fn it_is_as_good_too_where_the_other_one_made_a_branch_since() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let sandbox = one.prepare(1).await;
    let begun = sandbox.snapshot().await.unwrap();
    sandbox.checkpoint(&begun).await.unwrap();
    write(&*sandbox, "plan.txt", "a plan\n");
    let next = go_on(&other, &request, &begun).await.unwrap();
    write(&*next, "plan.txt", "a plan\n");
    next.create_branch("feat-plan").await.unwrap();
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
    keep(&*sandbox, &done).await;
    assert_eq!(states(&setting).len(), 3);
    sandbox.push("feat-x").await.unwrap();
    keep(&*sandbox, &done).await;
    assert_eq!(states(&setting), Vec::<String>::new());
    let other = machine();
    assert_eq!(
        go_on(&other, &setting.request(1), &done).await.unwrap().snapshot().await.unwrap(),
        done,
        "by its branch"
    );
}

#[tokio::test]
async fn so_are_those_of_the_owners_before() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let [_, second] = two_steps(&*one.prepare(1).await).await;
    assert_eq!(states(&one).len(), 2);
    // The next one fetches the last of them only.
    let sandbox = go_on(&other, &request, &second).await.unwrap();
    assert!(sandbox.commit("the rest").await.unwrap());
    let done = sandbox.snapshot().await.unwrap();
    sandbox.push("feat-x").await.unwrap();
    keep(&*sandbox, &done).await;
    assert_eq!(states(&one), Vec::<String>::new());
}

#[tokio::test]
async fn so_are_those_of_an_owner_that_pushed_the_branch_and_ended() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let sandbox = one.prepare(1).await;
    two_steps(&*sandbox).await;
    assert!(sandbox.commit("the rest").await.unwrap());
    let done = sandbox.snapshot().await.unwrap();
    keep(&*sandbox, &done).await;
    sandbox.push("feat-x").await.unwrap();
    assert_eq!(states(&one).len(), 3);
    keep(&*go_on(&other, &request, &done).await.unwrap(), &done).await;
    assert_eq!(states(&one), Vec::<String>::new());
}

#[tokio::test]
async fn what_could_not_be_removed_is_removed_the_next_time() {
    let setting = machine();
    let sandbox = setting.prepare(1).await;
    two_steps(&*sandbox).await;
    assert!(sandbox.commit("the rest").await.unwrap());
    let done = sandbox.snapshot().await.unwrap();
    sandbox.push("feat-x").await.unwrap();
    let refuses = setting.remote.path().join("hooks/pre-receive");
    fs::create_dir_all(refuses.parent().unwrap()).unwrap();
    fs::write(&refuses, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&refuses, fs::Permissions::from_mode(0o755)).unwrap();
    keep(&*sandbox, &done).await;
    assert_eq!(states(&setting).len(), 2, "and it is no failure");
    fs::remove_file(refuses).unwrap();
    keep(&*sandbox, &done).await;
    assert_eq!(states(&setting), Vec::<String>::new());
}

#[tokio::test]
async fn a_state_that_another_owner_removed_is_put_there_again() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let [first, second] = two_steps(&*one.prepare(1).await).await;
    let sandbox = go_on(&other, &request, &second).await.unwrap();
    assert!(sandbox.commit("the rest").await.unwrap());
    sandbox.push("feat-x").await.unwrap();
    keep(&*sandbox, &sandbox.snapshot().await.unwrap()).await;
    assert_eq!(states(&one), Vec::<String>::new());
    // The order is tried again from there, on the first machine.
    let again = one.provider.reopen(&request).await.unwrap().unwrap();
    again.restore(&first).await.unwrap();
    keep(&*again, &first).await;
    assert_eq!(states(&one).len(), 1);
}

#[tokio::test]
async fn a_remote_that_is_out_of_reach_has_lost_nothing() {
    let (one, other) = (machine(), machine());
    let request = one.request(1);
    let [first, second] = two_steps(&*one.prepare(1).await).await;
    go_on(&other, &request, &first).await.unwrap();
    let away = one.remote.path().with_extension("away");
    fs::rename(one.remote.path(), &away).unwrap();
    let failure = go_on(&other, &request, &second).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::WorkspaceFailed, "{failure}");
    fs::rename(&away, one.remote.path()).unwrap();
    assert_eq!(go_on(&other, &request, &second).await.unwrap().snapshot().await.unwrap(), second);
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

#[tokio::test]
async fn what_is_no_state_hinders_nobody_to_look_on_the_branch() {
    let (one, other) = (machine(), machine());
    let sandbox = one.prepare(1).await;
    sandbox.create_branch("feat-x").await.unwrap();
    write(&*sandbox, "notes.txt", "a plan\n");
    assert!(sandbox.commit("the plan").await.unwrap());
    let left = sandbox.snapshot().await.unwrap();
    keep(&*sandbox, &left).await;
    sandbox.push("feat-x").await.unwrap();
    for name in states(&one) {
        one.remote.git(["update-ref", &name, "main:README.md"]);
    }
    assert_eq!(go_on(&other, &one.request(1), &left).await.unwrap().snapshot().await.unwrap(), left);
}
