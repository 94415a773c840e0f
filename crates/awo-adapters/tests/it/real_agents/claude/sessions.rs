//! A session that goes on, in a home of its own each time.

use awo_engine::ports::AgentSession;
use awo_models::FailureCode;
use awo_testkit::{Script, Step};

use super::scene;
use crate::claude::{SESSION, failure};

#[tokio::test]
async fn a_session_goes_on_with_what_was_said_and_is_paid_once() {
    let script = Script::answering("Noted.").on("^What did I say", [Step::saying("You said blue.")]);
    let Some(mut scene) = scene(script) else { return };
    let first = scene.execute("My colour is blue.").await;
    assert_eq!(first.answer.as_deref().unwrap(), "Noted.");
    scene.bench.session = AgentSession::Resumed(SESSION.into());
    let second = scene.execute("What did I say?").await;
    assert_eq!(second.answer.as_deref().unwrap(), "You said blue.");
    assert_eq!(second.session_id.as_deref(), Some(SESSION));
    let last = scene.model.requests().pop().unwrap();
    assert!(last.body.to_string().contains("My colour is blue."), "the model is told what came before");
    let cost = |report: &awo_engine::ports::AgentReport| report.usage.as_ref().unwrap().cost_nanousd.unwrap();
    assert_eq!(cost(&second), cost(&first), "each turn costs the same, and what came before is not counted again");
}

#[tokio::test]
async fn a_session_that_is_not_kept_is_a_failure_and_no_new_one() {
    let Some(mut scene) = scene(Script::answering("Noted.")) else { return };
    scene.execute("My colour is blue.").await;
    scene.bench.session = AgentSession::Resumed("22222222-2222-4333-8444-555555555555".into());
    let report = scene.execute("What did I say?").await;
    assert_eq!(failure(&report).0, FailureCode::AgentCrashed, "{report:?}");
    assert_eq!(scene.model.requests().len(), 1);
}
