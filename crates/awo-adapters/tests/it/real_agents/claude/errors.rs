//! Calls of the model that fail, and what of it can be waited for.

use awo_models::{FailureCode, Timestamp};
use awo_testkit::{Script, Step};
use rstest::rstest;
use serde_json::json;

use super::scene;
use crate::claude::failure;

/// In the year 2100.
const RESET: i64 = 4_102_444_800;

#[rstest]
#[case::key(401, FailureCode::AgentAuth)]
#[case::forbidden(403, FailureCode::AgentAuth)]
#[case::limit(429, FailureCode::AgentRateLimited)]
#[case::broken(500, FailureCode::AgentOverloaded)]
#[case::overloaded(529, FailureCode::AgentOverloaded)]
#[case::wrong(400, FailureCode::AgentCrashed)]
#[case::no_such_model(404, FailureCode::AgentCrashed)]
#[tokio::test]
async fn a_failed_call_has_the_code_of_its_cause(#[case] status: u16, #[case] code: FailureCode) {
    let Some(scene) = scene(Script::of([Step::failing(status, "so says the service")])) else { return };
    let report = scene.execute("Say hello.").await;
    assert_eq!(failure(&report).0, code, "{report:?}");
    assert!(scene.model.requests().iter().all(|request| request.status == Some(status)));
    let failure = report.answer.unwrap_err();
    assert_eq!(failure.until, None);
}

#[tokio::test]
async fn a_limit_of_an_account_is_told_with_the_time_of_its_end() {
    let limited = Step::failing(429, "so says the service")
        .with_header("anthropic-ratelimit-unified-status", "rejected")
        .with_header("anthropic-ratelimit-unified-reset", &RESET.to_string())
        .with_header("anthropic-ratelimit-unified-representative-claim", "five_hour");
    let Some(scene) = scene(Script::of([limited])) else { return };
    // Only a login has such limits.
    let scene = scene.without_variable("ANTHROPIC_API_KEY").with_variable("CLAUDE_CODE_OAUTH_TOKEN", super::KEY);
    let report = scene.execute("Say hello.").await;
    assert_eq!(failure(&report).0, FailureCode::AgentRateLimited, "{report:?}");
    assert_eq!(report.answer.unwrap_err().until, Some(Timestamp::from_second(RESET).unwrap()));
}

#[tokio::test]
async fn a_limit_that_was_not_reached_is_not_waited_for() {
    let script = Script::of([
        Step::using("Bash", json!({"command": "true"}))
            .with_header("anthropic-ratelimit-unified-status", "allowed_warning")
            .with_header("anthropic-ratelimit-unified-reset", &RESET.to_string())
            .with_header("anthropic-ratelimit-unified-representative-claim", "five_hour"),
        Step::failing(429, "too many at once"),
    ]);
    let Some(scene) = scene(script) else { return };
    let scene = scene.without_variable("ANTHROPIC_API_KEY").with_variable("CLAUDE_CODE_OAUTH_TOKEN", super::KEY);
    let report = scene.execute("Say hello.").await;
    assert!(super::transcript(&report).contains("rate_limit_event"), "the program tells of the limit");
    assert_eq!(failure(&report).0, FailureCode::AgentRateLimited, "{report:?}");
    assert_eq!(report.answer.unwrap_err().until, None);
}

#[rstest]
#[case::overloaded(Step::failing(529, "busy").until_call(1, "Hello."))]
#[case::limit(Step::failing(429, "slow down").with_header("retry-after", "1").until_call(1, "Hello."))]
#[tokio::test]
async fn an_error_that_passes_is_not_the_end(#[case] step: Step) {
    let Some(scene) = scene(Script::of([step])) else { return };
    let report = scene.execute("Say hello.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Hello.");
    let statuses: Vec<_> = scene.model.requests().iter().map(|request| request.status.unwrap()).collect();
    assert_eq!((statuses.len(), statuses.last()), (2, Some(&200)), "{statuses:?}");
}

#[rstest]
#[case::cut(Step::saying("Half of this is told, and then the rest.").cut())]
#[case::error(Step::saying("Half of this is told, and then the rest.").with_stream_error("overloaded_error", "busy"))]
#[tokio::test]
async fn a_stream_that_breaks_is_asked_for_again(#[case] step: Step) {
    let Some(scene) = scene(Script::of([step])) else { return };
    let report = scene.execute("Say hello.").await;
    assert_eq!(report.answer.as_deref().unwrap(), "Half of this is told, and then the rest.");
    let streamed: Vec<_> = scene.model.requests().iter().map(|request| request.streamed).collect();
    assert!(streamed.len() >= 2 && streamed[0], "{streamed:?}");
    assert_eq!(streamed.last(), Some(&false), "whole answers are not cut: {streamed:?}");
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_one_to_be_tried_later() {
    let Some(scene) = scene(Script::answering("Nobody hears this.")) else { return };
    let scene = scene.without_variable("ANTHROPIC_BASE_URL").with_variable("ANTHROPIC_BASE_URL", "http://127.0.0.1:1");
    let report = scene.execute("Say hello.").await;
    assert_eq!(failure(&report).0, FailureCode::AgentOverloaded, "{report:?}");
    assert!(scene.model.requests().is_empty());
}
