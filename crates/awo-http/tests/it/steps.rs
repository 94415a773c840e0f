//! `GET /{id}/steps` and the output of one step.

use std::time::Duration;

use awo_models::{
    ArtifactName, BranchPush, ChangeSummary, Evidence, FailureCode, OrderPatch, ProgramExit, PullRequestEvidence, Try,
    Usage, WorkspaceSnapshot,
};
use awo_state::{ArtifactContent, ArtifactStore as _};
use axum::http::StatusCode;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Worker, World, at, current, result};

#[tokio::test]
async fn steps_are_an_empty_list_before_the_first_one_ends() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/steps");
    let answer = world.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_json_snapshot!("no_steps", answer.json());
    Worker::claim(&world, id, current("classify", "classifier")).await;
    assert_json_snapshot!("first_step_in_progress", world.get(&path).await.json());
}

#[tokio::test]
async fn steps_as_they_are_sent() {
    let world = World::new();
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let snapshot = WorkspaceSnapshot { head: "c0".into(), tree: "t0".into(), branch: None };
    let changes = ChangeSummary {
        commits: 1,
        files_changed: 2,
        lines_added: 3,
        lines_removed: 4,
        files: vec!["src/lib.rs".into()],
    };
    let mut failed = result("classify", "classifier");
    failed.success = false;
    failed.output = None;
    failed.error_code = Some(FailureCode::AgentCrashed);
    failed.error_message = Some("claude gave no result and ended with exit code 3".into());
    failed.error_exit = Some(ProgramExit::Code(3));
    let limited = Try::new(FailureCode::AgentRateLimited, "429", Duration::from_millis(500));
    let crashed = Try::new(FailureCode::AgentCrashed, "killed", Duration::from_millis(125));
    failed.tries = vec![
        Try::new(FailureCode::OutputInvalid, "no class in it", Duration::from_millis(250)),
        Try { waited: Some(Duration::from_hours(1)), ..limited },
        Try { error_exit: Some(ProgramExit::Signal(9)), ..crashed },
    ];
    worker.save(failed, OrderPatch::default()).await;
    let mut full = result("classify", "classifier");
    full.attempt = 2;
    full.session_id = Some("session-1".into());
    full.evidence = Evidence {
        before: Some(snapshot.clone()),
        after: Some(WorkspaceSnapshot { branch: Some("feature/x".into()), ..snapshot }),
        changes: Some(changes.clone()),
        total: Some(changes),
        flagged: vec![".github/workflows/ci.yml".into()],
        issue_class: Some("feature".into()),
        plan_file: Some("specs/plan.md".into()),
        branch: Some("feature/x".into()),
        push: Some(BranchPush { branch: "feature/x".into(), commit: "c1".into() }),
        pull_request: Some(PullRequestEvidence::Opened { url: "https://github.com/o/r/pull/1".into() }),
    };
    full.usage = Some(Usage {
        input_tokens: Some(100),
        cost_nanousd: Some(12_500_000),
        model: Some("opus".into()),
        ..Usage::default()
    });
    full.artifacts = vec![ArtifactName::new("02-classify-2.transcript.jsonl").unwrap()];
    worker.save(full, OrderPatch::default()).await;
    assert_json_snapshot!("steps", world.get(&format!("/agent-work-orders/{id}/steps")).await.json());
}

#[tokio::test]
async fn unchanged_steps_are_not_sent_again() {
    let world = World::new();
    let id = world.order().await;
    let path = format!("/agent-work-orders/{id}/steps");
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    let tag = world.get(&path).await.header("etag").unwrap().to_owned();
    let known = [("if-none-match", &*tag)];
    assert_eq!(world.get_with(&path, &known).await.status, StatusCode::NOT_MODIFIED);
    worker.save(result("classify", "classifier"), OrderPatch::default()).await;
    let changed = world.get_with(&path, &known).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.json()["steps"].as_array().unwrap().len(), 1);
    assert_eq!(changed.header("etag"), Some(&*format!("\"{}\"", changed.json()["version"])));
}

#[tokio::test]
async fn a_step_gives_its_whole_output() {
    let world = World::new();
    let id = world.order().await;
    let path = |n: &str| format!("/agent-work-orders/{id}/steps/{n}/output");
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    worker.save(result("classify", "classifier"), OrderPatch::default()).await;
    let mut long = result("plan", "planner");
    long.output_truncated = true;
    long.artifacts = vec![
        ArtifactName::new("02-plan-1.transcript.jsonl").unwrap(),
        ArtifactName::new("02-plan-1.output.txt").unwrap(),
    ];
    let whole = "output of plan <script>alert(1)</script> and much more";
    world.artifacts.put(id, &long.artifacts[1], ArtifactContent::Bytes(whole.into())).await.unwrap();
    worker.save(long, OrderPatch::default()).await;
    let mut silent = result("find_plan", "plan_finder");
    silent.output = None;
    worker.save(silent, OrderPatch::default()).await;
    let mut lost = result("generate_branch", "branch_generator");
    lost.output_truncated = true;
    worker.save(lost, OrderPatch::default()).await;

    let short = world.get(&path("1")).await;
    assert_eq!((short.status, short.text()), (StatusCode::OK, "output of classify".to_owned()));
    let long = world.get(&path("2")).await;
    assert_eq!((long.status, long.text()), (StatusCode::OK, whole.to_owned()));
    assert_eq!(long.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(long.header("x-content-type-options"), Some("nosniff"), "an agent's output is no page");
    for missing in ["3", "4", "5", "0", "-1", "x", "99999999999999999999999"] {
        world.get(&path(missing)).await.problem(404, "output-not-found");
    }
}

#[tokio::test]
async fn parameters_of_waiting_are_checked() {
    let world = World::new();
    let id = world.order().await;
    for query in ["wait=61", "wait=-1", "wait=NaN", "wait=x", "after=-1", "after=1.5", "wayt=3"] {
        let answer = world.get(&format!("/agent-work-orders/{id}/steps?{query}")).await;
        answer.problem(422, "invalid-request");
    }
    let now = world.get(&format!("/agent-work-orders/{id}/steps?wait=60")).await;
    assert_eq!(now.json()["steps"], json!([]), "nothing to wait for without a version");
}

#[tokio::test]
async fn what_an_order_waits_for_is_told_with_it_and_with_its_steps_and_events() {
    let world = World::new();
    let id = world.order().await;
    let mut worker = Worker::claim(&world, id, current("classify", "classifier")).await;
    worker.wait("the rate limit of fake, in step `classify`", at(9)).await;
    let path = format!("/agent-work-orders/{id}");
    for path in [path.clone(), format!("{path}/steps")] {
        let body = world.get(&path).await.json();
        assert_eq!((&body["status"], &body["current_step"]), (&json!("running"), &Value::Null), "{path}");
        assert_eq!(body["waiting_for"], "the rate limit of fake, in step `classify`", "{path}");
        assert_eq!(body["waiting_until"], json!(at(9)), "{path}");
    }
    let events = world.get(&format!("{path}/events")).await.json();
    let last = events.as_array().unwrap().last().unwrap();
    assert_eq!(last["kind"], "waiting");
    assert_eq!(last["data"]["waiting_until"], json!(at(9)));
}
