//! Executions that are ended from outside: by time, by silence, by whoever cancels the order.

use std::path::Path;
use std::time::Duration;

use awo_models::FailureCode;
use awo_testkit::{Hang, Progress, Script, Step, until};
use serde_json::json;

use super::{Scene, scene};
use crate::claude::{LONG, failure};

/// Long enough for the program to reach its model on a busy machine.
const SHORT: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_model_that_does_not_answer_is_waited_for_as_long_as_the_step_may_take() {
    let Some(scene) = scene(Script::of([Step::hanging(Hang::Request)])) else { return };
    let report = scene.bench.execute("Say hello.", SHORT).await;
    assert_eq!(failure(&report), (FailureCode::AgentTimeout, "claude was stopped after 4 s of work"));
    hung_up(&scene);
}

#[tokio::test]
async fn a_model_that_falls_silent_is_waited_for_as_long_as_silence_may_last() {
    let Some(mut scene) = scene(Script::of([Step::hanging(Hang::Stream)])) else { return };
    scene.bench.config.silence = Some(SHORT);
    let report = scene.execute("Say hello.").await;
    assert_eq!(failure(&report), (FailureCode::AgentSilent, "claude was stopped after 4 s of silence"));
    hung_up(&scene);
}

#[tokio::test]
async fn cancelling_ends_it_before_the_model_answers() {
    let Some(scene) = scene(Script::of([Step::hanging(Hang::Request)])) else { return };
    cancelled_when(&scene, || scene.model.hangs()).await;
    hung_up(&scene);
}

#[tokio::test]
async fn cancelling_ends_it_while_the_model_speaks() {
    let Some(scene) = scene(Script::of([Step::hanging(Hang::Stream)])) else { return };
    cancelled_when(&scene, || scene.model.hangs()).await;
    hung_up(&scene);
}

#[tokio::test]
async fn cancelling_ends_it_while_a_tool_runs_and_ends_the_tool() {
    // It waits for what nobody writes, and not for ever, should it be left alone.
    let tool = Step::using("Bash", json!({"command": "mkfifo wait; echo $$ > tool; read -t 100 line <> wait"}));
    let Some(scene) = scene(Script::of([tool, Step::saying("Never said.")])) else { return };
    let tool = scene.bench.checkout().join("tool");
    let process = || std::fs::read_to_string(&tool).ok().filter(|text| text.ends_with('\n'));
    cancelled_when(&scene, || process().is_some()).await;
    let process = process().unwrap();
    until("the tool is gone", || !Path::new("/proc").join(process.trim()).exists());
    assert_eq!(scene.model.requests().len(), 1, "the tool's result was never told");
}

/// Executes, and cancels as soon as something can be seen.
async fn cancelled_when(scene: &Scene, seen: impl Fn() -> bool + Sync) {
    let work = scene.bench.execute("Say hello.", LONG * 2);
    let look = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        scene.bench.cancel.cancel();
    };
    let (report, ()) = tokio::join!(work, look);
    assert_eq!(failure(&report).0, FailureCode::Cancelled, "{report:?}");
}

/// Nobody listens to the model any more.
fn hung_up(scene: &Scene) {
    let left = || scene.model.requests().iter().all(|request| request.progress == Progress::Left);
    until("the program has hung up", left);
}
